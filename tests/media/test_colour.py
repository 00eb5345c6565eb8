from __future__ import annotations

from dataclasses import dataclass

import pytest
import torch
from torch import Tensor

from skyreels_core.errors import InputError
from skyreels_core.media.colour import (
    GAIN_LIMITS,
    PASSES,
    ColourStatistics,
    apply,
    drift,
    flicker,
    lab_to_rgb,
    mean_lab,
    measure,
    rgb_to_lab,
    unify_clip,
)

FPS = 10.0
FRAMES, SIZE = 80, 48


def unify(*arguments: object, **options: object) -> Tensor:
    return unify_clip(*arguments, **options).frames


def grid() -> tuple[Tensor, Tensor]:
    return torch.meshgrid(torch.linspace(0, 1, SIZE), torch.linspace(0, 1, SIZE), indexing="ij")


def ellipse(x: Tensor | float, y: Tensor | float, half_width: float, half_height: float) -> Tensor:
    """Masks [f h w] of an ellipse whose centre moves as x, y [f]."""
    rows, columns = grid()
    x, y = torch.as_tensor(x).reshape(-1, 1, 1), torch.as_tensor(y).reshape(-1, 1, 1)
    return ((columns - x) / half_width) ** 2 + ((rows - y) / half_height) ** 2 < 1


@dataclass(frozen=True)
class Scene:
    clean: Tensor
    face: Tensor
    intruder: Tensor
    drifting: Tensor


@pytest.fixture(scope="module")
def scene() -> Scene:
    """A talking, swaying face; L x 0.8, a + 6, b - 8 creep in while something dark comes in from the right."""
    generator = torch.Generator().manual_seed(0)
    seconds = torch.arange(FRAMES) / FPS
    rows, columns = grid()
    texture = torch.nn.functional.interpolate(
        torch.randn(1, 3, 9, 9, generator=generator), (SIZE, SIZE), mode="bicubic"
    )
    background = torch.stack([0.45 + 0.25 * columns, 0.4 + 0.2 * rows, 0.5 - 0.2 * columns * rows], -1)
    background = background + 0.05 * texture[0].permute(1, 2, 0)
    x = 0.45 + 0.05 * torch.sin(1.3 * seconds)
    face = ellipse(x, 0.5, 0.22, 0.3)
    clean = torch.where(face[..., None], torch.tensor([0.78, 0.6, 0.5]), background)
    mouth = ellipse(x, 0.65, 0.08, 0.05) & (torch.sin(8 * seconds) > 0).reshape(-1, 1, 1)
    clean = torch.where(mouth[..., None], torch.tensor([0.35, 0.12, 0.12]), clean).clamp(0, 1)
    intruder = ellipse(1.25 - 0.4 * (seconds - 3).clamp(0, 1), 0.6, 0.15, 0.45)
    noise = 0.003 * torch.randn(clean.shape, generator=generator)
    drifting = (crept(clean) + noise).clamp(0, 1)
    return Scene(clean, face.float(), intruder, torch.where(intruder[..., None], 0.05, drifting))


def crept(frames: Tensor) -> Tensor:
    share = torch.linspace(0, 1, len(frames))[:, None, None]
    lightness, a, b = rgb_to_lab(frames).unbind(-1)
    return lab_to_rgb(torch.stack([lightness * (1 - 0.2 * share), a + 6 * share, b - 8 * share], -1))


def per_frame_transfer(frames: Tensor, reference: Tensor) -> Tensor:
    """The usual way: each frame's LAB mean and deviation made the reference's."""
    lab, goal = rgb_to_lab(frames), rgb_to_lab(reference)
    mean, deviation = lab.mean((1, 2), keepdim=True), lab.std((1, 2), keepdim=True)
    return lab_to_rgb((lab - mean) / deviation * goal.std((0, 1)) + goal.mean((0, 1)))


def error(frames: Tensor, scene: Scene) -> float:
    return float((frames - scene.clean).abs()[~scene.intruder].mean())


def still_flicker(frames: Tensor, scene: Scene) -> float:
    """Flicker of the still left edge, mean over L, a, b."""
    edge = (grid()[1] < 0.15).expand(FRAMES, -1, -1)
    return float(flicker(mean_lab(frames, edge), mean_lab(scene.clean, edge)).mean())


def test_lab_is_cie_lab():
    white, red, grey = rgb_to_lab(torch.tensor([[1.0, 1, 1], [1, 0, 0], [0.5, 0.5, 0.5]]))
    assert white.tolist() == pytest.approx([100, 0, 0], abs=1e-3)
    assert red.tolist() == pytest.approx([53.24, 80.09, 67.20], abs=0.01)
    assert grey.tolist() == pytest.approx([53.39, 0, 0], abs=0.01)


