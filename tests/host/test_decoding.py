"""In a real host, a streamed decode by its own VAE is its whole decode."""

from __future__ import annotations

import json

import pytest

ROUNDING = 1e-5  # of larger tensors, where libraries divide sums otherwise


@pytest.fixture(scope="module")
def facts(run_in_host, tmp_path_factory):
    folder = tmp_path_factory.mktemp("decode")
    run_in_host("decode_in_host.py", folder)
    return json.loads((folder / "facts.json").read_text())


def test_a_stream_is_the_whole_decode_bit_for_bit_at_every_length(facts):
    assert facts["same"] == dict.fromkeys(facts["shapes"], True)
    assert {int(frames) for frames in facts["shapes"]} >= set(range(33, 122, 4))
    assert all(shape == [int(frames), 16, 24, 3] for frames, shape in facts["shapes"].items())


def test_larger_even_chunks_differ_by_rounding_alone(facts):
    assert max(facts["further"].values()) < ROUNDING


def test_one_latent_frame_at_a_time_would_be_wrong(facts):
    assert facts["one_at_a_time"] > 0.01


def test_the_cancel_button_is_heard_between_chunks(facts):
    assert facts["cancelled_after"] == 9  # 1 + 8: whole chunks


def test_memory_is_asked_for_as_the_host_estimates_it_for_a_video(facts):
    assert facts["asked_for"] == [facts["estimate"]] * 2


def test_where_memory_does_not_suffice_a_sentence_says_what_to_do(facts):
    assert "Memory ran out while 24x16 pixels were decoded in float32" in facts["out_of_memory"]
    assert "--bf16-vae" in facts["out_of_memory"]
    assert facts["after"]


def test_what_is_no_single_video_is_refused(facts):
    assert "[2, 16, 9, 2, 3]; that of one video is [1, 16, frames, height, width]" in facts["batch"]
    assert "[1, 16, 2, 3]" in facts["picture"]


def test_another_vae_is_refused(facts):
    assert "a Tiny, cannot decode a video piece by piece" in facts["another"]
    assert "wan_2.1_vae.safetensors" in facts["channels"]
