"""Clips of noise and a model of two blocks, on which the tests of training train."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from skyreels_core import assets
from skyreels_core.model.adapter import AudioAdapter
from skyreels_core.model.backbone import WanModel
from skyreels_core.model.bundle import load_bundle, random_bundle
from skyreels_core.model.config import AudioConfig, WanConfig
from skyreels_core.training.clips import Clip
from skyreels_core.training.encoded import EncodedClips, Encoders, encode_clips
from skyreels_core.training.loop import Stage
from skyreels_core.training.losses import Objective
from skyreels_core.training.transformer import AudioDrivenModel, Leg

PARTS = ("vae", "text_encoder", "whisper")
SIZES = WanConfig("t2v", 36, 32, 64, 32, 64, 16, 2, 2, 512, 1e-6)


@dataclass(frozen=True)
class NoiseClips:
    """Moving noise with a voice of noise; the second clip shows no known face."""

    def __len__(self) -> int:
        return 2

    def captions(self) -> list[str]:
        return ["red noise", "blue noise"]

    def clip(self, index: int) -> Clip:
        generator = torch.Generator().manual_seed(index)
        frames = torch.rand(9, 32, 32, 3, generator=generator)
        samples = 0.1 * torch.randn(32000, generator=generator)
        box = torch.zeros(9, 32, 32)
        box[:, 16:, :16] = 1
        known = (box, box) if index == 0 else (None, None)
        return Clip(frames, 25.0, samples, 3 * index, self.captions()[index], *known)


def material(folder: Path) -> Path:
    """A folder with a model of random weights, and a talking clip in `clips`."""
    random_bundle(folder, seed=0)
    (folder / "clips").mkdir()
    shutil.copy(assets.video(), folder / "clips" / "talk.mp4")
    return folder


def sections(folder: Path, *legs: dict[str, Any], frames: int = 17, **transformer: Any) -> dict[str, Any]:
    """A recipe on `material`, of legs that say what they have of their own."""
    usual = {"editing": 0.0, "batch": 2, "lr": 1e-4, "warmup": 1, "steps": 2}
    clips = {
        "kind": "folder",
        "folder": str(folder / "clips"),
        "frames": frames,
        "width": 32,
        "height": 32,
        "fps": 25,
    }
    return {
        "dtype": "float32",
        "data": clips,
        "encoders": {part: str(folder / f"{part}.safetensors") for part in PARTS},
        "transformer": {
            "backbone": str(folder / "model.safetensors"), "seed": 0, "legs": [{**usual, **leg} for leg in legs],
            **transformer,
        },
    }  # fmt: skip


def written(folder: Path, recipe: dict[str, Any], name: str = "recipe") -> Path:
    path = folder / f"{name}.yaml"
    path.write_text(json.dumps(recipe), encoding="utf-8")
    return path


def encoded_noise(folder: Path) -> EncodedClips:
    random_bundle(folder, seed=0)
    bundle = load_bundle(folder)
    encoders = Encoders(bundle.vae, bundle.text_encoder, bundle.whisper)
    return encode_clips(NoiseClips(), encoders, folder / "encoded")


def toy() -> AudioDrivenModel:
    generator = torch.Generator().manual_seed(0)
    backbone, adapter = WanModel(SIZES), AudioAdapter(AudioConfig(64, 32, 2, 2, 1e-6, True))
    backbone.init_weights(generator)
    adapter.init_weights(generator)
    torch.nn.init.normal_(backbone.head.head.weight, generator=generator)  # at zero no gradient would pass it
    return AudioDrivenModel(backbone, adapter)


def leg(name: str, train: str, steps: int, **objective: float) -> Leg:
    return Leg(
        Stage(name, steps, 2, 1e-3, warmup=1, ema=0.5), train, editing=0.5, objective=Objective(**objective)
    )
