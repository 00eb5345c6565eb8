"""Every workflow that the pack brings, queued over the API as it is, to a video whose mouth follows the voice."""

from __future__ import annotations

import json
import math
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from skyreels_core import assets
from skyreels_core.conditioning.faces import face_masks
from skyreels_core.conditioning.pose import from_pose_keypoint
from skyreels_core.evaluation.mouth import mouth_area
from skyreels_core.evaluation.sheets import loudness
from skyreels_core.media.footage import TruncatedFrames, collect
from skyreels_core.media.reading import read_picture, read_video
from skyreels_core.media.region import feather
from skyreels_core.media.sound import read_audio
from skyreels_core.model.bundle import load_bundle
from skyreels_core.pipeline.animate import animate
from skyreels_core.pipeline.region import find_region
from skyreels_core.run.settings import Settings

API = Path(__file__).resolve().parents[2] / "workflows" / "api"
FPS = 25.0


def workflow(name):
    return json.loads((API / f"{name}.json").read_text(encoding="utf-8"))


def run(server, prompt):
    """The video that a prompt saved."""
    ended = server.run(prompt)
    assert ended["status"]["completed"], ended["status"]["messages"][-1]
    saved = [image for out in ended["outputs"].values() for image in out.get("images", ())]
    (found,) = [image for image in saved if image["filename"].endswith(".mp4")]
    return read_video(server.output / found["subfolder"] / found["filename"])


@pytest.fixture(scope="module")
def quick_start(server):
    return run(server, workflow("quick_start"))


def portrait_box():
    picture = read_picture(assets.portrait())
    keypoints = from_pose_keypoint(assets.portrait_keypoints(), picture.shape[1], picture.shape[0])
    return face_masks(keypoints, FPS).boxes


def follows(video, boxes):
    """Correlation of the mouth with the loudness of the voice in the same file."""
    mouth = mouth_area(video.frames, boxes).numpy()
    level = loudness(video.audio).values.numpy()
    places = [(np.arange(len(values)) + 0.5) / len(values) for values in (mouth, level)]
    heard = np.interp(*places, np.convolve(level, np.ones(7) / 7, "same"))
    return np.corrcoef(mouth, heard)[0, 1]


def check_lengths(video, voice):
    seconds = read_audio(assets.voice(voice)).seconds
    assert video.fps == FPS
    assert len(video.frames) == math.ceil(seconds * FPS)
    assert video.audio.seconds == pytest.approx(len(video.frames) / FPS, abs=0.03)  # an AAC frame


def test_the_quick_start_speaks_as_the_core_does(quick_start):
    check_lengths(quick_start, 1)
    bundle, picture = load_bundle(assets.model()), read_picture(assets.portrait())
    settings = Settings.of(bundle.metadata).override(seed=1, colour_strength=0)
    core = animate(bundle, read_audio(assets.voice(1)), picture, assets.caption(), settings=settings)
    curves = [mouth_area(frames, portrait_box()) for frames in (quick_start.frames, core.tensor())]
    assert np.corrcoef(*curves)[0, 1] > 0.99
    assert follows(quick_start, portrait_box()) > 0.6


@pytest.mark.parametrize(("name", "voice"), [("long_video", "long"), ("advanced", 1)])
def test_a_picture_speaks_as_long_as_the_voice_and_with_it(server, name, voice):
    video = run(server, workflow(name))
    check_lengths(video, voice)
    assert follows(video, portrait_box()) > 0.6


def test_an_edited_video_says_something_else_and_keeps_everything_outside_the_mouth(server):
    video = run(server, workflow("video_edit"))
    check_lengths(video, 2)
    source = read_video(assets.video())
    boxes = collect(TruncatedFrames(find_region(source, keypoints=assets.keypoints()), len(video)))
    assert follows(video, boxes) > 0.5
    outside = (feather(boxes, 3) == 0)[..., None].expand_as(video.frames)
    change = (video.frames - source.frames[: len(video.frames)])[outside]
    assert change.abs().mean() < 0.01  # H.264


def test_image_animation_runs_with_files_of_ones_own(server):
    """The demo's files under the names in the workflow, at the demo's size. ComfyUI's CLIP loader knows UMT5-XXL
    alone, so the text comes from the demo loader."""
    models, files = server.models, assets.model()
    shutil.copy(files / "model.safetensors", models / "diffusion_models" / "skyreels_audio_14B.safetensors")
    shutil.copy(files / "vae.safetensors", models / "vae" / "wan_2.1_vae.safetensors")
    shutil.copy(
        files / "whisper.safetensors", models / "audio_encoders" / "whisper_large_v3_fp16.safetensors"
    )
    shutil.copy(assets.portrait(), server.input / "portrait.png")
    shutil.copy(assets.voice(1), server.input / "voice.flac")
    prompt = workflow("image_animation_own_weights")
    (clip,) = [number for number, node in prompt.items() if node["class_type"] == "CLIPLoader"]
    prompt[clip] = {"class_type": "SkyReelsAudioLoadDemo", "inputs": {}}
    for node in prompt.values():
        if node["class_type"] == "CLIPTextEncode":
            node["inputs"]["clip"] = [clip, 1]
        if node["class_type"] == "SkyReelsAudioImageAnimation":
            node["inputs"] |= {"width": 96, "height": 96}
    video = run(server, prompt)
    check_lengths(video, 1)
    assert follows(video, portrait_box()) > 0.5


def test_the_mouth_does_not_follow_another_voice(quick_start):
    """What the measure gives where there is nothing to measure."""
    other = read_audio(assets.voice(2))
    assert follows(type(quick_start)(quick_start.frames, FPS, other), portrait_box()) < 0.4
    assert torch.isfinite(quick_start.frames).all()
