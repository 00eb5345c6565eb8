"""InfiniteTalk and SoulX-FlashTalk by motion frames in the host: small random networks in ComfyUI's own modules, beside
the loop that their authors publish and the host's own node and sampler."""

from __future__ import annotations

import json
import re

import pytest

TOLERANCE = 1e-4  # float32 in another order of operations
SAME_LOOP = 2e-6  # the last digit of latents that reach 8
LIGHTX2V = "lightx2v_I2V_14B_480p_cfg_step_distill_rank64_bf16.safetensors"


@pytest.fixture(scope="module")
def found(run_in_host, tmp_path_factory):
    folder = tmp_path_factory.mktemp("motion_frames")
    run_in_host("motion_frames_in_host.py", folder)
    return json.loads((folder / "found.json").read_text(encoding="utf-8"))


class TestFlashTalk:
    def test_each_forward_is_shown_what_the_published_loop_shows_it(self, found):
        """Fresh noise after each step, and the last 5 frames of the chunk before, encoded anew and given each time."""
        shown = found["flashtalk"]["shown"]
        assert len(shown) == found["flashtalk"]["forwards"] == 12  # three chunks of four steps
        assert max(shown) <= SAME_LOOP

    def test_each_chunk_ends_where_the_published_loop_ends(self, found):
        assert max(found["flashtalk"]["result"]) <= SAME_LOOP

    def test_each_chunk_is_shown_the_portrait_as_its_first_frame(self, found):
        assert max(found["flashtalk"]["portrait"]) == 0
        assert set(found["flashtalk"]["masks"]) == {4 * 4 * 4}  # the first latent frame's four channels

    def test_the_video_is_as_long_as_the_voice(self, found):
        assert found["flashtalk"]["shape"] == [75, 32, 32, 3]
        assert found["flashtalk"]["joined"] == 0
        assert found["one chunk"]["shape"] == [25, 32, 32, 3]

    def test_the_report_says_how(self, found):
        assert found["flashtalk"]["report"].startswith("4 steps of lcm, shift 5 (recommended for the model)")
        assert (
            "Chunks of 33 frames: 3, each after the last 5 frames of the one before"
            in found["flashtalk"]["report"]
        )

    def test_colours_stay_with_the_portrait(self, found):
        assert found["colours"]["finite"] and found["colours"]["matched"] < 0.5 * found["colours"]["plain"]


def test_the_hosts_own_lcm_gives_the_same(found):
    assert found["host lcm"]["difference"] <= TOLERANCE
    assert "Windows of 33 frames (9 latent) with 5 shared frames (2)" in found["host lcm"]["report"]


def test_the_hosts_own_nodes_give_the_schedule(found):
    """ModelSamplingSD3 with shift 5, and the scheduler simple with 4 steps."""
    assert found["host lcm"]["sigmas"] <= 1e-6


def test_a_second_chunk_of_infinitetalk_is_the_hosts_own_extension(found):
    assert found["infinitetalk"]["shape"] == [130, 32, 32, 3]
    assert found["infinitetalk"]["second chunk"] <= TOLERANCE
    assert "Chunks of 81 frames: 2, each after the last 9 frames" in found["infinitetalk"]["report"]


def test_a_fast_preset_without_its_lora_names_the_file(found):
    assert f"Put {LIGHTX2V} into models/loras" in found["loras"]["without"]
    assert LIGHTX2V not in found["loras"]["with"]


@pytest.mark.parametrize(
    ("mistake", "says"),
    [
        ("v3", "Motion frames need InfiniteTalk, MultiTalk or SoulX-FlashTalk"),
        ("batch", "one video at a time"),
        ("motion", "The motion frames are 6 and a chunk has 33 frames"),
        ("too many", "The motion frames are 33 and a chunk has 33 frames"),
        ("key frames", "Give the model of Load SkyReels-V3 A2V"),
        ("flashtalk as v3", "Choose the preset 'SoulX-FlashTalk, 4 steps'"),
        ("v3 as flashtalk", "Choose the preset '4 steps, as shipped' or '40 steps with guidance'"),
    ],
)
def test_a_mistake_ends_in_a_sentence(found, mistake, says):
    assert re.search(re.escape(says), found["mistakes"][mistake])
