"""A pinned edit of a face crop, from files to a file: what takes how long, beside the forward passes."""

from __future__ import annotations

import json
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch.nn.functional import interpolate
from transformers import CLIPVisionConfig, CLIPVisionModel
from transformers.models.whisper.modeling_whisper import WhisperEncoder

from skyreels_core import assets
from skyreels_core.audio.reading import write_wav
from skyreels_core.media.encoding import Encoding
from skyreels_core.media.footage import open_video
from skyreels_core.media.reading import read_video
from skyreels_core.media.region import checked_region
from skyreels_core.media.sound import read_audio
from skyreels_core.media.writing import write_video
from skyreels_core.model.bundle import DEMO_WHISPER, Bundle
from skyreels_core.model.clip_vision import ClipVision
from skyreels_core.model.text import random_text_encoder
from skyreels_core.model.whisper import WhisperTokens
from skyreels_core.pipeline.face_crop import edit_faces
from skyreels_core.pipeline.planning import facts_of, plan_edit
from skyreels_core.pipeline.region import find_region
from skyreels_core.run.settings import Settings

from ..gpu_table import SHARE
from .sizes import Sizes, audio_layers, backbone, peak_gib
from .videos import clock, vae_of

SMALL_CLIP = CLIPVisionConfig(
    hidden_size=1280,
    intermediate_size=64,
    num_hidden_layers=1,
    num_attention_heads=16,
    image_size=224,
    patch_size=14,
)


def pinned_edit(sizes: Sizes) -> dict[str, Any]:
    """480x480, 81 frames of a video of 1080 rows, four steps of one forward pass. Keypoints come from a file: the time
    of a face detector is not in it, nor that of real text and speech encoders."""
    real = sizes.device.type == "cuda"
    side, frames, crop = (1080, 81, 480) if real else (192, 9, 32)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        material(folder, side, frames)
        bundle = bundle_of(sizes)
        settings = Settings(
            width=crop, height=crop, steps=4, audio_guidance="1", text_guidance="1", window=sizes.latent[0],
            overlap=min(5, sizes.latent[0] - 1),
        ).override(method="pinned")  # fmt: skip
        found = timed_edit(sizes, folder, bundle, settings)
    whole = sum(found.values())
    shares = {name: seconds / whole for name, seconds in found.items()}
    others = max(share for name, share in shares.items() if name != "sample")
    return {**found, "largest_other_share": others, "reached": others <= SHARE, "peak_gib": peak_gib(sizes)}


def timed_edit(sizes: Sizes, folder: Path, bundle: Bundle, settings: Settings) -> dict[str, float]:
    voice = read_audio(folder / "voice.wav")
    video = open_video(folder / "video.mp4", voice.seconds)
    plan = plan_edit(settings, facts_of(bundle), video, voice, "video", "square")
    landmarks, region = clock(
        lambda: checked_region(video, find_region(video, None, folder / "video.json")), sizes
    )
    _, result = clock(lambda: edit_faces(bundle, video, voice, region, plan=plan), sizes)
    taken = result.report.seconds
    finished, made = clock(lambda: list(result.frames), sizes)
    write, _ = clock(lambda: write_video(folder / "made.mp4", made, result.fps, result.audio), sizes)
    return {
        "landmarks": landmarks,
        "encode": taken["voice"] + taken["text"] + taken["conditions"],
        "sample": taken["sampling"],
        "decode": taken["decoding"],
        "put_back": finished - taken["decoding"],
        "write": write,
    }


def material(folder: Path, side: int, frames: int) -> None:
    """The bundled video, enlarged, with its keypoints and voice."""
    video = read_video(assets.video())
    shown = interpolate(video.frames[:frames].movedim(-1, 1), (side, side), mode="bilinear").movedim(1, -1)
    voice = read_audio(assets.voice(2))
    write_video(folder / "video.mp4", shown, video.fps, encoding=Encoding(crf=18))
    samples = voice.samples[:, : round(frames / video.fps * voice.sample_rate)]
    write_wav(folder / "voice.wav", replace(voice, samples=samples))
    keypoints = json.loads(assets.keypoints().read_text(encoding="utf-8"))
    (folder / "video.json").write_text(json.dumps(keypoints[:frames]), encoding="utf-8")


def bundle_of(sizes: Sizes) -> Bundle:
    torch.manual_seed(0)
    return Bundle(
        model=backbone(sizes),
        adapter=audio_layers(sizes),
        vae=vae_of(sizes),
        text_encoder=random_text_encoder(["a person talks", "a person smiles"], seed=0),
        whisper=WhisperTokens(WhisperEncoder(DEMO_WHISPER)),
        clip_vision=ClipVision(CLIPVisionModel(SMALL_CLIP)),
        metadata={},
    )
