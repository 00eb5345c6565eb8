"""A video is edited with the bundled model as if it had never seen a mask."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from skyreels_core.conditioning.conditions import pinned_source
from skyreels_core.conditioning.masks import regenerated_cells
from skyreels_core.conditioning.visual import VideoEdit, WindowConditions
from skyreels_core.errors import InputError
from skyreels_core.media.compositing import blended
from skyreels_core.media.footage import InMemoryFrames
from skyreels_core.media.reading import Video
from skyreels_core.media.region import ring_around
from skyreels_core.media.sound import Audio
from skyreels_core.pipeline.edit import edit
from skyreels_core.run.resume import WorkFolder
from skyreels_core.run.settings import Settings
from skyreels_core.windows import WindowPlan

WIDTH, HEIGHT, FPS, FRAMES = 64, 48, 12.5, 13
SOURCE = torch.rand(FRAMES, HEIGHT, WIDTH, 3, generator=torch.Generator().manual_seed(1))
MASK = torch.zeros(FRAMES, HEIGHT, WIDTH)
MASK[:, 20:30, 20:40] = 1
VOICE = Audio(
    torch.rand(1, round(FRAMES / FPS * 16000), generator=torch.Generator().manual_seed(2)) - 0.5, 16000
)


@pytest.fixture(scope="module")
def preset(bundle):
    return Settings.of(bundle.metadata).override(
        width=WIDTH,
        height=HEIGHT,
        window=3,
        overlap=1,
        steps=2,
        audio_guidance="1",
        method="pinned",
        cache_threshold=0,
    )


def edited(bundle, settings, **options):
    return edit(bundle, Video(SOURCE, FPS, None), VOICE, MASK, settings=settings, **options)


@pytest.fixture(scope="module")
def made(bundle, preset):
    result = edited(bundle, preset)
    return result.tensor(), result.report


def test_outside_the_feathered_mask_every_pixel_is_the_videos_own(made):
    frames, _ = made
    assert torch.equal(frames[:, :16], SOURCE[:, :16]) and not torch.equal(frames[:, 20:30], SOURCE[:, 20:30])


def test_the_report_says_what_happened_around_the_mask(made):
    _, report = made
    assert report.edit.outside_db > 5  # random pixels are beyond the VAE
    assert all(abs(shift) < 100 for shift in report.edit.ring_shift)
    assert report.edit.edge_jump > 0 and report.edit.edge_ratio > 0
    assert f"outside the mask {report.edit.outside_db:.1f} dB before compositing" in report.lines[-1]


def test_what_was_regenerated_without_compositing_is_measured_alike(bundle, preset, made):
    result = edited(bundle, replace(preset, composite=False))
    assert not torch.equal(result.tensor()[:, :16], SOURCE[:, :16])
    assert result.report.edit == made[1].edit


def test_a_cut_run_resumes_to_the_same_frames(bundle, preset, made, tmp_path):
    class CutError(Exception):
        pass

    def cut(stage, done, *_):
        if stage == "sampling" and done == 3:  # of four, in the second step
            raise CutError

    with WorkFolder(tmp_path / "work") as work, pytest.raises(CutError):
        edited(bundle, preset, work=work, progress=cut)
    with WorkFolder(tmp_path / "work", "resume") as work:
        resumed = edited(bundle, preset, work=work)
        names = sorted(work.tensors("conditions"))
    assert names == ["first-0-3", "first-1-3", "source-0-3", "source-1-3"]
    assert torch.equal(resumed.tensor(), made[0])
    assert "Resuming after 1 of 2 steps." in resumed.report.lines


def test_a_free_end_and_a_lower_strength_give_other_frames(bundle, preset, made):
    free = edited(bundle, preset.override(hybrid=0.5)).tensor()
    gentle = edited(bundle, preset.override(denoise=0.5)).tensor()
    assert not torch.equal(free, made[0]) and not torch.equal(gentle, made[0])
    inside = MASK > 0

    def apart(frames):
        return (frames - SOURCE)[inside].square().mean()

    assert apart(gentle) < apart(made[0])  # it begins from the video, inside the mask too


def test_a_window_keeps_latents_from_its_own_first_frame(bundle):
    plan = WindowPlan.plan(4, 3, 1)
    visual = VideoEdit(InMemoryFrames(SOURCE), InMemoryFrames(MASK), (WIDTH, HEIGHT))
    conditions = WindowConditions(visual, bundle.vae, plan)
    for window in plan.windows:
        first = 4 * window.start
        own = pinned_source(bundle.vae, SOURCE[first : first + 9], MASK[first : first + 9])
        torch.testing.assert_close(conditions.source_of(window), own)
    whole = bundle.vae.encode(SOURCE.movedim(-1, 0)[None] * 2 - 1)
    assert (conditions.source_of(plan.windows[1])[:, 1:] - whole[:, :, 1:]).abs().max() > 0.01


def test_cells_are_the_boxes_of_a_causal_group_on_the_grid_of_16_pixels():
    holes = torch.zeros(9, 48, 64)
    holes[2, 17:20, 5:7] = 1  # of latent frame 1, whose frames are 1 to 4
    cells = regenerated_cells(holes)
    expected = torch.zeros(3, 6, 8)
    expected[1, 2:4, 0:2] = 1
    assert torch.equal(cells, expected)


def test_colours_are_compared_in_a_ring_beside_the_mask():
    ring = ring_around(MASK[0], (WIDTH, HEIGHT))
    assert not (ring * MASK[0]).any() and ring[18:20, 20:40].all() and not ring[:15].any()
    assert ring_around(MASK[0], (2 * WIDTH, 2 * HEIGHT)).shape == (2 * HEIGHT, 2 * WIDTH)
    assert not ring_around(torch.zeros(4, 4), (4, 4)).any()


def test_faster_footage_keeps_its_rate_and_its_outside_while_the_region_is_generated_slower(bundle, preset):
    frames = torch.rand(31, HEIGHT, WIDTH, 3, generator=torch.Generator().manual_seed(3))
    voice = Audio(torch.rand(1, 8267, generator=torch.Generator().manual_seed(2)) - 0.5, 16000)  # 31 frames
    result = edit(bundle, Video(frames, 60.0, None), voice, MASK[:1], settings=preset)
    made = result.tensor()
    assert result.fps == 60 and len(made) == 31 and result.audio.seconds == pytest.approx(31 / 60, abs=1e-4)
    assert torch.equal(made[:, :16], frames[:, :16]) and not torch.equal(made[:, 20:30], frames[:, 20:30])
    assert result.report.plan.timeline.fps == 25 and result.report.plan.timeline.frames == 13
    assert any("generated at 25 and blended" in line for line in result.report.lines)
    assert (result.report.fps, result.report.frames) == (60, 31)


@pytest.mark.parametrize("fps", [24000 / 1001, 30000 / 1001, 30.0])
def test_footage_of_a_rate_that_the_model_makes_is_generated_at_its_own_times(bundle, preset, fps):
    settings = preset.override(steps=1)
    result = edit(bundle, Video(SOURCE, fps, None), VOICE, MASK, settings=settings)
    assert result.report.plan.edited is None and result.fps == fps
    assert torch.equal(result.tensor()[:, :16], SOURCE[:, :16])


def test_frames_between_generated_ones_are_blended_by_time():
    made = [torch.full((1, 1, 3), float(value)) for value in range(5)]
    places = [(0, 0.0), (0, 0.25), (1, 0.5), (3, 0.75), (4, 0.0)]
    assert [float(frame[0, 0, 0]) for frame in blended(made, places)] == [0, 0.25, 1.5, 3.75, 4]


def test_where_the_face_has_left_the_video_stays_as_it_is(bundle, preset):
    away = MASK.clone()
    away[5:] = 0
    frames = edit(bundle, Video(SOURCE, FPS, None), VOICE, away, settings=preset.override(steps=1)).tensor()
    assert torch.equal(frames[5:], SOURCE[5:]) and not torch.equal(frames[:5], SOURCE[:5])


def test_a_voice_that_is_longer_is_cut_or_the_last_frame_repeated(bundle, preset):
    voice, settings = Audio(VOICE.samples.repeat(1, 2), 16000), preset.override(steps=1)
    short, long = (
        edit(bundle, Video(SOURCE, FPS, None), voice, MASK, settings=settings, length=length)
        for length in ("shortest", "voice")
    )
    assert len(short.frames) == FRAMES and len(long.frames) == 2 * FRAMES
    assert "The video's last frame is repeated for 13 of 26 frames." in long.report.lines
    assert torch.equal(long.tensor()[-1, :16], SOURCE[-1, :16])


def test_mistakes_get_a_sentence(bundle, preset):
    for mask, sentence in (
        (torch.zeros_like(MASK), "nothing would be regenerated"),
        (MASK[:, :32], "the same size"),
    ):
        with pytest.raises(InputError, match=sentence):
            edit(bundle, Video(SOURCE, FPS, None), VOICE, mask, settings=preset)
