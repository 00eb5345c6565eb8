"""Outside the region every window is shown its own noised video, and gives its own video back."""

from __future__ import annotations

import pytest
import torch

from skyreels_core.errors import InputError
from skyreels_core.run.settings import Settings
from skyreels_core.sampling.cache import CachePlan, TeaCache
from skyreels_core.sampling.denoise import Denoiser
from skyreels_core.sampling.guidance import EQ3, Constant, Guidance
from skyreels_core.sampling.hybrid import Hybrid
from skyreels_core.sampling.pinning import Pinning
from skyreels_core.sampling.schedule import flow_sigmas, whole_steps
from skyreels_core.sampling.solvers import SOLVERS
from skyreels_core.windows import WindowPlan

SIGMAS = flow_sigmas(6, 5).tolist()
GUIDANCE = Guidance(Constant(2), Constant(3), EQ3, SIGMAS)
TWO, ONE = WindowPlan.plan(8, 5, 2), WindowPlan.plan(5, 5, 2)
SHIFTS = {"full": 0.9, "noaudio": 0.2, "null": -0.5}
EXACT = {"atol": 1e-6, "rtol": 0}


def drawn(seed: int, *shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def mask_of(window) -> torch.Tensor:
    mask = torch.zeros(1, 1, window.length, 4, 4)
    mask[..., 1:3, 1:3] = 1
    mask[:, :, window.length // 2 :, 1, 3] = 1
    return mask


def source_of(window) -> torch.Tensor:
    """Latents of its own in each window, also where two show the same frames."""
    return torch.cat([mask_of(window), drawn(40 + window.index, 1, 2, window.length, 4, 4)], dim=1)


def velocity(unit, part: torch.Tensor, sigma: float) -> torch.Tensor:
    """Of every place by its neighbours, so that what is outside the mask reaches the inside."""
    spread = part + part.roll(1, -1) + part.roll(1, -2)
    return torch.tanh(spread - SHIFTS[unit.branch] + 0.1 * unit.window.index) + 0.2 * sigma * part


def evaluate(units, x, sigma):
    return (velocity(unit, x[:, :, unit.window.frames], sigma) for unit in units)


def noise(plan: WindowPlan) -> torch.Tensor:
    return drawn(5, 1, 2, plan.latent_frames, 4, 4)


def pinned(plan: WindowPlan, share: float = 1.0, start: torch.Tensor | None = None) -> Pinning:
    return Pinning(source_of, noise(plan) if start is None else start, Hybrid(SIGMAS, share))


def solved(plan: WindowPlan, solver: str, pinning: Pinning | None, **options) -> torch.Tensor:
    return SOLVERS[solver](
        Denoiser(evaluate, plan, GUIDANCE, pinning=pinning, **options), noise(plan), SIGMAS
    )


def written_out(plan: WindowPlan, x: torch.Tensor, sigma: float) -> torch.Tensor:
    """The rule, window by window."""
    fused = torch.zeros_like(x)
    weights = plan.weights(first_step=sigma == 1).float()
    scales = GUIDANCE.coefficients(sigma)
    for window in plan.windows:
        mask, source = source_of(window)[:, :1], source_of(window)[:, 1:]
        noised = (1 - sigma) * source + sigma * noise(plan)[:, :, window.frames]
        seen = mask * x[:, :, window.frames] + (1 - mask) * noised
        x0 = sum(
            scale
            * (seen - sigma * velocity(type("U", (), {"branch": branch, "window": window}), seen, sigma))
            for branch, scale in scales.items()
        )
        x0 = mask * x0 + (1 - mask) * source
        fused[:, :, window.frames] += weights[window.index, window.frames, None, None] * x0
    return fused


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("plan", [ONE, TWO], ids=["one window", "two windows"])
def test_a_pinned_run_is_the_rule_written_out(plan, solver):
    reference = SOLVERS[solver](lambda x, sigma: written_out(plan, x, sigma), noise(plan), SIGMAS)
    torch.testing.assert_close(solved(plan, solver, pinned(plan)), reference, **EXACT)


@pytest.mark.parametrize("solver", SOLVERS)
def test_outside_the_mask_the_result_is_the_video_and_inside_it_is_the_models(solver):
    made, free = solved(ONE, solver, pinned(ONE)), solved(ONE, solver, None)
    mask, source = mask_of(ONE.windows[0]), source_of(ONE.windows[0])[:, 1:]
    torch.testing.assert_close((1 - mask) * made, (1 - mask) * source, **EXACT)
    assert ((made - source) * mask).abs().max() > 0.1 and (made - free).abs().max() > 0.1


def test_where_windows_overlap_the_result_is_the_mean_of_their_own_videos():
    made, pinning = solved(TWO, "euler", pinned(TWO)), pinned(TWO)
    hidden = TWO.fuse(1 - mask_of(window) for window in TWO.windows) == 1
    video = pinning.video(made, TWO)
    torch.testing.assert_close(made * hidden, video * hidden, **EXACT)
    shared = slice(TWO.windows[1].start, TWO.windows[0].length)
    one, other = (source_of(window)[:, 1:] for window in TWO.windows)
    assert (one[:, :, shared] - other[:, :, : shared.stop - shared.start]).abs().max() > 0.1


@pytest.mark.parametrize("units", [1, 2, 5, None])
def test_the_result_does_not_depend_on_how_many_units_a_call_has(units):
    made = solved(TWO, "euler", pinned(TWO), units_per_call=units)
    assert torch.equal(made, solved(TWO, "euler", pinned(TWO)))


def test_a_call_has_units_of_one_window_as_each_sees_a_video_of_its_own():
    calls = []

    def watched(units, x, sigma):
        calls.append({unit.window.index for unit in units})
        return evaluate(units, x, sigma)

    Denoiser(watched, TWO, GUIDANCE, pinning=pinned(TWO), units_per_call=4)(noise(TWO), 0.8)
    assert calls == [{0}, {1}]


def test_the_solvers_own_x_is_not_written_to():
    x = noise(TWO)
    Denoiser(evaluate, TWO, GUIDANCE, pinning=pinned(TWO))(x, 0.8)
    assert torch.equal(x, noise(TWO))


def test_only_the_first_share_of_the_steps_pins():
    denoiser, free = (Denoiser(evaluate, ONE, GUIDANCE, pinning=pin) for pin in (pinned(ONE, 0.5), None))
    differ = [not torch.equal(denoiser(noise(ONE), s), free(noise(ONE), s)) for s in SIGMAS[:-1]]
    assert differ == [True] * 3 + [False] * 3


def test_a_share_of_none_is_the_free_run():
    assert torch.equal(solved(TWO, "euler", pinned(TWO, 0.0)), solved(TWO, "euler", None))


def test_reused_steps_pin_too():
    computed = (True, True, False, False, True, True)
    cache = TeaCache(CachePlan(GUIDANCE.grid, computed), on_cpu=False)
    made = solved(ONE, "euler", pinned(ONE), cache=cache)
    mask, source = mask_of(ONE.windows[0]), source_of(ONE.windows[0])[:, 1:]
    torch.testing.assert_close((1 - mask) * made, (1 - mask) * source, **EXACT)
    assert not torch.equal(made, solved(ONE, "euler", pinned(ONE)))


def test_a_later_part_that_does_not_know_the_first_noise_still_ends_in_the_video():
    pinning = Pinning(source_of, None, Hybrid(SIGMAS, 1.0))
    half = SOLVERS["euler"](Denoiser(evaluate, ONE, GUIDANCE, pinning=pinned(ONE)), noise(ONE), SIGMAS[:4])
    made = SOLVERS["euler"](Denoiser(evaluate, ONE, GUIDANCE, pinning=pinning), half, SIGMAS[3:])
    # Euler keeps what is outside on the straight line from noise to video, so that it is at its place anyway
    torch.testing.assert_close(made, solved(ONE, "euler", pinned(ONE)), atol=1e-5, rtol=0)


def test_less_than_full_strength_begins_from_the_noised_video_inside_the_mask_too():
    pinning, eps = pinned(TWO), noise(TWO)
    video = pinning.video(eps, TWO)
    torch.testing.assert_close(pinning.begun(eps, TWO, 0.6), 0.4 * video + 0.6 * eps)


@pytest.mark.parametrize(
    ("steps", "denoise", "whole"), [(10, 1.0, 10), (10, 0.7, 14), (10, 0.5, 20), (3, 0.9, 3)]
)
def test_a_strength_takes_the_last_steps_of_a_longer_schedule_as_comfyui_does(steps, denoise, whole):
    assert whole_steps(steps, denoise) == whole


@pytest.mark.parametrize("denoise", [0.0, -0.5, 1.01, float("nan"), 0.005])
def test_a_strength_that_cannot_be_used_gets_a_sentence(denoise):
    with pytest.raises(InputError, match=r"denoise strength"):
        Settings().override(method="pinned", denoise=denoise, steps=10).check()


def test_a_strength_without_pinning_gets_a_sentence():
    with pytest.raises(InputError, match="only pinned editing has"):
        Settings(denoise=0.5).check()


def test_another_method_gets_a_sentence():
    with pytest.raises(InputError, match="use one of masks, pinned"):
        Settings(method="erased").check()


def test_a_pinned_edit_pins_at_every_step_unless_told_otherwise():
    assert Settings().override(method="pinned").hybrid == 1
    assert Settings().override(method="pinned", hybrid=0.3).hybrid == 0.3
    assert Settings().override(method="masks").hybrid == Settings().hybrid
