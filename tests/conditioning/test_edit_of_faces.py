"""An edit of small faces: of each shot in a box around its face, put back at the video's own size."""

from __future__ import annotations

import json
from dataclasses import dataclass

import pytest
import torch

from skyreels_core import assets
from skyreels_core.api.model import Model
from skyreels_core.audio.reading import span_of, write_wav
from skyreels_core.cli import main
from skyreels_core.conditioning.faces import face_masks
from skyreels_core.conditioning.pose import Keypoints, to_pose_keypoint
from skyreels_core.conditioning.prompts import PromptSchedule
from skyreels_core.errors import Cancelled, InputError
from skyreels_core.media.footage import InMemoryFrames
from skyreels_core.media.reading import Video, read_video
from skyreels_core.media.sound import Audio
from skyreels_core.pipeline.face_crop import edit_faces
from skyreels_core.pipeline.planning import facts_of, plan_edit
from skyreels_core.run.resume import WorkFolder
from skyreels_core.run.settings import Settings
from skyreels_core.timeline import Timeline

FPS, WIDTH, HEIGHT, SHOT = 12.5, 240, 160, 9
PLACES = (70, 80), None, (150, 95)  # of the nose in three shots; there is no face in the second
FRAMES = SHOT * len(PLACES)


@dataclass(frozen=True)
class Clip:
    video: Video
    voice: Audio
    keypoints: Keypoints

    @property
    def mask(self):
        return face_masks(self.keypoints, FPS, shots=range(0, len(self.video), SHOT)).box_region

    def shot(self, number: int) -> Clip:
        frames = slice(SHOT * number, SHOT * (number + 1))
        video = Video(self.video.frames[frames], FPS, None)
        voice = span_of(self.voice, frames.start, Timeline(SHOT, FPS))
        return Clip(video, voice, Keypoints(self.keypoints.faces[frames], WIDTH, HEIGHT))


