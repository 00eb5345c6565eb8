"""The meters of a long video say what is true of it, one frame at a time."""

from __future__ import annotations

import json
import math
import random
from dataclasses import asdict

import numpy as np
import pytest
import torch

from skyreels_core import assets
from skyreels_core.audio.reading import mono_16k
from skyreels_core.demo.curves import mouth_curves
from skyreels_core.demo.faces import Identity, Motion, draw_face
from skyreels_core.evaluation.continuity import ContinuityMeter, parts
from skyreels_core.evaluation.likeness import layout, likeness, miniature
from skyreels_core.evaluation.seams import JoinFigure, SeamMeter, joins, near, seam
from skyreels_core.media.colour import lab_to_rgb, rgb_to_lab
from skyreels_core.media.sound import read_audio
from skyreels_core.media.unify import unify_stream
from skyreels_core.windows import WindowPlan

FPS = 25.0
PLAN = WindowPlan.plan(26, 9, 3)  # 101 frames, windows from frames 0, 24, 44, 68


@pytest.fixture(scope="module")
def people():
    """Four drawn people who say the same for four seconds, [f h w 3] each."""
    curves = mouth_curves(mono_16k(read_audio(assets.voice("long")))[: 4 * 16000], 101, FPS)

    def drawn(person):
        motion = Motion.draw(np.random.default_rng(person), curves, FPS)
        return draw_face(Identity.draw(random.Random(f"person {person}")), motion, curves, 64).frames

    return [drawn(person) for person in range(4)]


def noise(*shape, seed=0):
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed))


def metered(frames, plan=PLAN, reference=None, region=None, fps=FPS):
    meter = ContinuityMeter.of(plan, fps, reference, region)
    assert all(torch.equal(a, b) for a, b in zip(meter.watch(frames), frames, strict=True))
    return meter.result()


class TestIdentity:
    def test_a_picture_is_like_itself_and_its_negative_is_not(self):
        picture = noise(40, 56, 3)
        seen = layout(miniature(picture))
        assert likeness(seen, seen) == pytest.approx(1)
        assert likeness(seen, layout(miniature(1 - picture))) < 0
        assert likeness(torch.zeros(64, 3), torch.zeros(64, 3)) == 1

    def test_who_talks_stays_the_same_person_and_another_scores_clearly_lower(self, people):
        same, other = [], []
        for person, frames in enumerate(people):
            for shown, portrait in enumerate(people):
                figures = metered(frames, reference=lambda _, picture=portrait[0]: picture).windows
                (same if shown == person else other).extend(figure.identity for figure in figures)
        print(f"same person: least {min(same):.2f}, mean {np.mean(same):.2f}")
        print(f"another: most {max(other):.2f}, mean {np.mean(other):.2f}")
        assert min(same) > 0.85 and max(other) < 0.75
        assert np.mean(same) - np.mean(other) > 0.4

    def test_a_slow_drift_to_another_person_is_caught(self, people):
        share = torch.linspace(0, 1, 101)[:, None, None, None]
        steady = metered(people[0]).windows
        drifting = metered(torch.lerp(people[0], people[1], share))
        scores = [window.identity for window in drifting.windows]
        assert scores == sorted(scores, reverse=True) and drifting.worst_window == len(scores) - 1
        assert scores[0] > 0.85 and scores[-1] < min(window.identity for window in steady) - 0.2

    def test_a_window_is_judged_by_its_own_frames(self, people):
        frames = people[0].clone()
        frames[70:] = people[2][70:]  # only in the last window, and in the tail of the one before
        scores = [window.identity for window in metered(frames).windows]
        assert min(scores[:2]) > 0.85 and scores[3] < scores[2] - 0.2

    def test_an_edit_is_judged_where_it_was_made_anew(self):
        source = noise(101, 64, 64, 3)
        mask = torch.zeros(64, 64)
        mask[40:56, 24:40] = 1
        made = torch.where(mask[:, :, None] > 0, noise(101, 64, 64, 3, seed=1), source)
        whole = metered(made, reference=source.__getitem__).windows
        inside = metered(made, reference=source.__getitem__, region=iter([mask] * 101)).windows
        assert min(window.identity for window in whole) > 0.9
        assert max(window.identity for window in inside) < 0.3

    def test_frames_without_a_region_are_not_measured(self):
        source, mask = noise(101, 32, 32, 3), torch.ones(32, 32)
        masks = [mask if frame < 40 else 0 * mask for frame in range(101)]
        found = metered(source, reference=source.__getitem__, region=masks)
        assert [window.identity for window in found.windows] == [
            pytest.approx(1),
            pytest.approx(1),
            None,
            None,
        ]
        assert [join.seam is None for join in found.joins] == [False, False, True, True, True, True]
        assert found.colours[2:] == (None, None, None)

    def test_a_reference_that_the_colours_ask_for_too_is_made_once(self):
        frames, asked = noise(101, 16, 16, 3), []

        def reference(index):
            asked.append(index)
            return frames[index]

        meter = ContinuityMeter.of(PLAN, FPS, reference)
        for _ in meter.watch(unify_stream(frames, FPS, 1.0, meter.reference)):
            assert len(meter.reference.seen) <= 101
        assert asked == list(range(101)) and not meter.reference.seen


