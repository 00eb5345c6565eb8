"""What every family keeps: HuMo, InfiniteTalk, SkyReels-V3, Wan2.2-S2V, SkyReels-Audio, and a toy in a folder of these
tests.

That a window equals the native node's is in test_humo.py, test_multitalk.py, test_parity.py; torch.compile in
test_compile.py; dynamic VRAM in test_dynamic_vram.py. They run the same families.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from family_list import CONTRACT, EVERY
from sources import NODES

from tools.weights import read_weights

TOYS = Path(__file__).parent / "toy_families"
each_family = pytest.mark.parametrize("family", CONTRACT)
FRAMES, LATENT_FRAMES = 29, 8


@pytest.fixture(scope="module")
def listed(run_in_host, tmp_path_factory):
    folder = tmp_path_factory.mktemp("contract")
    run_in_host("contract_in_host.py", folder)
    return json.loads((folder / "found.json").read_text(encoding="utf-8"))


@pytest.fixture
def found(listed, family):
    return listed["families"][family]


def test_every_folder_of_a_family_has_an_entry(listed):
    """With it everything here is checked of the family."""
    folders = [path.parent.name for path in (NODES / "families").glob("*/family.py")]
    assert listed["names"] == sorted([*folders, "toy"])
    entries = {entry.folder for entry in EVERY.values() if entry.contract}
    without = sorted(set(listed["names"]) - entries)
    assert not without, f"Give {' and '.join(without)} an entry in tests/host/family_list.py."


def test_a_family_brings_its_own_nodes(listed):
    assert {
        "SkyReelsAudioHuMo",
        "SkyReelsAudioKeyFrames",
        "SkyReelsAudioApplyToy",
        "SkyReelsAudioToy",
    } <= set(listed["nodes"])


def test_a_family_brings_its_rows_and_files():
    toy = read_weights(TOYS)
    assert [model.name for model in toy.models] == ["Toy"]
    assert (
        toy.linked(toy.models[0].download)
        == "[nothing](https://hub.example/toy/resolve/main/toy.safetensors)"
    )


@each_family
def test_a_model_is_claimed_by_its_own_folder(found, family):
    assert found["claimed by"] == CONTRACT[family].folder


@each_family
def test_the_header_of_a_file_is_read_once(found, family):
    """Those that the host's own loaders read are not counted."""
    assert set(found["headers read"].values()) <= {1}


def test_torch_compile_takes_no_family_for_another(listed):
    """It keeps what it made of a network for every model of the process, so each family with layers has its mark."""
    folders: dict[str, set[str]] = {}
    for family, found in listed["families"].items():
        (mark,) = found["marks"]["own"]
        if found["has layers"]:
            folders.setdefault(mark, set()).add(CONTRACT[family].folder)
            assert mark != found["marks"]["plain"], (
                f"The models of {CONTRACT[family].folder} look like plain ones to torch.compile. Put its layers on the "
                "model with `patched`."
            )
    for mark, sharing in folders.items():
        assert len(sharing) == 1, (
            f"{mark} is the mark of {' and '.join(sorted(sharing))}, so that torch.compile takes one for the other. "
            "Give `patched` a key of the family's own."
        )


@each_family
def test_each_window_is_told_its_own_span_of_the_voice(found, family):
    """A voice that changes near its end changes the last window alone, and nothing where there is no voice."""
    voiced = {branch: windows for branch, windows in found["voice"].items() if any(windows)}
    assert len(found["voice"]) == 3
    assert set(map(tuple, voiced.values())) == {(False, True)}
    assert not {"noaudio", "null"} & voiced.keys()


@each_family
def test_a_video_is_as_long_as_its_voice(found, family):
    length = found["length"]
    assert (length["frames"], length["latent frames"]) == (FRAMES, LATENT_FRAMES)
    assert f"need [1, 16, {LATENT_FRAMES}, 8, 8]" in length["another"]


@each_family
def test_silence_is_another_voice(found, family):
    assert found["silence"]["finite"] and found["silence"]["differs"] > 1e-3


@each_family
def test_the_null_branch_can_lose_the_picture(found, family):
    assert found["no picture"]["finite"]
    assert (found["no picture"]["differs"] > 1e-3) == CONTRACT[family].null_picture


@each_family
def test_an_interrupted_run_resumes_to_the_same_numbers(found, family):
    resumed = found["resumed"]
    assert resumed["differs"] == 0.0
    assert 0 < resumed["forwards"] < resumed["planned"]


@each_family
def test_a_cached_run_computes_fewer_forwards(found, family):
    assert 0 < found["forwards"]["cached"] < found["forwards"]["all"] == 3 * 2 * 3


@each_family
def test_a_sampler_that_ignores_the_voice_is_refused(found, family):
    for scale in ("1.0", "3.0"):
        assert "ignores the audio conditioning" in found["ignoring sampler"][scale]


@each_family
def test_a_voice_is_encoded_once(found, family):
    assert found["heard once"]


@each_family
def test_a_latent_and_a_vae_make_the_video_with_its_voice(found, family):
    saved = found["saved"]
    fps = CONTRACT[family].fps
    assert (saved["frames"], saved["fps"]) == (FRAMES, fps)
    assert abs(saved["seconds of sound"] - FRAMES / fps) < 0.05
