"""What was tried beside the method is what its name says, so that what it lost by is what was measured."""

from __future__ import annotations

import torch

from benchmarks.material import example
from benchmarks.variants import ProjectedGuidance, animated_as, shifted, shuffled_noise
from skyreels_core.pipeline.planning import facts_of, plan_animation
from skyreels_core.windows import WindowPlan


class Whole(ProjectedGuidance):
    """With nothing taken from the guidance's direction."""

    parallel, limit, momentum = 1.0, float("inf"), 0.0


def test_projected_guidance_that_takes_nothing_away_is_plain_guidance():
    clip = example(0, 0.5)
    settings = {"steps": 2, "audio_guidance": "4", "text_guidance": "3"}
    plain, projected = animated_as(clip, **settings), animated_as(clip, denoiser=Whole, **settings)
    assert (plain - projected).abs().max() < 1e-4
    assert (plain - animated_as(clip, denoiser=ProjectedGuidance, **settings)).abs().max() > 1e-2


def test_shuffled_noise_is_the_first_windows_own():
    from benchmarks.material import bundle, shipped

    clip = example(0, 3.0)
    plan = plan_animation(shipped(), facts_of(bundle()), clip.voice, clip.frames[0])
    noise, length = shuffled_noise(plan)[0], plan.window_length
    first = noise[:, :length]
    for frame in range(length, noise.shape[1]):
        assert any(torch.equal(noise[:, frame], first[:, other]) for other in range(length))


def test_shifting_windows_cover_every_frame_and_start_elsewhere_at_each_step():
    plan = WindowPlan.plan(76, 9, 3)
    shifts = [shifted(plan, step) for step in range(6)]
    assert all(torch.allclose(each.weights().sum(0), torch.ones(76, dtype=torch.float64)) for each in shifts)
    assert len({tuple(window.start for window in each.windows) for each in shifts}) > 3