def test_lab_goes_back_to_the_same_colours():
    rgb = torch.rand(10000, 3, generator=torch.Generator().manual_seed(0))
    rgb[:2] = torch.tensor([[0.0] * 3, [1.0] * 3])
    assert (lab_to_rgb(rgb_to_lab(rgb)) - rgb).abs().max() < 1e-4  # far under an 8-bit step


@pytest.mark.parametrize("inside", ["face mask", "whole frame"])
def test_drift_is_taken_back_better_than_by_per_frame_transfer(scene, inside):
    mask = scene.face if inside == "face mask" else None
    unified = unify(scene.drifting, scene.clean[0], FPS, mask)
    transferred = per_frame_transfer(scene.drifting, scene.clean[0])
    assert error(unified, scene) < 0.0125 < error(transferred, scene)
    assert still_flicker(unified, scene) < 0.037
    assert still_flicker(unified, scene) < still_flicker(transferred, scene)


def test_the_first_frames_serve_as_reference(scene):
    assert error(unify(scene.drifting, scene.drifting[:5], FPS), scene) < 0.0125


def test_what_enters_the_picture_does_not_move_the_colours(scene):
    entered = torch.where(scene.intruder[..., None], 0.05, scene.clean)
    assert error(unify(entered, scene.clean[0], FPS), scene) < 0.004
    assert error(per_frame_transfer(entered, scene.clean[0]), scene) > 0.02


def test_a_face_that_leaves_its_place_keeps_its_own_colours():
    x = torch.linspace(0.3, 0.7, FRAMES)
    face = ellipse(x, 0.5, 0.15, 0.2)
    background = torch.stack([grid()[1], grid()[0], 1 - grid()[1]], -1)
    frames = torch.where(face[..., None], torch.tensor([0.7, 0.55, 0.45]), background)
    assert (unify(frames, frames[0], FPS, face.float()) - frames).abs().max() < 1e-3


def test_strength_scales_the_correction_and_zero_leaves_the_frames_alone(scene):
    statistics = measure(scene.drifting, scene.clean[0]).smoothed(FPS)
    assert torch.equal(apply(scene.drifting, statistics, 0.0), scene.drifting)
    errors = [error(apply(scene.drifting, statistics, strength), scene) for strength in (0.0, 0.5, 1.0)]
    assert errors[0] > 1.5 * errors[1] > 1.5 * errors[2]


def test_the_luminance_gain_is_limited():
    frames = torch.full((3, 16, 16, 3), 0.2)
    statistics = ColourStatistics(torch.tensor([0.1, 1.0, 10.0]), torch.zeros(3, 2))
    gains = rgb_to_lab(apply(frames, statistics))[:, 0, 0, 0] / rgb_to_lab(frames)[:, 0, 0, 0]
    assert gains.tolist() == pytest.approx([GAIN_LIMITS[1], 1, GAIN_LIMITS[0]], rel=1e-3)


def test_a_video_in_chunks_is_the_video_at_once(scene):
    pieces = [slice(start, start + 17) for start in range(0, FRAMES, 17)]
    chunks = [measure(scene.drifting[p], scene.clean[0], scene.face[p], scene.face[0]) for p in pieces]
    statistics = ColourStatistics.join(chunks).smoothed(FPS)
    streamed = torch.cat([apply(scene.drifting[p], statistics[p]) for p in pieces])
    assert torch.equal(streamed, unify(scene.drifting, scene.clean[0], FPS, scene.face))


def test_correction_changes_slowly_however_the_measurements_jump():
    jumping = ColourStatistics(1 + 0.1 * (-1.0) ** torch.arange(100), torch.zeros(100, 2))
    smooth = jumping.smoothed(25.0)
    assert (smooth.lightness - 1).abs().max() < 0.005
    steps = ColourStatistics(torch.cat([torch.ones(100), torch.full((100,), 1.2)]), torch.zeros(200, 2))
    assert steps.smoothed(25.0).lightness.diff().max() < 0.2 / 25 / 2  # a Gaussian's slope: 0.4 / sigma


def test_frames_without_a_face_take_their_neighbours_correction(scene):
    missing = scene.face.clone()
    missing[30:50] = 0
    unified = unify(scene.drifting, scene.clean[0], FPS, missing)
    assert error(unified, scene) < 0.0125


def test_a_video_without_any_face_stays_as_it_is_and_says_so(scene, caplog):
    unified = unify(scene.drifting, scene.clean[0], FPS, torch.zeros_like(scene.face))
    assert (unified - scene.drifting).abs().max() < 1e-4
    assert "no frame could be measured" in caplog.text


