"""Every workflow that the pack brings, queued over the API as it is, to a video whose mouth follows the voice."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from skyreels_core import assets
from skyreels_core.audio.reading import read_audio
from skyreels_core.conditioning.faces import face_masks
from skyreels_core.conditioning.pose import from_pose_keypoint
from skyreels_core.video.mouth import mouth_area
from skyreels_core.video.reading import read_picture, read_video
from skyreels_core.video.sheets import loudness

API = Path(__file__).resolve().parents[2] / "workflows" / "api"


def workflow(name):
    return json.loads((API / f"{name}.json").read_text(encoding="utf-8"))


def run(server, prompt):
    """The video that a prompt saved."""
    ended = server.run(prompt)
    assert ended["status"]["completed"], ended["status"]["messages"][-1]
    saved = [image for out in ended["outputs"].values() for image in out.get("images", ())]
    (found,) = [image for image in saved if image["filename"].endswith(".mp4")]
    return read_video(server.output / found["subfolder"] / found["filename"])


def portrait_box():
    picture = read_picture(assets.portrait())
    return face_masks(from_pose_keypoint(assets.portrait_keypoints(), *picture.shape[1::-1]), 25.0).boxes


def follows(video, boxes):
    """Correlation of the mouth with the voice that is in the same file."""
    mouth = mouth_area(video.frames, boxes).numpy()
    level = loudness(video.audio).values.numpy()
    centres = (np.arange(len(mouth)) + 0.5) / len(mouth)
    heard = np.interp(centres, (np.arange(len(level)) + 0.5) / len(level), smooth(level))
    return np.corrcoef(smooth(mouth, 1), heard)[0, 1]


def smooth(values, width=7):
    return np.convolve(values, np.ones(width) / width, "same")


@pytest.mark.parametrize(
    ("name", "voice"), [("quick_start", 1), ("long_video", "long"), ("advanced", 1)]
)
def test_an_animation_ends_in_a_video_as_long_as_the_voice_whose_mouth_follows_it(server, name, voice):
    video, spoken = run(server, workflow(name)), read_audio(assets.voice(voice))
    assert video.fps == 25.0
    assert len(video.frames) == int(np.ceil(spoken.seconds * 25))
    assert video.audio.seconds == pytest.approx(len(video.frames) / 25, abs=0.03)
    assert follows(video, portrait_box()) > 0.5
