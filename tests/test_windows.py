from __future__ import annotations

import itertools
import math

import pytest
import torch

from skyreels_core.errors import InputError
from skyreels_core.sampling.denoise import Denoiser
from skyreels_core.sampling.guidance import EQ3, Constant, Guidance
from skyreels_core.sampling.schedule import flow_sigmas
from skyreels_core.sampling.solvers import SOLVERS, SolverState, euler
from skyreels_core.timeline import token_span
from skyreels_core.windows import MODES, Window, WindowPlan

PLANS = [
    (frames, length, overlap)
    for frames, length in itertools.product((1, 2, 4, 5, 6, 9, 13, 17, 28, 43), (1, 2, 5, 6, 9))
    for overlap in range(length)
]
SIGMAS = flow_sigmas(6, 5)


def velocity(window: Window, part: torch.Tensor, sigma: float) -> torch.Tensor:
    """A flow in which frames of a window see each other, and each window has a condition of its own."""
    return torch.tanh(part + part.roll(1, dims=2) * 0.5 + 0.7 * window.index) + 0.3 * sigma * part


def evaluate(units, x, sigma):
    return [velocity(unit.window, x[:, :, unit.window.frames], sigma) for unit in units]


def latent(frames: int) -> torch.Tensor:
    return torch.randn(1, 2, frames, 3, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


def fuse_latents_after_each_step(solver, plan: WindowPlan, z: torch.Tensor) -> torch.Tensor:
    """Algorithm 1 as the paper has it: every window takes its own step, the latents are fused."""
    memory: dict[int, SolverState] = {}
    for step in range(len(SIGMAS) - 1):
        stepped = []
        for window in plan.windows:
            previous = memory[window.index].denoised if step else None
            state = SolverState(step, z[:, :, window.frames], previous)
            stepped.append(
                solver(
                    lambda x, sigma, window=window: x - sigma * velocity(window, x, sigma),
                    state,
                    SIGMAS[: step + 2],
                    save=lambda state, window=window: memory.__setitem__(window.index, state),
                )
            )
        z = plan.fuse(stepped, first_step=step == 0)
    return z


def fuse_predictions(solver, plan: WindowPlan, z: torch.Tensor) -> torch.Tensor:
    guidance = Guidance(Constant(1), Constant(1), EQ3, SIGMAS)
    return solver(Denoiser(evaluate, plan, guidance), z, SIGMAS)


@pytest.mark.parametrize(
    "name", [name for name in SOLVERS if name != "lcm"]
)  # its noise is of the whole length
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("overlap", [0, 1, 3, 5])
def test_fused_predictions_and_one_step_equal_fused_latents(name, mode, overlap):
    plan = WindowPlan.plan(17, 7, overlap, mode)
    expected = fuse_latents_after_each_step(SOLVERS[name], plan, latent(17))
    fused = fuse_predictions(SOLVERS[name], plan, latent(17))
    torch.testing.assert_close(fused, expected, atol=1e-6, rtol=0)


def test_without_fusion_at_the_first_step_the_paper_is_followed_too():
    plan = WindowPlan.plan(17, 7, 3, fuse_first_step=False)
    expected = fuse_latents_after_each_step(euler, plan, latent(17))
    fused = fuse_predictions(euler, plan, latent(17))
    torch.testing.assert_close(fused, expected, atol=1e-6, rtol=0)
    always = fuse_predictions(euler, WindowPlan.plan(17, 7, 3), latent(17))
    assert (fused - always).abs().max() > 1e-3


def test_without_fusion_at_the_first_step_the_last_window_to_write_wins():
    plan = WindowPlan.plan(12, 7, 2, fuse_first_step=False)
    assert plan.weights(first_step=True).argmax(dim=0).tolist() == [0] * 5 + [1] * 7
    assert 0 < plan.weights()[0, 5] <= 1


@pytest.mark.parametrize("mode", MODES)
def test_the_weights_of_every_frame_sum_to_one(mode):
    for frames, length, overlap in PLANS:
        plan = WindowPlan.plan(frames, length, overlap, mode, fuse_first_step=False)
        for weights in (plan.weights(), plan.weights(first_step=True)):
            assert weights.min() >= 0
            torch.testing.assert_close(
                weights.sum(dim=0), torch.ones(frames, dtype=torch.float64), atol=1e-12, rtol=0
            )


def test_all_windows_are_whole_evenly_spread_and_share_the_overlap():
    for frames, length, overlap in PLANS:
        windows = WindowPlan.plan(frames, length, overlap).windows
        if frames <= length:
            assert windows == (Window(0, 0, frames),)
            continue
        starts = [window.start for window in windows]
        strides = [after - before for before, after in itertools.pairwise(starts)]
        assert len(windows) == math.ceil((frames - overlap) / (length - overlap))
        assert {window.length for window in windows} == {length}
        assert starts[0] == 0 and starts[-1] == frames - length
        assert max(strides) <= length - overlap
        assert max(strides) - min(strides) <= 1
        assert [window.index for window in windows] == list(range(len(windows)))


def test_a_minute_at_the_default_lengths():
    """1501 frames are 376 latent frames, in windows of 81 frames that share 17 or a few more."""
    windows = WindowPlan.plan(376, 21, 5).windows
    assert len(windows) == 24
    assert [window.start for window in windows[:3]] == [0, 15, 31]
    assert windows[-1] == Window(23, 355, 21)


def test_the_first_frame_of_every_later_window_counts_nothing():
    """Each window's own first latent frame is pulled to its reference still."""
    for frames, length, overlap in PLANS:
        plan = WindowPlan.plan(frames, length, overlap)
        for window in plan.windows[1:]:
            if overlap:
                assert plan.weights()[window.index, window.start] == 0


def test_ramps_rise_from_zero_to_one_over_the_true_overlap():
    plan = WindowPlan.plan(16, 9, 2)
    assert [window.start for window in plan.windows] == [0, 7]
    torch.testing.assert_close(plan.weights()[1, 7:9], torch.tensor([0.0, 1.0], dtype=torch.float64))
    plan = WindowPlan.plan(13, 9, 5)
    expected = torch.tensor([0, 0.25, 0.5, 0.75, 1, 1, 1, 1, 1], dtype=torch.float64)
    torch.testing.assert_close(plan.weights()[1, 4:], expected)


def test_an_overlap_of_one_frame_belongs_to_the_earlier_window():
    plan = WindowPlan.plan(9, 5, 1)
    assert plan.weights()[:, 4].tolist() == [1, 0]


def test_in_one_direction_the_earlier_window_decides():
    assert WindowPlan.plan(16, 9, 2, "forward").weights()[:, 7:9].tolist() == [[1, 1], [0, 0]]


def test_without_overlap_each_frame_has_one_window():
    plan = WindowPlan.plan(18, 9, 4, "none")
    assert [window.start for window in plan.windows] == [0, 9]
    assert set(WindowPlan.plan(20, 9, 4, "none").weights().unique().tolist()) == {0, 1}


def test_one_window_is_passed_through_bit_for_bit():
    part = latent(7).float()
    assert torch.equal(WindowPlan.plan(7, 21, 5).fuse([part]), part)


@pytest.mark.parametrize("length, overlap", [(5, 5), (5, 9), (5, -1), (0, 0)])
def test_an_overlap_that_does_not_fit_the_window_is_refused(length, overlap):
    with pytest.raises(InputError, match="smaller than the window"):
        WindowPlan.plan(30, length, overlap)


def test_an_unknown_mode_is_refused():
    with pytest.raises(InputError, match="bidirectional, forward, none"):
        WindowPlan.plan(30, 9, 3, "backward")


def test_a_window_hears_its_own_stretch_of_the_voice():
    window = WindowPlan.plan(40, 21, 5).windows[1]
    assert window.token_span(25.0, 400) == token_span(window.start, 21, 25.0, 400)
