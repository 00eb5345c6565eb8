"""A folder that holds everything needed to make a video: the model and its encoders."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import torch
from diffusers.models.autoencoders.autoencoder_kl_wan import AutoencoderKLWan
from torch import nn
from transformers import WhisperConfig
from transformers.models.whisper.modeling_whisper import WhisperEncoder

from ..errors import InputError
from ..weights.header import ReadHeader, read_header
from .adapter import AudioAdapter
from .backbone import WanModel
from .checkpoint import load_model, save_model
from .clip_vision import ClipVision, load_clip_vision
from .config import CONFIGS, AudioConfig
from .execution import AS_LOADED, Execution
from .text import TextEncoder, load_text_encoder, random_text_encoder, save_text_encoder
from .vae import VideoVAE, load_vae, save_vae
from .whisper import WhisperTokens, load_whisper, save_whisper

MODEL = "model.safetensors"
VAE = "vae.safetensors"
TEXT_ENCODER = "text_encoder.safetensors"
WHISPER = "whisper.safetensors"
CLIP_VISION = "clip_vision"  # a folder, for backbones that attend to the picture's CLIP tokens

DEMO_AUDIO = AudioConfig(width=64, dim=160, num_heads=4, num_layers=6, eps=1e-6, rope=True)
DEMO_WHISPER = WhisperConfig(
    d_model=64, encoder_layers=2, encoder_attention_heads=4, encoder_ffn_dim=256, num_mel_bins=80
)
DEMO_VAE_WIDTH = 12
Network = TypeVar("Network", bound=nn.Module)
COLOURS = ("red", "black", "blue", "grey")
DEMO_SAMPLING = {"width": 96, "height": 96, "window": 9, "overlap": 3, "steps": 20}  # of run.settings


@dataclass(frozen=True)
class Bundle:
    model: WanModel
    adapter: AudioAdapter | None
    vae: VideoVAE
    text_encoder: TextEncoder
    whisper: WhisperTokens
    clip_vision: ClipVision | None
    metadata: Mapping[str, Any]  # the sections of the model file, of which run.settings reads "sampling"
    execution: Execution = AS_LOADED  # how the networks compute

    @property
    def audio_layers(self) -> AudioAdapter:
        """Of a bundle that is known to have some."""
        assert self.adapter is not None
        return self.adapter


Networks = tuple[WanModel, AudioAdapter | None, dict[str, Any]]


def load_bundle(
    folder: str | Path,
    read: ReadHeader = read_header,
    only: tuple[str, ...] = ("",),
    load: Callable[[Path], Networks] | None = None,
) -> Bundle:
    """Read a folder with MODEL, VAE, TEXT_ENCODER, WHISPER and, where the backbone needs it, CLIP_VISION; `only` as
    in `load_model`, which `load` may replace for MODEL."""
    folder = Path(folder)
    if missing := [name for name in (MODEL, VAE, TEXT_ENCODER, WHISPER) if not (folder / name).is_file()]:
        raise InputError(f"{folder} lacks {', '.join(missing)}; give a folder with all parts of a model.")
    load = load or partial(load_model, read=read, only=only)
    model, adapter, metadata = load(folder / MODEL)
    clip_vision = folder / CLIP_VISION
    return Bundle(
        model=model,
        adapter=adapter,
        vae=load_vae(folder / VAE, read),
        text_encoder=load_text_encoder(folder / TEXT_ENCODER, read=read),
        whisper=load_whisper(folder / WHISPER, read),
        clip_vision=load_clip_vision(clip_vision) if clip_vision.is_dir() else None,
        metadata=metadata,
    )


def random_bundle(folder: str | Path, seed: int) -> None:
    """Write a bundle in the shapes of the demo model, with no weight at a value that would hide a mistake."""
    folder = Path(folder)
    sentences = [f"a person with {hair} hair, {wall} wall" for hair in COLOURS for wall in COLOURS]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model, adapter = randomised(WanModel(CONFIGS["demo"])), AudioAdapter(DEMO_AUDIO)
        adapter.start_silent()
        voiced = randomised(adapter)
        save_model(folder / MODEL, model, voiced, {"sampling": DEMO_SAMPLING}, torch.float16)
        save_vae(folder / VAE, randomised(AutoencoderKLWan(base_dim=DEMO_VAE_WIDTH)))
        save_whisper(folder / WHISPER, randomised(WhisperEncoder(DEMO_WHISPER)), DEMO_WHISPER)
    save_text_encoder(folder / TEXT_ENCODER, random_text_encoder(sentences, seed))


@torch.no_grad()
def randomised(module: Network) -> Network:
    for parameter in module.parameters():
        parameter.add_(0.05 * torch.randn_like(parameter))
    return module
