"""HuMo by our guider is HuMo by the host's own node and sampler, and goes on where that one ends."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch
from host_server import HostServer
from safetensors.torch import save_file

from skyreels_core import assets
from skyreels_core.families.humo.presets import LORA
from skyreels_core.media.reading import read_video

HERE = Path(__file__).parent
WORKFLOW = HERE.parents[1] / "workflows" / "api" / "humo.json"
TOLERANCE = 1e-4  # float32 in another order of operations, through two steps at a guidance of 4.5
LAYOUTS = ("1.7B", "17B")


@pytest.fixture(scope="module")
def folder(run_in_host, tmp_path_factory):
    folder = tmp_path_factory.mktemp("humo")
    run_in_host("humo_in_host.py", folder)
    return folder


@pytest.fixture(scope="module")
def facts(folder):
    return json.loads((folder / "found.json").read_text(encoding="utf-8"))


@pytest.fixture(params=LAYOUTS)
def found(facts, request):
    return facts[request.param]


def test_both_layouts_are_the_hosts_humo(found):
    assert found["detected"] == "WAN21_HuMo"


def test_a_voice_becomes_the_features_of_the_native_node(facts):
    assert facts["features"] <= 1e-6


def test_with_equal_weights_it_is_the_native_two_branch_result(found):
    """By the conditioning of either node, with and without a picture."""
    assert len(found["one window"]) == 6
    assert {name: value for name, value in found["one window"].items() if value > TOLERANCE} == {}


def test_every_window_is_what_the_native_node_and_sampler_make_of_its_span(found):
    windows, difference = found["three windows"]
    assert windows == 3 and difference <= TOLERANCE


@pytest.mark.parametrize(("layout", "extra"), [("1.7B", set()), ("17B", {"c_concat"})])
def test_every_condition_is_the_one_that_the_host_builds_for_that_span(facts, layout, extra):
    conditions = facts[layout]["conditions"]
    assert set(conditions["names"]) == {"audio_embed", "reference_latent"} | extra
    assert conditions["worst"] == 0


def test_without_the_voice_text_and_picture_stay(found):
    assert found["conditions"]["silent"] and found["conditions"]["kept"]


def test_voice_and_picture_matter_to_the_models_that_prove_this(found):
    moved = found["what matters"]
    assert min(moved["voice"], moved["text and picture"], moved["picture"]) > 100 * TOLERANCE


def test_null_image_takes_a_picture_out_of_the_null_branch(found):
    assert found["what matters"]["null image"] == 0


def test_three_branches_and_three_windows_run_to_the_end_with_teacache(found):
    windows, forwards, cache = found["long video"]["report"]
    assert found["long video"]["finite"]
    assert windows.startswith("41 frames, 3 windows")
    assert forwards.startswith("18 forward passes")  # 3 branches of 3 windows on 2 of 4 steps
    assert "computes 2 of 4 steps" in cache


def test_text_guidance_stays_where_it_leads_to_the_picture_and_goes_where_nothing_is_left(found):
    with_picture, without = (found["without text"][f"picture {shown}"] for shown in (True, False))
    assert not any("no prompt" in line for line in with_picture)
    assert "There is no prompt: text guidance is off instead of 5" in without[-1]
    forwards = [report[1].split()[0] for report in (with_picture, without)]
    # of two steps: without audio guidance, three branches or the full one alone
    assert forwards == ["6", "2"]


def test_teacache_is_told_before_a_run_of_the_published_length(found):
    assert "of 50 steps" in found["preview"]


@pytest.mark.parametrize(
    ("mistake", "remedy"),
    [
        ("native and long", "Use HuMo Animation instead"),
        ("frame rate", "Set 25 fps in Audio To Tokens"),
        ("another whisper", r"Load whisper_large_v3_fp16\.safetensors"),
        ("no voice", "Wire it through HuMo Animation"),
        ("native without voice", "Wire it through HuMo Animation"),
        ("image animation", "Wire it through HuMo Animation"),
        ("stock sampler", "ignores the audio conditioning.* Use SkyReels Audio Sampler"),
        ("stock sampler alone", "ignores the audio conditioning.* Use SkyReels Audio Sampler"),
        ("another length", r"need \[1, 16, 11, 8, 8\]"),
    ],
)
def test_a_mistake_is_answered_with_what_to_do(found, mistake, remedy):
    with pytest.raises(AssertionError, match=remedy):
        raise AssertionError(found["mistakes"][mistake])


@pytest.fixture(scope="module")
def server(comfyui, tmp_path_factory):
    """A ComfyUI that has the tests' Whisper as a node."""
    server = HostServer(*comfyui, tmp_path_factory.mktemp("comfyui"))
    (server.folder / "custom_nodes").mkdir(parents=True)
    shutil.copy(HERE / "humo_files.py", server.folder / "custom_nodes")
    server.start()
    yield server
    server.kill()


def stand_in_lora(server):
    """Of no weight that the model has."""
    save_file({"none": torch.zeros(1)}, server.models / "loras" / LORA)


def test_the_workflow_runs_to_a_video_as_long_as_the_voice(server, folder):
    """With tiny weights under the names in the workflow. ComfyUI's CLIP loader knows UMT5-XXL alone, so the text
    comes from the demo loader."""
    shutil.copy(
        folder / "humo.safetensors", server.models / "diffusion_models" / "humo_17B_fp8_e4m3fn.safetensors"
    )
    stand_in_lora(server)
    shutil.copy(assets.model() / "vae.safetensors", server.models / "vae" / "wan_2.1_vae.safetensors")
    shutil.copy(assets.portrait(), server.input / "portrait.png")
    shutil.copy(assets.voice(1), server.input / "voice.flac")
    prompt = json.loads(WORKFLOW.read_text(encoding="utf-8"))
    own = {entry["class_type"]: entry["inputs"] for entry in prompt.values()}
    own["SkyReelsAudioTokens"]["duration"] = 1.64
    own["SkyReelsAudioHuMo"] |= {"width": 64, "height": 64}
    own["SkyReelsAudioSampler"] |= {"steps": 2, "window": 5, "overlap": 2}
    prompt["demo"] = {"class_type": "SkyReelsAudioLoadDemo", "inputs": {}}
    for entry in prompt.values():
        if entry["class_type"] == "CLIPTextEncode":
            entry["inputs"]["clip"] = ["demo", 1]
        if entry["class_type"] == "SkyReelsAudioLoadWhisper":
            entry |= {"class_type": "TestLargeWhisper", "inputs": {"audio_encoder": ["demo", 3]}}
    prompt = {key: entry for key, entry in prompt.items() if entry["class_type"] != "CLIPLoader"}
    ended = server.run(prompt)
    assert ended["status"]["completed"], ended["status"]["messages"][-1]
    saved = [image for out in ended["outputs"].values() for image in out.get("images", ())]
    (video,) = [image for image in saved if image["filename"].endswith(".mp4")]
    made = read_video(server.output / video["subfolder"] / video["filename"])
    assert len(made.frames) == 41 and made.fps == 25
    assert made.audio is not None and made.frames.std() > 0.01
