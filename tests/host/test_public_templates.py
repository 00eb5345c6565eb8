"""Templates for public weights, queued over the API, run to the end on small networks under their files' names."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from skyreels_core import assets
from skyreels_core.media.reading import read_video

WORKFLOWS = Path(__file__).parents[2] / "workflows" / "api"
FILES = {  # by the names in the workflows
    "diffusion_models/Wan21-SkyReelsV3-A2V_fp8_scaled_mixed.safetensors": "v3_fp8",
    "diffusion_models/SoulX-FlashTalk-14B.safetensors": "v3",
    "diffusion_models/wan2.1_i2v_480p_14B_fp16.safetensors": "wan",
    "diffusion_models/wan2.2_s2v_14B_fp8_scaled.safetensors": "s2v",
    "model_patches/wan2.1_infiniteTalk_single_fp16.safetensors": "infinitetalk",
    "model_patches/wan2.1_infiniteTalk_multi_fp16.safetensors": "infinitetalk",
    "audio_encoders/wav2vec2-chinese-base_fp16.safetensors": "wav2vec",
    "audio_encoders/wav2vec2_large_english_fp16.safetensors": "wav2vec_large",
    "loras/lightx2v_I2V_14B_480p_cfg_step_distill_rank64_bf16.safetensors": "wan_lora",
    "loras/wan2.2_t2v_lightx2v_4steps_lora_v1.1_high_noise.safetensors": "s2v_lora",
}
# What ComfyUI knows by its full size alone, and what has no file here
FULL_SIZE = ("CLIPLoader", "CLIPVisionLoader", "CLIPVisionEncode", "RecordAudio")
SECONDS, SIZE = 1.64, 64


@pytest.fixture(scope="module")
def weights(server, run_in_host, tmp_path_factory):
    folder = tmp_path_factory.mktemp("tiny")
    run_in_host("tiny_files_in_host.py", folder)
    for there, here in FILES.items():
        (server.models / there).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(folder / f"{here}.safetensors", server.models / there)
    shutil.copy(assets.model() / "vae.safetensors", server.models / "vae" / "wan_2.1_vae.safetensors")
    shutil.copy(assets.portrait(), server.input / "portrait.png")
    shutil.copy(assets.voice(1), server.input / "voice.flac")


def small(name):
    """The workflow with small sizes; the text comes from the demo's encoder."""
    whole = json.loads((WORKFLOWS / f"{name}.json").read_text(encoding="utf-8"))
    prompt = {
        key: entry
        for key, entry in whole.items()
        if entry["class_type"] not in FULL_SIZE and entry["inputs"].get("audio") != ""
    }
    prompt["demo"] = {"class_type": "SkyReelsAudioLoadDemo", "inputs": {}}
    for entry in prompt.values():
        kind, inputs = entry["class_type"], entry["inputs"]
        if kind == "CLIPTextEncode":
            inputs["clip"] = ["demo", 1]
        elif kind == "SkyReelsAudioTokens":
            inputs["duration"] = SECONDS
        elif kind in ("SkyReelsAudioVideoEdit", "SkyReelsAudioMultiTalk", "SkyReelsAudioS2V"):
            wide = 2 if name == "conversation" else 1  # a mouth must cover a token
            inputs |= {"width": wide * SIZE, "height": SIZE}
            inputs.pop("clip_vision", None), inputs.pop("clip_vision_output", None)
        elif kind == "SkyReelsAudioSampler":
            inputs |= {"window": 5, "overlap": 2}
    return prompt


@pytest.mark.parametrize(
    ("name", "fps", "size"),
    [
        ("redub_infinitetalk", 25, (512, 512)),
        ("redub_skyreels_v3", 25, (512, 512)),
        ("conversation", 25, (832, 480)),
        ("flashtalk", 25, (SIZE, SIZE)),
        ("s2v", 16, (SIZE, SIZE)),
    ],
)
def test_a_template_runs_to_a_video_with_its_voice(server, weights, name, fps, size):
    ended = server.run(small(name), 600)
    assert ended["status"]["completed"], ended["status"]["messages"][-1]
    saved = [image for out in ended["outputs"].values() for image in out.get("images", ())]
    (video,) = [image for image in saved if image["filename"].endswith(".mp4")]
    made = read_video(server.output / video["subfolder"] / video["filename"])
    assert made.fps == fps and made.frames.shape[2:0:-1] == size
    assert abs(len(made.frames) / fps - SECONDS - 0.5 * (name == "conversation")) < 0.6
    assert made.audio is not None and made.frames.std() > 0.01
