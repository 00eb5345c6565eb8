"""In a running host, a VIDEO and a region take the place of frames and masks, and the edit is the same."""

from __future__ import annotations

import shutil

import pytest
import torch
from graphs import FPS, SIZE, edit, latent_of, node, said
from listening import heard
from refusals import refusal

from skyreels_core import assets


def with_video(server, *, image=("loaded", 0), video=("loaded", 0), mask=("mask", 4), fps=FPS):
    """The edit of `graphs`, its video loaded from a file."""
    shutil.copy(assets.video(), server.input / "video.mp4")
    prompt = edit()
    prompt["loaded"] = node("LoadVideo", file="video.mp4")
    prompt["mask"]["inputs"]["image"] = list(image)
    prompt["scene"] = node(
        "SkyReelsAudioVideoEdit",
        **said(),
        video=list(video),
        mask=list(mask),
        hybrid=0.4,
        width=SIZE,
        height=SIZE,
    )
    prompt["tokens"]["inputs"]["fps"] = fps
    return prompt


@pytest.fixture(scope="module")
def of_frames(server):
    return latent_of(server, edit())


@pytest.mark.parametrize(
    "wires",
    [{}, {"image": ("inputs", 3)}, {"video": ("inputs", 3)}, {"image": ("inputs", 3), "mask": ("mask", 0)}],
    ids=["video and region", "frames to the mask", "frames to the edit", "video and mask"],
)
def test_an_edit_is_the_same_from_frames_and_from_the_file(server, of_frames, wires):
    assert torch.equal(latent_of(server, with_video(server, **wires)), of_frames)


def test_another_rate_than_the_videos_is_refused(server):
    sentence = refusal(server, with_video(server, fps=30.0))
    assert "25 frames a second, the voice was given 30" in sentence and "all nodes" in sentence


def test_a_mask_of_a_video_says_where_the_region_is(server):
    *_, ended = (message for message in heard(server, with_video(server, mask=("mask", 0))) if message.data)
    assert ended.kind == "execution_error"
    assert "Wire its region" in ended.data["exception_message"]
