"""In a running host, a VIDEO and a region take the place of frames and masks, and the edit is the same."""

from __future__ import annotations

import shutil

import pytest
import torch
from graphs import FPS, SIZE, edit, latent_of, node, said
from listening import heard

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


def test_a_video_keeps_its_own_rate_whatever_the_voice_was_given(server, of_frames):
    assert torch.equal(latent_of(server, with_video(server, fps=2 * FPS)), of_frames)


def test_a_trimmed_video_is_edited_from_its_file_at_the_frames_that_the_host_gives(server):
    """To what two conversions of one file to RGB differ by."""
    prompt = with_video(server) | {
        "trimmed": node(
            "Video Slice", video=["loaded", 0], start_time=1.0, duration=1.0, strict_duration=False
        ),
        "parts": node("GetVideoComponents", video=["trimmed", 0]),
        "mouth": node("SolidMask", value=1.0, width=96, height=96),
    }
    latents = {}
    for video in ("parts", "trimmed", "loaded"):
        prompt["scene"]["inputs"] |= {"video": [video, 0], "mask": ["mouth", 0], "hybrid": 1.0}
        latents[video] = latent_of(server, prompt)
    apart = (latents["trimmed"] - latents["parts"]).abs().mean()
    assert apart < 0.2 * (latents["loaded"] - latents["parts"]).abs().mean()


def test_a_mask_of_a_video_says_where_the_region_is(server):
    *_, ended = (message for message in heard(server, with_video(server, mask=("mask", 0))) if message.data)
    assert ended.kind == "execution_error"
    assert "Connect region" in ended.data["exception_message"]
