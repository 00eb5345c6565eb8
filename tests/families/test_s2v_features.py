"""The clock of Wan2.2-S2V: what a frame of the video is conditioned on, and where."""

from __future__ import annotations

import pytest
import torch

from skyreels_core.errors import InputError
from skyreels_core.families.s2v.chunks import CHUNK, MOTION, plan_chunks
from skyreels_core.families.s2v.features import (
    FPS,
    HOP,
    LAYERS,
    LEAD,
    REACH,
    WIDTH,
    at_frames,
    check_fps,
    features_of,
    placed,
    s2v_features,
)
from skyreels_core.timeline import SAMPLE_RATE, Timeline, latent_frames

FIVE_CHUNKS = 77 + 4 * 80  # frames
HALF_A_FRAME = 0.5 / FPS


class Clock:
    """An encoder whose states say when they begin, in seconds of what it is given."""

    def encode_layers(self, samples: torch.Tensor) -> torch.Tensor:
        count = (len(samples) - REACH) // HOP + 1
        return (torch.arange(count) * HOP / SAMPLE_RATE)[None, :, None].expand(LAYERS, -1, WIDTH)


def heard(frames: int) -> torch.Tensor:
    """When, in seconds of the voice, what each frame of a video is conditioned on begins."""
    samples = torch.zeros(frames * SAMPLE_RATE // FPS)
    features = s2v_features(Clock(), samples, latent_frames(Timeline(frames, FPS).padded_frames))
    times = features[:, 0, 0] - LEAD / SAMPLE_RATE
    return times[3 : 3 + frames]  # frame f is the last but f of the latent frames' fours


@pytest.mark.parametrize("frames", [1, 2, 17, 77, 157, FIVE_CHUNKS, FIVE_CHUNKS - 1, 3000])
def test_sound_and_picture_stay_within_half_a_frame(frames):
    shown = torch.arange(frames) / FPS
    # the last frame's states may lie behind the end of the voice
    away = (heard(frames) - shown)[: max(1, frames - 1)].abs().max()
    assert away <= HALF_A_FRAME


def test_five_chunks_are_397_frames_and_consume_400_audio_frames():
    plan = plan_chunks(latent_frames(FIVE_CHUNKS))
    assert [chunk.start for chunk in plan] == [0, 20, 40, 60, 80]
    assert [chunk.kept for chunk in plan] == [20] * 5
    shown = [4 * (chunk.start + chunk.kept) - 3 for chunk in plan]
    assert shown == [77, 157, 237, 317, 397]
    features = torch.arange(400.0)[:, None, None]
    first = [float(features_of(features, chunk.start, CHUNK).flatten()[0]) for chunk in plan]
    assert first == [0, 80, 160, 240, 320]


def test_a_chunk_of_one_more_than_a_multiple_of_four_frames_would_drift():
    """What the plan avoids: 77 frames for each chunk, while each consumes 80 audio frames."""
    drift = [80 * number - 77 * number for number in range(5)]
    assert drift == [0, 3, 6, 9, 12]


@pytest.mark.parametrize("count", [1, 19, 20, 21, 25, 40, 41, 99])
def test_every_latent_frame_comes_from_one_chunk(count):
    plan = plan_chunks(count)
    assert [c.start + i for c in plan for i in range(c.kept)] == list(range(count))
    assert {chunk.length for chunk in plan} == {CHUNK} and MOTION == CHUNK - 1


def published(states: torch.Tensor, count: int) -> torch.Tensor:
    """Resized to 30 a second as a whole, then the nearest at 16; zeros behind the end."""
    between = int(states.shape[1] / 50 * 30)
    resized = torch.nn.functional.interpolate(
        states.transpose(1, 2), size=between, mode="linear", align_corners=True
    ).transpose(1, 2)
    rows = []
    for frame in range(count):
        place = round(frame / 16 * 30)
        rows.append(resized[:, place] if place < between else torch.zeros_like(resized[:, 0]))
    return torch.stack(rows)


@pytest.mark.parametrize("given, count", [(50, 16), (249, 80), (1249, 400), (49, 20), (3, 8)])
def test_the_features_are_those_of_the_published_resampling(given, count):
    states = torch.randn(3, given, 5, generator=torch.Generator().manual_seed(given))
    torch.testing.assert_close(at_frames(states, count), published(states, count), atol=2e-3, rtol=0)


def test_behind_the_voice_there_are_zeros():
    made = features_of(torch.ones(12, 2, 3), 2, 3)
    assert made.shape == (1, 2, 3, 12)
    assert made[..., :4].eq(1).all() and made[..., 4:].eq(0).all()


@pytest.mark.parametrize("length", [1, 400, 16000, 16001, 99999])
def test_the_voice_is_placed_behind_the_frames_that_are_not_shown(length):
    samples = torch.arange(1.0, length + 1)
    whole = placed(samples)
    assert whole[:LEAD].eq(0).all() and torch.equal(whole[LEAD : LEAD + length], samples)
    assert ((len(whole) - REACH) // HOP + 1) % 5 == 0
    assert len(whole) - LEAD - length < 5 * HOP + REACH


def test_another_encoder_and_another_rate_are_refused():
    class Small(Clock):
        def encode_layers(self, samples):
            return super().encode_layers(samples)[:13, :, :768]

    with pytest.raises(InputError, match=r"has 12 layers of width 768.*wav2vec2_large_english_fp16"):
        s2v_features(Small(), torch.zeros(16000), 5)
    with pytest.raises(InputError, match=r"for 25 fps; Wan2\.2-S2V was trained at 16 fps"):
        check_fps(25.0)
