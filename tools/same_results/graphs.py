"""Graphs in API format, each node under a name of its own; what is saved comes under `saved`."""

from __future__ import annotations

from typing import Any

from .host import Prompt

SIZE, FPS, SECONDS = 64, 25.0, 1.0  # pixels, frames per second, of voice: 7 latent frames
GUIDANCE = {"audio_guidance": "linear:4->2", "text_guidance": "cosine:3->1@0.8"}
WINDOWS = {"window": 4, "overlap": 2}  # latent frames
CACHED = {"tea_cache": 1.0, "steps": 6}
SIZED = {"width": SIZE, "height": SIZE}


def node(class_type: str, /, **inputs: Any) -> dict[str, Any]:
    return {"class_type": class_type, "inputs": inputs}


def voice(name: str, encoder: list, sound: str = "first.wav", seconds: float = SECONDS) -> Prompt:
    """Nodes NAME and `NAME sound`."""
    tokens = node(
        "SkyReelsAudioTokens", audio_encoder=encoder, audio=[f"{name} sound", 0], fps=FPS, start=0.0, duration=seconds,
        voice_gate=False,
    )  # fmt: skip
    return {f"{name} sound": node("LoadAudio", audio=sound), name: tokens}


def shared() -> Prompt:
    return {
        "demo": node("SkyReelsAudioLoadDemo"),
        "picture": node("LoadImage", image="portrait.png"),
        "positive": node("CLIPTextEncode", clip=["demo", 1], text="a person with red hair, blue wall"),
        "negative": node("CLIPTextEncode", clip=["demo", 1], text="grey wall"),
    }


def scene(class_type: str, /, **inputs: Any) -> dict[str, Any]:
    texts = {"positive": ["positive", 0], "negative": ["negative", 0]}
    return node(class_type, **texts, vae=["demo", 2], **inputs)


def sampler(**fields: Any) -> dict[str, Any]:
    own = {
        "seed": 7, "steps": 3, "shift": 3.0, "solver": "euler", "audio_guidance": "", "text_guidance": "", "window": 0,
        "overlap": -1, "fusion": "bidirectional", "tea_cache": 0.0, "keep_state": False,
    }  # fmt: skip
    wired = {
        "model": ["model", 0],
        "positive": ["scene", 0],
        "negative": ["scene", 1],
        "latent": ["scene", 2],
    }
    return node("SkyReelsAudioSampler", **(own | wired | fields))


def saved(source: str) -> dict[str, Any]:
    return node("SaveLatent", samples=[source, 0], filename_prefix="saved")


def sampled(prompt: Prompt, **fields: Any) -> Prompt:
    return prompt | {"sampler": sampler(**fields), "saved": saved("sampler")}


def demo(seconds: float = SECONDS) -> Prompt:
    return shared() | voice("tokens", ["demo", 3], seconds=seconds) | {
        "model": node("SkyReelsAudioLoadDemo"),
        "scene": scene("SkyReelsAudioImageAnimation", tokens=["tokens", 0], picture=["picture", 0], **SIZED),
    }  # fmt: skip


def edit() -> Prompt:
    mask = node(
        "SkyReelsAudioFaceMask", image=["inputs", 3], fps=FPS, keypoints=["inputs", 5], face="largest", index=0,
        gaps="pass_through",
    )  # fmt: skip
    edited = {"video": ["inputs", 3], "mask": ["mask", 0], "hybrid": 0.4, "tokens": ["tokens", 0]}
    return demo() | {
        "inputs": node("SkyReelsAudioDemoInputs", voice="voice 1"),
        "mask": mask,
        "scene": scene("SkyReelsAudioVideoEdit", **edited, **SIZED),
    }


def humo() -> Prompt:
    return shared() | voice("tokens", ["whisper", 0]) | {
        "whisper": node("TestLargeWhisper", audio_encoder=["demo", 3]),
        "model": node("UNETLoader", unet_name="humo.safetensors", weight_dtype="default"),
        "scene": scene("SkyReelsAudioHuMo", tokens=["tokens", 0], picture=["picture", 0], **SIZED),
    }  # fmt: skip