def test_a_black_reference_changes_nothing():
    frames = torch.zeros(5, 16, 16, 3)
    assert torch.isfinite(unify(frames, frames[0], FPS)).all()


def test_a_reference_of_another_size_is_named():
    frames, reference = torch.rand(2, 16, 16, 3), torch.rand(32, 16, 3)
    with pytest.raises(InputError, match=r"\(16, 16\) and the colour reference is \(32, 16\)"):
        measure(frames, reference)
    with pytest.raises(InputError, match="Fit the reference"):
        unify(frames, reference, FPS, torch.ones(2, 16, 16))


def test_masks_let_the_reference_have_a_size_of_its_own():
    frames, reference = torch.full((2, 16, 16, 3), 0.4), torch.full((32, 24, 3), 0.5)
    statistics = measure(frames, reference, torch.ones(2, 16, 16), torch.ones(32, 24))
    expected = rgb_to_lab(frames[0, 0, 0])[0] / rgb_to_lab(reference[0, 0])[0]
    assert statistics.lightness.tolist() == pytest.approx([float(expected)] * 2)


def test_drift_is_the_slope_per_minute_and_the_change_over_the_clip():
    minutes = torch.arange(121) / (2 * 60)
    means = torch.stack([50 + 6 * minutes, -2 * minutes, torch.full_like(minutes, 3.0)], 1)
    means[40:60] = torch.nan
    wandering = drift(means, fps=2.0)
    assert wandering.slope.tolist() == pytest.approx([6, -2, 0], abs=1e-4)
    assert wandering.change.tolist() == pytest.approx([6, -2, 0], abs=1e-4)


def test_flicker_is_the_change_from_frame_to_frame_beyond_the_source_s():
    source = torch.arange(50.0)[:, None].expand(50, 3)
    jitter = torch.stack([2.0 * (torch.arange(50) % 2), torch.zeros(50), torch.zeros(50)], 1)
    assert flicker(source, source).tolist() == [0, 0, 0]
    assert flicker(jitter, torch.zeros(50, 3)).tolist() == pytest.approx([2, 0, 0])


def test_the_report_tells_the_drift_before_and_after(scene):
    unified = unify_clip(scene.drifting, scene.clean[0], FPS, scene.face)
    before, after = (line.split(", a ")[0] for line in str(unified).split("lightness ")[1:])
    assert float(before.split()[0]) == pytest.approx(-20, abs=3)
    assert abs(float(after.split()[0])) < 3
    assert str(unified).startswith("80 of 80 frames measured.")


def test_a_picture_alone_has_no_drift(scene):
    assert "lightness +0.0 %, a +0.0, b +0.0 before" in str(unify_clip(scene.clean[:1], scene.clean[0], FPS))


def test_nothing_to_measure_is_said(scene):
    nobody = torch.zeros_like(scene.face)
    assert str(unify_clip(scene.clean, scene.clean[0], FPS, nobody)).startswith("No frame could be measured")


def test_one_mask_serves_all_frames_and_a_longer_one_is_cut(scene):
    expected = unify(scene.drifting, scene.clean[0], FPS, scene.face[:1].expand(FRAMES, -1, -1))
    assert torch.equal(unify(scene.drifting, scene.clean[0], FPS, scene.face[:1]), expected)
    longer = torch.cat([scene.face, scene.face])
    assert torch.equal(
        unify(scene.drifting, scene.clean[0], FPS, longer),
        unify(scene.drifting, scene.clean[0], FPS, scene.face),
    )


def test_masks_that_do_not_belong_are_refused(scene):
    one = scene.face[:1]
    with pytest.raises(InputError, match="the video"):
        unify(scene.drifting, scene.clean[0], FPS, scene.face[:7])
    with pytest.raises(InputError, match="the colour reference"):
        unify(scene.drifting, scene.clean[0], FPS, one, one[:, :20])
    with pytest.raises(InputError, match="none of the frames"):
        unify(scene.drifting, scene.clean[0], FPS, reference_mask=one)


def test_without_smoothing_every_frame_is_corrected_by_itself():
    jumping = ColourStatistics(1 + 0.1 * (-1.0) ** torch.arange(10), torch.zeros(10, 2))
    assert torch.equal(jumping.smoothed(25.0, seconds=0.0).lightness, jumping.lightness)


def test_progress_counts_three_steps_for_each_frame_and_may_cancel(scene):
    steps = []
    unify(scene.drifting, scene.clean[0], FPS, callback=steps.append)
    assert steps == sorted(set(steps)) and steps[-1] == PASSES * FRAMES - 1

    def cancel(step: int) -> None:
        if step > FRAMES:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        unify(scene.drifting, scene.clean[0], FPS, callback=cancel)