@pytest.fixture(scope="module")
def clip(face_points):
    """Blocks of 5 pixels in other colours for each shot, which change a little from frame to frame."""
    generator = torch.Generator().manual_seed(3)
    shots = torch.rand(len(PLACES), HEIGHT // 5, WIDTH // 5, 3, generator=generator)
    frames = shots.repeat_interleave(5, 1).repeat_interleave(5, 2).repeat_interleave(SHOT, 0)
    frames = (frames + 0.02 * torch.rand(frames.shape, generator=generator)).clamp(0, 1)
    voice = Audio(0.3 * torch.rand(1, round(FRAMES / FPS * 16000), generator=generator) - 0.15, 16000)
    one = [
        None if place is None else torch.cat([face_points(*place), torch.ones(68, 1)], -1)[None]
        for place in PLACES
    ]
    faces = [torch.zeros(0, 68, 3) if face is None else face for face in one for _ in range(SHOT)]
    return Clip(Video(frames, FPS, None), voice, Keypoints(tuple(faces), WIDTH, HEIGHT))


@pytest.fixture(scope="module")
def preset(bundle):
    return Settings.of(bundle.metadata).override(width=48, height=32, window=3, overlap=1, steps=2)


def edited(bundle, preset, clip, text="", length="video", **options):
    plan = plan_edit(preset, facts_of(bundle), clip.video, clip.voice, length, "square")
    return edit_faces(bundle, clip.video, clip.voice, clip.mask, text, plan=plan, **options)


@pytest.fixture(scope="module")
def result(bundle, preset, clip):
    return edited(bundle, preset, clip)


@pytest.fixture(scope="module")
def frames(result):
    return result.tensor()


def feathered(clip):
    """Where the mask, with an edge of the box's 32nd, is not 0."""
    masks = torch.stack(list(clip.mask.stream()))
    return torch.nn.functional.max_pool2d(masks, 2 * 5 + 1, 1, 5) > 0


def test_only_the_feathered_lower_faces_change_and_the_rest_is_bit_for_bit_the_videos(clip, frames):
    changed = (frames != clip.video.frames).any(-1)
    assert frames.shape == clip.video.frames.shape
    assert not changed[~feathered(clip)].any()
    assert all(changed[frame].any() for frame in (*range(SHOT), *range(2 * SHOT, FRAMES)))


def test_a_shot_without_a_face_passes_through(clip, frames):
    assert torch.equal(frames[SHOT : 2 * SHOT], clip.video.frames[SHOT : 2 * SHOT])


@pytest.mark.parametrize("number", [0, 2])
def test_nothing_crosses_a_cut_each_shot_is_made_as_if_it_were_alone(bundle, preset, clip, frames, number):
    alone = edited(bundle, preset, clip.shot(number)).tensor()
    assert torch.equal(alone, frames[SHOT * number : SHOT * (number + 1)])


def test_the_report_says_what_was_done_with_each_shot(result, frames):
    lines = "\n".join(result.report.lines)
    assert "Frames 0 to 8: face crop of 132x132 pixels at" in lines
    assert "Frames 9 to 17: no face, passed through." in lines
    assert result.report.size == (32, 32)
    assert result.report.computed > 0 and result.report.seconds["decoding"] > 0
    assert result.report.continuity is not None
    assert {window.start for window in result.report.continuity.windows} >= {0, 2 * SHOT / FPS}


@pytest.mark.parametrize("shots", [1, 2])
def test_the_report_of_a_pinned_edit_says_what_happened_around_each_mask(bundle, preset, clip, shots):
    pinned = preset.override(method="pinned", cache_threshold=0, steps=1, audio_guidance="1")
    result = edited(bundle, pinned, clip if shots == 2 else clip.shot(0))
    list(result.frames), list(result.frames)
    report, said = result.report, [line for line in result.report.lines if "Edit: " in line]
    assert report.edit.outside_db > 0 and report.edit.edge_jump is not None
    assert said[-1] == str(report.edit) and len(said) == (3 if shots == 2 else 1)
    assert [line.partition(":")[0] for line in said[:-1]] == ["Frames 0 to 8", "Frames 18 to 26"][
        : len(said) - 1
    ]
    assert sum("colours drift" in line for line in report.lines) == 1


def test_an_edit_of_faster_footage_is_measured_at_the_videos_frames(bundle, preset, clip):
    frames = clip.video.frames[:SHOT].repeat_interleave(4, 0)
    faces = Keypoints(tuple(face for face in clip.keypoints.faces[:SHOT] for _ in range(4)), WIDTH, HEIGHT)
    fast = Video(frames, 60.0, None)
    plan = plan_edit(preset.override(steps=1), facts_of(bundle), fast, clip.voice, "video", "square")
    mask = face_masks(faces, 60.0).box_region
    result = edit_faces(bundle, fast, clip.voice, mask, plan=plan)
    assert len(list(result.frames)) == 4 * SHOT
    (whole,) = result.report.continuity.windows
    assert (whole.start, round(60 * whole.end)) == (0, 4 * SHOT) and result.report.continuity.joins == ()


def test_frames_can_be_read_again(result, frames):
    assert torch.equal(torch.stack(list(result.frames)), frames)


@pytest.mark.parametrize(
    ("length", "seconds", "expected"), [("shortest", 1.0, 13), ("voice", 3.0, 38), ("video", 1.0, 27)]
)
def test_the_voice_and_the_video_decide_the_length_as_without_a_crop(
    bundle, preset, clip, length, seconds, expected
):
    voice = Audio(torch.rand(1, round(seconds * 16000)) - 0.5, 16000)
    made = edited(bundle, preset, Clip(clip.video, voice, clip.keypoints), length=length)
    assert len(made.frames) == len(list(made.frames)) == expected
    assert made.audio.seconds == pytest.approx(expected / FPS)


def test_each_shot_has_its_own_span_of_the_prompts():
    prompts = PromptSchedule.parse("0 a\n1 b\n2.5 c")
    assert prompts.within(0.5, 2.0).spans == ((0.0, "a"), (0.5, "b"))
    assert prompts.within(1.0, 2.5).spans == ((0.0, "b"),)
    assert prompts.within(2.0, 9.0).spans == ((0.0, "b"), (0.5, "c"))
    assert PromptSchedule.of("x").within(3, 4).spans == ((0.0, "x"),)


def test_each_shot_has_its_own_span_of_the_voice_with_silence_after_its_end():
    voice = Audio(torch.arange(1.0, 101.0)[None], 100)
    span = span_of(voice, 5, Timeline(4, 10.0))
    assert torch.equal(span.samples, torch.arange(51.0, 91.0)[None])
    assert span_of(voice, 9, Timeline(3, 10.0)).samples[0, 10:].max() == 0


def test_without_compositing_the_whole_box_is_what_the_model_made(bundle, preset, clip):
    frames = edited(bundle, preset.override(composite=False), clip).tensor()
    changed = (frames[0] != clip.video.frames[0]).any(-1)
    assert changed.float().mean() == pytest.approx(132 * 132 / (WIDTH * HEIGHT), rel=0.03)


def test_an_interrupted_run_resumes_in_the_shot_that_it_was_in(bundle, preset, clip, frames, tmp_path):
    def progress(stage, done, planned, what):
        if stage == "sampling" and what.startswith("shot 2 of 2") and done > planned / 2:
            raise Cancelled("Enough.")

    with pytest.raises(Cancelled), WorkFolder(tmp_path / "work") as work:
        edited(bundle, preset, clip, work=work, progress=progress)
    with WorkFolder(tmp_path / "work", "resume") as work:
        assert work.unfinished
        resumed = edited(bundle, preset, clip, work=work)
        assert sum("Resuming after" in line for line in resumed.report.lines) == 2
        assert torch.equal(resumed.tensor(), frames) and work.keeps
        work.finish()
    assert not (tmp_path / "work").exists()


def test_a_folder_of_a_crop_is_not_resumed_without_it(bundle, preset, clip, tmp_path):
    from skyreels_core.pipeline.edit import edit

    with WorkFolder(tmp_path / "work") as work:
        edited(bundle, preset, clip, work=work)
    with WorkFolder(tmp_path / "work", "resume") as work, pytest.raises(InputError, match="other inputs"):
        edit(bundle, clip.video, clip.voice, clip.mask, settings=preset, work=work)


def test_a_video_without_any_face_is_refused(bundle, preset, clip):
    plan = plan_edit(preset, facts_of(bundle), clip.video, clip.voice, "video", "square")
    with pytest.raises(InputError, match="nothing would be regenerated"):
        edit_faces(bundle, clip.video, clip.voice, InMemoryFrames(torch.zeros(1, HEIGHT, WIDTH)), plan=plan)


def test_the_python_front_door_crops(bundle, clip, frames, tmp_path):
    keypoints = tmp_path / "face.json"
    keypoints.write_text(json.dumps(to_pose_keypoint(clip.keypoints)))
    from skyreels_core.api.inputs import face_mask

    options = {"width": 48, "height": 32, "window": 3, "overlap": 1, "steps": 2}
    made = Model(bundle).edit(
        (clip.video.frames, FPS), clip.voice, face_mask(keypoints), length="video", crop="square", **options
    )
    assert made.size == (WIDTH, HEIGHT) and len(made) == FRAMES
    assert (torch.stack(list(made)) - frames).abs().max() < 0.05  # keypoints in a file are rounded
    with pytest.raises(InputError, match="use one of square, 4:5"):
        Model(bundle).edit(
            (clip.video.frames, FPS), clip.voice, face_mask(keypoints), crop="round", **options
        )


def test_the_command_line_crops_the_bundled_video(bundle_folder, tmp_path):
    output = tmp_path / "made.mkv"
    small = (
        "--width=32",
        "--height=32",
        "--window=2",
        "--overlap=1",
        "--steps=1",
        "--audio-guidance=1",
        "--lossless",
    )
    source = read_video(assets.video(), 0.5)
    write_wav(tmp_path / "voice.wav", Audio(torch.rand(1, 8000) - 0.5, 16000))
    files = [
        f"--video={assets.video()}",
        f"--keypoints={assets.keypoints()}",
        f"--audio={tmp_path / 'voice.wav'}",
    ]
    command = ["edit", *files, f"--model={bundle_folder}", *small, "-o", str(output), "--crop", "--report"]
    assert main([*command, str(tmp_path / "report.json")]) == 0
    made = read_video(output)
    assert made.frames.shape == source.frames.shape and made.audio is not None
    report = json.loads((tmp_path / "report.json").read_text())
    assert any("face crop of" in line for line in report["lines"]) and report["video"]["frames"] == len(
        made.frames
    )
    assert not list(tmp_path.glob("*.work"))