def multitalk(model: Prompt, speakers: int = 1) -> Prompt:
    spoken = {"tokens": ["tokens", 0]} if speakers == 1 else {"speakers": ["second", 0]}
    return shared() | model | two_speakers() | voice("tokens", ["wav2vec", 0]) | {
        "wav2vec": node("SkyReelsAudioLoadWav2Vec", name="wav2vec.safetensors"),
        "square": node("ImageScale", image=["picture", 0], upscale_method="bilinear", crop="disabled", **SIZED),
        "scene": scene("SkyReelsAudioMultiTalk", picture=["square", 0], **spoken, **SIZED),
    }  # fmt: skip


def two_speakers() -> Prompt:
    masks = {name: node("LoadImageMask", image=f"{name}.png", channel="red") for name in ("left", "right")}
    return masks | voice("answer", ["wav2vec", 0], "second.wav", 0.6) | {
        "first": node("SkyReelsAudioSpeaker", tokens=["tokens", 0], start=0.0, mask=["left", 0]),
        "second": node(
            "SkyReelsAudioSpeaker", tokens=["answer", 0], start=0.6, mask=["right", 0], previous=["first", 0]
        ),
    }  # fmt: skip


def infinitetalk() -> Prompt:
    return {
        "plain": node("UNETLoader", unet_name="wan.safetensors", weight_dtype="default"),
        "model": node(
            "SkyReelsAudioApplyInfiniteTalk",
            model=["plain", 0],
            model_patch="infinitetalk.safetensors",
            preset="480p",
        ),
    }


def v3() -> Prompt:
    preset = "4 steps, as shipped"
    return {
        "model": node(
            "SkyReelsAudioLoadV3", model_name="v3.safetensors", preset=preset, weight_dtype="default"
        )
    }


def guided(prompt: Prompt) -> Prompt:
    """The same scene by the guider, with the nodes for windows, guidance and TeaCache, and the host's own sampler."""
    conditions = {"positive": ["scene", 0], "negative": ["scene", 1]}
    options = {"windows": ["windows", 0], "guidance": ["guidance", 0], "teacache": ["teacache", 0]}
    wired = {
        "noise": ["noise", 0],
        "guider": ["guider", 0],
        "sampler": ["solver", 0],
        "sigmas": ["sigmas", 0],
    }
    return prompt | {
        "shifted": node("ModelSamplingSD3", model=["model", 0], shift=3.0),
        "sigmas": node("BasicScheduler", model=["shifted", 0], scheduler="simple", steps=6, denoise=1.0),
        "windows": node(
            "SkyReelsAudioWindows", unit="frames", length=17.0, overlap=5.0, fusion="bidirectional", fps=FPS
        ),
        "guidance": node("SkyReelsAudioCFGScheduler", audio="linear:4->2", text="cosine:3->1@0.8"),
        "teacache": node("SkyReelsAudioTeaCache", model=["shifted", 0], enabled=True, threshold=0.1),
        "guider": node(
            "SkyReelsAudioGuider", model=["shifted", 0], **conditions, **options, keep_state=False
        ),
        "solver": node("KSamplerSelect", sampler_name="dpmpp_2m"),
        "noise": node("RandomNoise", noise_seed=7),
        "sampler": node("SamplerCustomAdvanced", **wired, latent_image=["scene", 2]),
        "saved": saved("sampler"),
    }


def key_frames() -> Prompt:
    wired = {
        "model": ["model", 0],
        "positive": ["scene", 0],
        "negative": ["scene", 1],
        "latent": ["scene", 2],
    }
    own = {"seed": 7, "steps": 2, "shift": 0.0, "audio_guidance": "", "text_guidance": "", "color_match": 1.0}
    images = node("SaveImage", images=["sampler", 0], filename_prefix="saved")
    return multitalk(v3()) | {"sampler": node("SkyReelsAudioKeyFrames", **wired, **own), "saved": images}


def talking_video(source: str) -> dict[str, Any]:
    return node(
        "SkyReelsAudioSaveVideo", latent=[source, 0], vae=["demo", 2], audio=["tokens", 2], fps=FPS,
        filename_prefix="talk", codec="h264", quality=0, colour_strength=1.0, lossless=True,
    )  # fmt: skip
