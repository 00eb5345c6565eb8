"""Wan2.2-S2V by our nodes is what the host's own nodes and sampler give, and goes on where those end. A tiny random
network in the host's own modules.

The host is given the voice behind the three frames that no video shows, as our node encodes it.
"""

from __future__ import annotations

import json
import re

import pytest

TOLERANCE = 1e-4  # float32 in another order of operations, at a guidance of 4.5
LORA = "wan2.2_t2v_lightx2v_4steps_lora_v1.1_high_noise.safetensors"


@pytest.fixture(scope="module")
def found(run_in_host, tmp_path_factory):
    folder = tmp_path_factory.mktemp("s2v")
    run_in_host("s2v_in_host.py", folder)
    return json.loads((folder / "found.json").read_text(encoding="utf-8"))


def test_a_chunk_is_conditioned_on_what_the_hosts_node_gives(found):
    assert found["one chunk"]["features"] <= 1e-5


@pytest.mark.parametrize("way", ["plain", "guided", "posed"])
def test_one_chunk_is_the_native_result(found, way):
    assert found["one chunk"][way] <= TOLERANCE
    assert found["one chunk"]["pose matters"] > 0.1


def test_later_chunks_are_the_hosts_own_extension(found):
    assert found["extended"]["latent frames"] == 30 and found["extended"]["without motion"] > 0.1
    assert found["extended"]["difference"] <= TOLERANCE
    assert "Chunks of 20 latent frames: 2, each shown the last 19" in found["extended"]["report"]


def test_the_extended_latent_and_a_vae_make_the_video_with_its_voice(found):
    frames, fps, seconds = found["extended"]["saved"]
    assert (frames, fps) == (117, 16) and abs(seconds - 117 / 16) < 0.05


def test_each_fused_window_is_the_native_result_of_its_own_span_of_the_voice(found):
    assert found["windows"]["count"] == 2
    assert found["windows"]["difference"] <= TOLERANCE


def test_a_later_window_follows_its_own_frames_of_the_pose_video(found):
    assert found["pose of windows"] == {"own frames": 0, "behind the end": 0}


def test_a_fast_preset_without_its_lora_names_the_file(found):
    assert found["presets"]["without"].startswith("4 steps of dpmpp_2m, shift 8 (recommended for the model)")
    assert f"Put {LORA} into models/loras" in found["presets"]["without"]
    assert LORA not in found["presets"]["with"]


@pytest.mark.parametrize(
    ("mistake", "says"),
    [
        ("rate", "Set 16 fps in Audio To Tokens"),
        ("whisper", "not from a wav2vec2 encoder"),
        ("small", "needs the 24 layers of width 1024 of wav2vec2-large"),
        ("native", "Wire it through S2V Animation"),
        ("batch", "one video at a time"),
        (
            "preset",
            "The preset 'HuMo 17B, 50 steps' is not for this model. Choose one of Wan2.2-S2V, 40 steps",
        ),
    ],
)
def test_a_mistake_ends_in_a_sentence(found, mistake, says):
    assert re.search(re.escape(says), found["mistakes"][mistake])
