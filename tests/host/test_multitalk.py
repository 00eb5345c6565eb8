"""InfiniteTalk and SkyReels-V3 by our guider are what the host's own node, patch and sampler give, and go on where
those end. Small random networks in ComfyUI's own modules."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from skyreels_core import assets
from skyreels_core.families.multitalk.presets import LIGHTX2V
from skyreels_core.media.reading import read_video

WORKFLOWS = Path(__file__).parents[2] / "workflows" / "api"
TOLERANCE = 1e-4  # float32 in another order of operations, at guidances of 3 to 5; latents reach 20


@pytest.fixture(scope="module")
def folder(run_in_host, tmp_path_factory):
    folder = tmp_path_factory.mktemp("multitalk")
    run_in_host("multitalk_in_host.py", folder)
    return folder


@pytest.fixture(scope="module")
def found(folder):
    return json.loads((folder / "found.json").read_text(encoding="utf-8"))


def test_any_span_of_a_voice_is_windowed_as_the_host_does(found):
    assert found["windows of the voice"] == 0


def test_native_nodes_get_all_layers_at_their_own_rate(found):
    assert found["native layers"] == [[1, 49, 64]] * 3


def test_another_frame_rate_has_as_many_states_as_frames(found):
    assert found["at 30 fps"] == [30, 2, 64]


@pytest.mark.parametrize("guidance", ["guidance 1", "guidance 3"])
def test_one_window_is_the_native_result(found, guidance):
    """InfiniteTalk's pinned first latent frame included."""
    assert found["one window"][guidance] <= TOLERANCE


def test_every_window_is_the_native_result_of_its_own_span_of_the_voice(found):
    windows, difference, without_span = found["three windows"]
    assert windows == 3 and without_span > 0.1
    assert difference <= TOLERANCE


def test_three_branches_join_as_published(found):
    """No voice is zeros through the projection, and is heard to differ from the voice."""
    assert found["three branches"]["report"][1].startswith("3 forward passes")
    assert found["three branches"]["voice"] > 0.1
    assert found["three branches"]["difference"] <= TOLERANCE


def test_without_guidance_of_the_text_the_voice_is_guided_against_the_text_alone(found):
    assert found["three branches"]["voice alone"] <= TOLERANCE


def test_a_cached_run_computes_fewer_forwards(found):
    cached = found["cached"]
    steps = int(re.search(r"computes (\d) of 8 steps", cached["report"][2])[1])
    assert steps < 8
    assert cached["report"][1].startswith(f"{3 * 3 * steps} forward passes")  # windows, branches
    assert cached["finite"] and 0 < cached["difference"] < cached["spread"]


def test_a_batch_of_latents_is_each_of_them(found):
    assert found["batch"] <= TOLERANCE


class TestTwoSpeakers:
    def test_they_are_the_native_result(self, found):
        assert found["two speakers"]["difference"] <= TOLERANCE

    def test_the_length_is_to_the_end_of_the_last_one(self, found):
        assert found["two speakers"]["frames"] == 53
        assert found["two speakers"]["latent"] == [1, 16, 14, 8, 8]

    def test_their_recordings_are_mixed_in_their_places(self, found):
        assert found["two speakers"]["recording"] == 0

    def test_who_has_not_spoken_yet_is_silent(self, found):
        assert found["two speakers"]["silence changes"] == 0
        assert found["two speakers"]["speech changes"] > 0.1

    def test_a_silent_one_has_its_own_silence_whatever_the_other_says(self, found):
        assert found["silent speaker"]["second"] <= 1e-5
        assert found["silent speaker"]["first"] > 0.1

    def test_masks_say_who_is_who(self, found):
        assert found["two speakers"]["swapped"] > 0.1

    def test_windows_are_made_too(self, found):
        assert found["two speakers"]["windows"]


@pytest.mark.parametrize("name", ["v3", "parts-00002-of-00002"])
def test_a_v3_file_is_the_native_result_with_its_first_latent_frame_free(found, name):
    assert found["v3 files"][name] <= TOLERANCE


@pytest.mark.parametrize("name", ["v3_fp8 default", "v3_fp8_scaled default", "v3 fp8_e4m3fn"])
def test_a_v3_file_in_fp8_is_near_it(found, name):
    assert 0 < found["v3 files"][name] < 0.1  # of the latents' spread; fp8 keeps 3 bits


def test_the_sampler_node_takes_everything_from_the_preset(found):
    assert found["sampler node"]
    assert "shift 11 (recommended for the model), audio guidance 1, text guidance 1" in found["preset report"]
    assert "6 forward passes" in found["preset report"]  # three windows, two steps, no guidance


