"""Every mistake that a creator makes in a graph ends in one sentence on the node, and never in a traceback of "
"ours."""

from __future__ import annotations

import pytest
import torch
from graphs import (
    FPS,
    SIZE,
    altered,
    animation,
    completed,
    edit,
    guided,
    in_stages,
    latent_of,
    model_path,
    node,
    place,
    place_parts,
    shown,
    stock,
    with_guidance,
    with_windows,
)
from listening import heard, texts
from refusals import refusal
from transformers import WhisperConfig
from transformers.models.whisper.modeling_whisper import WhisperEncoder

from skyreels_core.model.whisper import save_whisper


def faceless(frames):
    """Keypoints of nobody, as a value in the place of a link."""
    return {"__value__": [{"people": [], "canvas_width": 96, "canvas_height": 96} for _ in range(frames)]}


def black(width=96, height=96):
    return node("SolidMask", value=0.0, width=width, height=height)


SILENT = node("EmptyAudio", duration=0.0, sample_rate=44100, channels=2)
PART = node("ImageFromBatch", image=["inputs", 3], batch_index=0, length=10)
PIXELS = node("VAELoader", vae_name="pixel_space")
NO_PICTURE = node(
    "SkyReelsAudioImageAnimation", positive=["positive", 0], negative=["negative", 0], vae=["demo", 2],
    tokens=["tokens", 0], width=0, height=0,
)  # fmt: skip
NOBODY = node("SkyReelsAudioFaceMask", image=["inputs", 3], fps=FPS, face="largest", index=0, gaps="hold")
COMPOSITE = node(
    "SkyReelsAudioComposite", source=["inputs", 3], generated=["part", 0], mask=["mask", 0], feather=-1
)
UNIFY = node(
    "SkyReelsAudioColorUnify", images=["inputs", 3], reference=["inputs", 0], fps=FPS, strength=1.0, smoothing=1.0,
    mask=["mask", 0],
)  # fmt: skip
VIDEO = node("SkyReelsAudioCreateVideo", images=["inputs", 3], audio=["silent", 0], fps=FPS)

MISTAKES = {
    "the voice has ended": (altered(animation(), "tokens", start=60.0), "s and is to start at 60 s"),
    "no sound": (altered(animation() | {"silent": SILENT}, "tokens", audio=["silent", 0]), "no sound in this audio"),
    "neither size nor picture": (animation() | {"scene": NO_PICTURE}, "no picture to take the size 0x0 from"),
    "a VAE of another kind": (
        altered(animation() | {"pixels": PIXELS}, "scene", vae=["pixels", 0]), "VAE gives latents of 3 channels"),
    "a mask of another size": (edit() | {"mask": black(50, 50)}, "The mask is [1, 50, 50] and the video ["),
    "a mask of another length": (
        altered(edit() | {"part": PART}, "mask", image=["part", 0]), "The mask is [10, 96, 96] and the video ["),
    "a black mask": (edit() | {"mask": black()}, "The mask is black everywhere"),
    "nobody in the video": (altered(edit(), "mask", keypoints=faceless(200)), "No face was found in any frame"),
    "too few keypoints": (altered(edit(), "mask", keypoints=faceless(5)), "keypoints of 5 frames, the video has"),
    "keypoints of another form": (
        altered(edit(), "mask", keypoints={"__value__": {"pose": 1}}), "not in POSE_KEYPOINT form"),
    "a face that is not there": (altered(edit(), "mask", face="index", index=3), "Face 3 does not exist: the video"),
    "nobody looks for faces": (edit() | {"mask": NOBODY}, "No face detection is connected. Connect Load DWPose"),
    "guidance in other words": (
        animation(audio_guidance="4.5 to 1"), "The guidance schedule '4.5 to 1' cannot be read. Write '4.5'"),
    "guidance beyond the end": (animation(text_guidance="linear:4->2@1.5"), "must increase within 0..1"),
    "a schedule in other words": (with_guidance(animation(), audio="fast"), "The guidance schedule 'fast' "
    "cannot be"),
    "all overlap": (animation(window=3, overlap=3), "Windows of 3 latent frames cannot overlap by 3"),
    "windows that overlap whole": (with_windows(animation(), 33, 33), "Windows of 9 latent frames cannot "
    "overlap by 9"),
    "a stage without steps": (in_stages(guided(animation()), 0), "The sigmas [1] cannot be a schedule"),
    "a composite with another mask": (
        {**edit(), "mask": black(50, 50), "part": PART, "joined": COMPOSITE} | shown("joined"),
        "The mask is [1, 50, 50]"),
    "colours with another mask": (
        {**edit(), "mask": black(50, 50), "unified": UNIFY} | shown("unified"), "The mask is [1, 50, 50]"),
    "a video without a voice": ({**edit(), "silent": SILENT, "video": VIDEO} | shown("video"), "no sound in"),
}  # fmt: skip


@pytest.mark.parametrize(("prompt", "words"), MISTAKES.values(), ids=MISTAKES)
def test_what_cannot_be_used_is_said_in_a_sentence(server, prompt, words):
    assert words in refusal(server, prompt)


