from __future__ import annotations

from pathlib import Path

import pytest

from skyreels_core.errors import InputError
from skyreels_core.families.multitalk.motion_frames import MotionFrames
from skyreels_core.families.multitalk.presets import (
    FLASHTALK,
    FLASHTALK_NAME,
    INFINITETALK,
    LORAS,
    V3,
    check_name,
    lora_of,
)

EACH = pytest.mark.parametrize(
    "trained", [MotionFrames.of(FLASHTALK), MotionFrames.of(INFINITETALK["480p"]), MotionFrames(81, 1)]
)


def test_the_chunks_are_those_that_the_models_were_trained_on():
    assert MotionFrames.of(FLASHTALK) == MotionFrames(33, 5)
    assert {MotionFrames.of(preset) for preset in INFINITETALK.values()} == {MotionFrames(81, 9)}


@EACH
@pytest.mark.parametrize("frames", [1, 33, 34, 61, 81, 82, 153, 154, 1500])
def test_every_frame_of_a_video_comes_from_one_chunk(trained, frames):
    plan = trained.plan(frames)
    made = [chunk.start + index for chunk in plan for index in range(chunk.frames)[chunk.kept]]
    assert made == list(range(plan[-1].end)) and len(made) >= frames
    assert len(plan) == 1 or plan[-2].end < frames


@EACH
def test_a_chunk_starts_with_the_last_frames_of_the_one_before_on_a_latent_frame(trained):
    first, *later = trained.plan(400)
    assert (first.start, first.motion) == (0, 0)
    for before, chunk in zip([first, *later], later, strict=False):
        assert chunk.start + chunk.motion == before.end and chunk.start % 4 == 0


@pytest.mark.parametrize("motion", [2, 6, 33, 81, -3])
def test_a_number_that_no_latent_frames_hold_is_refused(motion):
    with pytest.raises(InputError, match=rf"The motion frames are {motion} and a chunk has 33 frames"):
        MotionFrames.of(FLASHTALK, motion)


def test_a_preset_for_a_lora_names_its_file():
    assert {name for name, preset in INFINITETALK.items() if lora_of(preset)} == LORAS.keys()
    assert all(("LoRA" in name) == (name in LORAS) for name in INFINITETALK)
    assert lora_of(FLASHTALK) is None


@pytest.mark.parametrize(
    "name",
    ["SoulX-FlashTalk-14B.safetensors", "soulx_flash_talk.safetensors", "FlashTalk/model-00001.safetensors"],
)
def test_a_file_called_flashtalk_takes_its_preset_only(name):
    check_name(Path(name), FLASHTALK)
    with pytest.raises(InputError, match=FLASHTALK_NAME):
        check_name(Path(name), next(iter(V3.values())))


@pytest.mark.parametrize("name", ["Wan21-SkyReelsV3-A2V_fp8.safetensors", "SkyReels_V3/flash.safetensors"])
def test_a_file_called_skyreels_v3_takes_its_presets_only(name):
    check_name(Path(name), next(iter(V3.values())))
    with pytest.raises(InputError, match="'4 steps, as shipped' or '40 steps with guidance'"):
        check_name(Path(name), FLASHTALK)


def test_a_file_of_another_name_takes_any():
    for preset in V3.values():
        check_name(Path("diffusion_models/model.safetensors"), preset)