def test_audio_layers_are_not_copied_in_memory(found):
    assert found["shared memory"]


@pytest.mark.parametrize(
    ("mistake", "says"),
    [
        ("t2v", "takes no picture.*wan2.1_i2v_480p_14B_fp16.safetensors from models/diffusion_models"),
        ("twice", "has audio layers already"),
        ("demo", "has audio layers already"),
        ("v3 as patch", "is a SkyReels-V3 A2V model.*models/model_patches.*Load SkyReels-V3 A2V takes it"),
        ("wan as v3", "is a Wan image-to-video backbone.*SkyReels-V3 A2V file in models/diffusion_models"),
        ("patch as v3", "is the audio layers of InfiniteTalk.*Apply InfiniteTalk takes it"),
        ("whisper tokens", "Load Wav2Vec2 Encoder: wav2vec2-chinese-base_fp16.safetensors in models/audio_encoders"),
        ("wav2vec tokens", "for MultiTalk Animation.*Load Whisper Encoder"),
        ("no voice", "Wire it through MultiTalk Animation"),
        ("another voice", "Wire it through MultiTalk Animation"),
        ("another model", "Wire it through Image Animation or Video Edit Lip-Sync"),
        ("plain model", "has no audio layers"),
        ("stock sampler", "This sampler ignores the audio conditioning"),
        ("neither", "one voice as tokens, or several as speakers"),
        ("both", "one voice as tokens, or several as speakers"),
        ("three", "support 2 speakers"),
        ("no mask", "Speaker 2 has no mask"),
        ("small mask", "mask of speaker 2 is 64x8, the picture 64x64"),
        ("batch of two speakers", "generated one at a time"),
    ],
)  # fmt: skip
def test_a_mistake_ends_in_a_sentence(found, mistake, says):
    assert found["mistakes"][mistake] is not None
    assert re.search(says, found["mistakes"][mistake])


FILES = {  # by the names in the workflows
    "diffusion_models/Wan21-SkyReelsV3-A2V_fp8_scaled_mixed.safetensors": "diffusion_models/v3_fp8_scaled.safetensors",
    "diffusion_models/wan2.1_i2v_480p_14B_fp16.safetensors": "diffusion_models/wan_i2v.safetensors",
    "model_patches/wan2.1_infiniteTalk_single_fp16.safetensors": "model_patches/infinitetalk.safetensors",
    "audio_encoders/wav2vec2-chinese-base_fp16.safetensors": "audio_encoders/wav2vec.safetensors",
}
# what ComfyUI knows by its full size alone
FULL_SIZE = ("CLIPLoader", "CLIPVisionLoader", "CLIPVisionEncode")


@pytest.mark.parametrize("name", ["skyreels_v3", "infinitetalk"])
def test_the_workflow_runs_to_a_video_as_long_as_the_voice(server, folder, name):
    """With small weights under the names in the workflow; the text comes from the demo's encoder."""
    save_file({"none": torch.zeros(1)}, server.models / "loras" / LIGHTX2V)  # of no weight that the model has
    for there, here in FILES.items():
        shutil.copy(folder / here, server.models / there)
    shutil.copy(assets.model() / "vae.safetensors", server.models / "vae" / "wan_2.1_vae.safetensors")
    shutil.copy(assets.portrait(), server.input / "portrait.png")
    shutil.copy(assets.voice(1), server.input / "voice.flac")
    whole = json.loads((WORKFLOWS / f"{name}.json").read_text(encoding="utf-8"))
    prompt = {key: entry for key, entry in whole.items() if entry["class_type"] not in FULL_SIZE}
    prompt["demo"] = {"class_type": "SkyReelsAudioLoadDemo", "inputs": {}}
    own = {entry["class_type"]: entry["inputs"] for entry in prompt.values()}
    own["SkyReelsAudioTokens"]["duration"] = 1.64
    own["SkyReelsAudioMultiTalk"] |= {"width": 64, "height": 64}
    del own["SkyReelsAudioMultiTalk"]["clip_vision_output"]
    own["SkyReelsAudioSampler"] |= {"steps": 2, "window": 5, "overlap": 2}
    for entry in prompt.values():
        if entry["class_type"] == "CLIPTextEncode":
            entry["inputs"]["clip"] = ["demo", 1]
    ended = server.run(prompt)
    assert ended["status"]["completed"], ended["status"]["messages"][-1]
    saved = [image for out in ended["outputs"].values() for image in out.get("images", ())]
    (video,) = [image for image in saved if image["filename"].endswith(".mp4")]
    made = read_video(server.output / video["subfolder"] / video["filename"])
    assert len(made.frames) == 41 and made.fps == 25
    assert made.audio is not None and made.frames.std() > 0.01
