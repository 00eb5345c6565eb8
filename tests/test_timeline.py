"""Seconds, frames, latent frames, samples and tokens agree with each other at any frame rate."""

from __future__ import annotations

import math
from fractions import Fraction

import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st

from skyreels_core.errors import InputError
from skyreels_core.timeline import (
    TRAINED_RATES,
    Timeline,
    TokenSpan,
    blended_from,
    crop_span,
    frames_at,
    frames_of,
    latent_frames,
    query_positions,
    snap_frames,
    snap_size,
    token_span,
    tokens_of,
)

settings.register_profile("no deadline", deadline=None)
settings.load_profile("no deadline")

USUAL_RATES = [Fraction(rate) for rate in ("8", "12.5", "24", "25", "23.976", "29.97", "59.94")]
BROADCAST_RATES = [Fraction(24000, 1001), Fraction(30000, 1001), Fraction(60000, 1001)]
rates = st.sampled_from(USUAL_RATES + BROADCAST_RATES) | st.fractions(1, 120, max_denominator=1001)
frame_counts = st.integers(1, 200_000)


@given(st.integers(1, 100_000))
def test_latent_frames_and_frames_are_inverse(count):
    assert latent_frames(frames_of(count)) == count


@given(frame_counts)
def test_snapping_adds_at_most_three_frames(frames):
    snapped = snap_frames(frames)
    assert (snapped - 1) % 4 == 0
    assert 0 <= snapped - frames < 4


@pytest.mark.parametrize("frames", [-3, 0, 2, 80])
def test_a_length_that_the_vae_cannot_hold_is_refused_with_the_next_one(frames):
    with pytest.raises(InputError, match=f"{frames} frames.*use {snap_frames(max(frames, 1))} frames"):
        latent_frames(frames)


@given(st.integers(1, 8192))
def test_sizes_snap_to_the_nearest_multiple_of_16(pixels):
    size = snap_size(pixels)
    assert size % 16 == 0 and size >= 16
    assert abs(size - pixels) <= 8 or (size == 16 and pixels < 8)


@example(7, Fraction(25))
@example(125, Fraction("29.97"))
@given(frame_counts, rates)
def test_the_seconds_of_n_frames_are_n_frames_again(frames, fps):
    timeline = Timeline(frames, float(fps))
    assert Timeline.from_seconds(timeline.seconds, float(fps)) == timeline


@given(st.integers(1, 3600 * 48000), st.sampled_from([8000, 22050, 44100, 48000]), rates)
def test_the_timeline_holds_the_whole_voice_and_less_than_a_frame_more(samples, rate, fps):
    frames = Timeline.from_seconds(samples / rate, float(fps)).frames
    exact = Fraction(samples, rate) * fps
    assert frames - 1 < exact + Fraction(1, 10**5) and frames >= exact - Fraction(1, 10**5)


def test_less_than_a_frame_of_voice_is_one_frame():
    assert Timeline.from_seconds(0.001, 25).frames == 1
    assert Timeline.from_seconds(0, 25).frames == 1


@given(frame_counts, rates, st.sampled_from([8000, 16000, 44100, 48000]))
def test_samples_are_the_nearest_to_the_exact_length(frames, fps, rate):
    assert abs(Timeline(frames, float(fps)).sample_count(rate) - frames * rate / fps) <= 0.5 + 1e-5


@given(frame_counts, rates)
def test_tokens_are_those_of_the_samples_and_cover_the_seconds(frames, fps):
    timeline = Timeline(frames, float(fps))
    assert timeline.token_count == tokens_of(timeline.sample_count(16000))
    half_a_sample = Fraction(1, 640)
    assert timeline.token_count == math.ceil(50 * frames / fps - half_a_sample)


@given(frame_counts, rates)
def test_generated_frames_hold_the_frames_of_the_user(frames, fps):
    timeline = Timeline(frames, float(fps))
    assert timeline.padded_frames == frames_of(timeline.latent_frames)
    assert 0 <= timeline.padded_frames - timeline.frames < 4


@pytest.mark.parametrize("fps", [0.0, -25.0, math.nan, math.inf])
def test_a_frame_rate_that_is_none_is_refused(fps):
    with pytest.raises(InputError, match="frame rate"):
        Timeline(1, fps)


def test_a_video_without_frames_is_refused():
    with pytest.raises(InputError, match="at least 1"):
        Timeline(0, 25.0)


def test_at_25_fps_a_latent_frame_is_eight_tokens():
    assert query_positions(4, 25.0).tolist() == [1.0, 6.0, 14.0, 22.0]