class TestSeams:
    def test_joins_are_where_windows_start_and_end_within_the_video(self):
        assert [window.start for window in PLAN.windows] == [0, 6, 11, 17]
        assert joins(PLAN) == [24, 36, 44, 60, 68, 80]
        assert joins(WindowPlan.plan(26, 30, 3)) == []

    def test_a_jump_at_a_join_counts_in_usual_changes(self):
        changes = [0.01] * 100
        changes[46] = 0.07
        assert seam(changes, 48, FPS) == pytest.approx(7)
        assert seam(changes, 60, FPS) == pytest.approx(1)

    @pytest.mark.parametrize("late", range(-4, 1))
    def test_the_latent_frame_of_a_join_belongs_to_it(self, late):
        changes = np.full(100, 0.01)
        changes[48 + late] = 0.05
        assert seam(changes, 48, FPS) == pytest.approx(5)

    def test_the_usual_change_is_that_around_the_join(self):
        calm, lively = [0.01] * 200, [0.05] * 200
        changes = [*calm, *lively]
        changes[100] = changes[300] = 0.1
        assert seam(changes, 100, FPS) == pytest.approx(10)
        assert seam(changes, 300, FPS) == pytest.approx(2)

    def test_streamed_they_are_those_of_the_whole(self):
        changes = noise(600, seed=3).tolist()
        places = [4, 8, 40, 52, 120, 300, 560, 596, 600, 604]
        meter = SeamMeter(places, FPS)
        for change in changes:
            meter.add(change)
        expected = [JoinFigure(place / FPS, seam(changes, place, FPS)) for place in places if place < 601]
        assert list(meter.result(601)) == expected
        assert meter.changes.maxlen < 3 * near(FPS)

    def test_a_still_video_has_no_seams(self):
        found = metered(noise(1, 16, 16, 3).expand(101, -1, -1, -1))
        assert [join.seam for join in found.joins] == [0.0] * 6

    def test_a_video_that_jumps_where_windows_meet_is_caught_there(self, people):
        frames = people[0].clone()
        frames[57:] = (frames[57:] + 0.1).clamp(0, 1)
        found = metered(frames)
        assert found.joins[found.worst_join].seconds == 60 / FPS
        assert found.joins[found.worst_join].seam > 3 * max(
            j.seam for j in found.joins if j.seconds != 60 / FPS
        )


class TestColours:
    def test_a_known_drift_has_its_slope_and_its_change(self):
        lab = rgb_to_lab(0.3 + 0.4 * noise(16, 16, 3))
        seconds, slope = 20, torch.tensor([12.0, -6.0, 3.0])  # a minute
        frames = [lab_to_rgb(lab + slope * frame / (60 * 5)) for frame in range(seconds * 5)]
        found = metered(torch.stack(frames), WindowPlan.plan(26, 9, 3), fps=5.0)
        assert found.slope == pytest.approx(slope.tolist(), abs=0.15)
        assert found.change == pytest.approx((slope * 19 / 60).tolist(), abs=0.05)
        assert len(found.colours) == seconds

    def test_light_that_changes_in_the_source_is_no_drift_of_its_edit(self):
        fade = torch.linspace(0.3, 0.9, 101)[:, None, None, None]
        source = fade * noise(1, 24, 24, 3)
        assert metered(source, reference=source.__getitem__).change == pytest.approx((0, 0, 0), abs=1e-5)
        assert metered(source).change[0] > 10


def test_what_was_measured_is_one_sentence_each_and_json():
    frames = noise(101, 16, 16, 3)
    found = metered(frames)
    text = json.dumps(asdict(found), allow_nan=False)
    assert len(json.loads(text)["windows"]) == 4
    said = str(found)
    worst, join = found.windows[found.worst_window], found.joins[found.worst_join]
    assert f"lowest {worst.identity:.2f}, in window {found.worst_window + 1} of 4, {worst.start:.1f}" in said
    assert f"{join.seam:.1f} times the usual change, at {join.seconds:.1f} s" in said


def test_a_video_that_ends_within_its_plan_has_figures_of_what_there_was():
    found = metered(noise(30, 16, 16, 3))
    assert [(window.start, window.end) for window in found.windows] == [(0, 30 / FPS), (24 / FPS, 30 / FPS)]
    assert [join.seconds for join in found.joins] == [24 / FPS]


@pytest.mark.parametrize("frames", [0, 1, 2])
def test_the_shortest_videos_have_figures_too(frames):
    found = metered(noise(frames, 16, 16, 3), WindowPlan.plan(1, 9, 3))
    assert len(found.windows) == min(frames, 1) and found.joins == ()
    assert all(math.isfinite(value) for value in found.slope) and str(found)


def test_pictures_of_another_size_can_be_the_reference():
    frames = noise(5, 32, 48, 3)
    small = torch.nn.functional.interpolate(frames[0].permute(2, 0, 1)[None], (16, 24), mode="area")
    found = metered(frames[:1], WindowPlan.plan(2, 9, 3), lambda _: small[0].permute(1, 2, 0))
    assert found.windows[0].identity > 0.9


def test_a_video_of_unknown_windows_is_judged_in_parts():
    frames = noise(13, 16, 16, 3)
    meter = ContinuityMeter(parts(13, 1.0), (), 1.0)
    for frame in frames:
        meter.add(frame)
    found = meter.result()
    assert [(part.start, part.end) for part in found.windows] == [(0, 5), (5, 10), (10, 13)]
    assert found.joins == () and "join" not in str(found)
