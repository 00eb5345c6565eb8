from __future__ import annotations

import weakref
from contextlib import contextmanager

import pytest
import torch

from skyreels_core.errors import InputError
from skyreels_core.media.colour import unify_clip
from skyreels_core.media.unify import unify_stream

FPS = 2.0  # so that the smoothing reaches 8 frames


def drifting(frames: int = 40) -> torch.Tensor:
    """Noise that grows darker and flickers, [f h w 3]."""
    generator = torch.Generator().manual_seed(0)
    still = 0.2 + 0.6 * torch.rand(1, 24, 32, 3, generator=generator)
    light = torch.linspace(1, 0.7, frames) + 0.05 * torch.rand(frames, generator=generator)
    return still * light[:, None, None, None]


@pytest.mark.parametrize("frames", [1, 5, 9, 17, 40])
@pytest.mark.parametrize("strength", [1.0, 0.3])
def test_streamed_frames_are_unified_as_the_whole_clip_is(frames, strength):
    clip = drifting()[:frames]
    streamed = torch.stack(list(unify_stream(iter(clip), FPS, strength)))
    expected = unify_clip(clip, clip[:1], FPS, strength=strength).frames
    torch.testing.assert_close(streamed, expected, atol=1e-6, rtol=0)


def test_each_frame_may_have_a_reference_of_its_own():
    clip = drifting()
    unified = torch.stack(list(unify_stream(clip, FPS, reference=lambda index: clip[index])))
    torch.testing.assert_close(unified, clip, atol=1e-5, rtol=0)


def test_without_strength_the_frames_pass_at_once_and_untouched():
    clip = drifting(3)
    stream = unify_stream(iter(clip), FPS, 0.0, reference=lambda index: pytest.fail("measured"))
    assert torch.equal(torch.stack(list(stream)), clip)


def test_only_the_frames_that_wait_are_in_memory():
    alive, most = [], 0

    def source():
        nonlocal most
        for frame in drifting(60):
            frame = frame.clone()
            alive.append(weakref.ref(frame))
            most = max(most, sum(reference() is not None for reference in alive))
            yield frame
            del frame

    assert sum(1 for _ in unify_stream(source(), FPS, reference=lambda index: drifting(1)[0])) == 60
    assert most <= 8 + 2


def test_the_work_is_timed_without_the_wait_for_frames():
    inside = 0

    @contextmanager
    def stage():
        nonlocal inside
        inside += 1
        yield
        inside -= 1

    def source():
        for frame in drifting(20):
            assert not inside
            yield frame

    for _ in unify_stream(source(), FPS, stage=stage):
        assert not inside


def test_a_reference_of_another_size_is_refused():
    with pytest.raises(InputError, match="Fit the reference"):
        next(unify_stream(drifting(1), FPS, reference=lambda index: torch.rand(8, 8, 3)))