@given(st.integers(1, 60), rates)
def test_a_latent_frame_sits_at_the_centre_of_the_frames_it_shows(count, fps):
    positions = query_positions(count, float(fps))
    shown = [[0]] + [list(range(4 * j - 3, 4 * j + 1)) for j in range(1, count)]
    centres = [50 * sum(f + Fraction(1, 2) for f in frames) / len(frames) / fps for frames in shown]
    assert positions.dtype == torch.float64
    assert positions.tolist() == pytest.approx([float(c) for c in centres], abs=1e-9)


@given(st.integers(0, 40_000), st.integers(2, 21), rates)
def test_a_window_hears_the_same_distances_as_the_whole_video(start, length, fps):
    span = token_span(start, length, float(fps), 10**9)
    local = span.key_positions()[None] - query_positions(length, float(fps))[1:, None]
    frame_centres = [50 * Fraction(4 * (start + j) - 1) / fps for j in range(1, length)]
    exact = [[float(i - centre) for i in range(span.first, span.last)] for centre in frame_centres]
    torch.testing.assert_close(local, torch.tensor(exact, dtype=torch.float64), atol=1e-6, rtol=0)


@example(18, 2, Fraction(12, 11), 300_000)
@given(st.integers(0, 100_000), st.integers(1, 40), rates, st.integers(0, 300_000))
def test_a_span_is_its_own_time_and_eight_tokens_on_each_side(first_frame, length, fps, token_count):
    span = crop_span(first_frame, length, float(fps), token_count)
    origin = 50 * first_frame / Fraction(fps)
    end = 50 * (first_frame + 4 * (length - 1) + 1) / Fraction(fps)
    first = min(max(math.ceil(origin - 8), 0), token_count)
    last = min(math.floor(end + 8) + 1, token_count)
    assert (span.first, span.last) == (first, max(first, last))
    assert span.origin == pytest.approx(float(origin), abs=1e-6)


def test_the_token_on_the_border_is_seen_although_29_97_is_not_exact():
    assert token_span(2997, 21, 29.97, 10**6) == TokenSpan(19992, 20144, pytest.approx(20000))
    assert crop_span(4 * 2997, 21, 29.97, 10**6) == token_span(2997, 21, 29.97, 10**6)


def test_the_origin_keeps_its_fraction():
    span = token_span(7, 21, 24.0, 10**6)
    assert span.origin == pytest.approx(58 + 1 / 3)
    assert span.key_positions()[0].item() == pytest.approx(span.first - (58 + 1 / 3))


def test_the_first_window_starts_with_the_first_token_and_the_last_ends_with_the_last():
    timeline = Timeline.from_seconds(20, 25.0)
    assert token_span(0, 21, 25.0, timeline.token_count).first == 0
    last = token_span(timeline.latent_frames - 21, 21, 25.0, timeline.token_count)
    assert last.last == timeline.token_count


def test_a_window_after_the_end_of_the_sound_sees_nothing():
    span = token_span(100, 21, 25.0, token_count=300)
    assert span.first == span.last
    assert span.key_positions().shape == (0,)


@pytest.mark.parametrize(
    ("fps", "generated"),
    [(12.5, 12.5), (24000 / 1001, 24000 / 1001), (25, 25), (30, 30), (50, 25), (60000 / 1001, 25), (120, 25)],
)
def test_footage_is_generated_at_its_own_rate_up_to_the_fastest_that_models_make(fps, generated):
    shown = Timeline(round(3 * fps), fps)
    made = TRAINED_RATES.generated(shown)
    assert made.fps == generated and abs(made.seconds - shown.seconds) < 1 / made.fps


def test_generated_frames_show_what_is_on_screen_at_their_middle():
    made, shown = Timeline(3, 25.0), Timeline(6, 50.0)
    assert frames_at(made, shown) == [1, 3, 5]
    assert frames_at(Timeline(5, 25.0), Timeline(5, 25.0)) == [0, 1, 2, 3, 4]
    assert frames_at(Timeline(4, 25.0), shown)[-1] == 5  # its last frame lasts


def test_each_frame_of_the_video_lies_between_the_generated_frames_around_its_middle():
    made, shown = Timeline(3, 25.0), Timeline(6, 50.0)
    places = [before + share for before, share in blended_from(made, shown)]
    assert places == pytest.approx([0, 0.25, 0.75, 1.25, 1.75, 2])
    assert list(blended_from(Timeline(4, 30.0), Timeline(4, 30.0))) == [(0, 0), (1, 0), (2, 0), (3, 0)]