def test_tokens_of_another_whisper(server):
    sizes = WhisperConfig(d_model=128, encoder_layers=1, encoder_attention_heads=2, encoder_ffn_dim=128)
    save_whisper(model_path(server, "audio_encoders", "wide.safetensors"), WhisperEncoder(sizes), sizes)
    prompt = animation() | {"whisper": node("SkyReelsAudioLoadWhisper", name="wide.safetensors")}
    said = refusal(server, altered(prompt, "tokens", audio_encoder=["whisper", 0]))
    assert "tokens of width 128, the model's audio layers read width 64" in said


def test_an_audio_encoder_of_the_host(server):
    place(server, "audio_encoders", "wav2vec2.safetensors", {"encoder.layer_norm.bias": torch.zeros(768)})
    loader = stock(server, "AudioEncoderLoader", audio_encoder_name="wav2vec2.safetensors")
    prompt = altered(animation() | {"native": loader}, "tokens", audio_encoder=["native", 0])
    assert "Load the file with Load Whisper Encoder" in refusal(server, prompt)


def test_tokens_of_the_hosts_own_node(server):
    encode = stock(server, "AudioEncoderEncode", audio_encoder=["demo", 3], audio=["inputs", 2])
    prompt = altered(animation() | {"native": encode}, "scene", tokens=["native", 0])
    assert "Use Audio To Tokens instead of Audio Encoder Encode" in refusal(server, prompt)


def test_dwpose_without_its_files_or_onnxruntime(server):
    loader = node("SkyReelsAudioLoadDWPose", detector="yolox_l.onnx", pose="dw-ll_ucoco_384.onnx")
    said = refusal(server, {"dwpose": loader} | shown("dwpose"))
    assert "pip install onnxruntime" in said or "dw-ll_ucoco_384.onnx. Download them" in said


@pytest.mark.parametrize("scene", [animation, lambda: guided(animation())], ids=["sampler", "guider"])
class TestWiring:
    def test_a_latent_of_another_length(self, server, scene):
        latent = stock(server, "EmptyHunyuanLatentVideo", width=SIZE, height=SIZE, length=33)
        prompt = scene() | {"other": latent}
        target = "latent" if "latent" in prompt["sampler"]["inputs"] else "latent_image"
        said = refusal(server, altered(prompt, "sampler", **{target: ["other", 0]}))
        assert "The latent is of shape [1, 16, 9, 8, 8]; voice and picture need [1, 16, 5, 8, 8]" in said

    def test_conditioning_without_a_voice(self, server, scene):
        prompt = scene()
        target = "guider" if "guider" in prompt else "sampler"
        prompt = altered(prompt, target, positive=["positive", 0])
        assert "Wire it through Image Animation or Video Edit Lip-Sync" in refusal(server, prompt)

    @pytest.mark.parametrize("what", ["area", "mask"])
    @pytest.mark.parametrize("side", ["positive", "negative"])
    def test_a_prompt_for_a_place(self, server, scene, what, side):
        mask = {"mask": ["black", 0]} if what == "mask" else {}
        place_of = stock(server, f"ConditioningSet{what.title()}", conditioning=[side, 0], **mask)
        prompt = scene() | {"place": place_of, "black": black()}
        said = refusal(server, altered(prompt, "scene", **{side: ["place", 0]}))
        assert f"{what} on it, which cannot be split into windows" in said


def stock_sampler():
    return animation() | {"sampler": node(
        "KSampler", model=["demo", 0], seed=1, steps=2, cfg=1.0, sampler_name="euler", scheduler="simple",
        positive=["scene", 0], negative=["scene", 1], latent_image=["scene", 2], denoise=1.0,
    )}  # fmt: skip


def stock_guider():
    guider = node("CFGGuider", model=["shifted", 0], positive=["scene", 0], negative=["scene", 1], cfg=2.0)
    return guided(animation()) | {"guider": guider}


@pytest.mark.parametrize("prompt", [stock_sampler(), stock_guider()], ids=["KSampler", "CFGGuider"])
def test_a_sampler_of_the_host_that_would_not_hear(server, prompt):
    assert "Use SkyReels Audio Sampler, or SkyReels Audio Guider" in refusal(server, prompt)


def test_a_sampler_of_the_host_with_a_model_that_cannot_hear(server):
    backbone, _ = place_parts(server)
    plain = altered(stock_sampler(), "sampler", model=["plain", 0])
    loader = node("UNETLoader", unet_name=backbone, weight_dtype="default")
    assert "This sampler ignores the audio conditioning" in refusal(server, plain | {"plain": loader})


def test_a_sampler_of_the_host_with_plain_prompts_is_left_alone(server):
    plain = altered(stock_sampler(), "sampler", positive=["positive", 0], negative=["negative", 0])
    assert latent_of(server, plain).isfinite().all()


def test_a_size_that_does_not_fit_is_snapped_and_said(server):
    prompt = altered(animation(seed=400), "scene", width=100, height=90) | shown("scene", 3)
    words = "The size 100x90 becomes 96x96."
    said = heard(server, prompt)
    assert said[-1].kind == "execution_success"
    assert any(words in text for text in texts(said))
    assert words in completed(server, prompt)["outputs"]["shown"]["text"][0]


def test_a_voice_of_a_single_frame_is_sampled(server):
    assert latent_of(server, animation(0.02)).shape[2] == 1
