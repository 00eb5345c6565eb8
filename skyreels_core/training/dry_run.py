"""What a recipe would do: its files, clips and stages, and the memory that each stage needs. Nothing is trained."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ..errors import InputError
from ..model.checkpoint import identify
from ..model.config import CONFIGS, AudioConfig, WanConfig
from ..model.detection import BACKBONES, VOICED
from .clips import MixedClips
from .estimate import GIB, Estimate, Shape, Training, estimate, largest_block
from .recipe import PRECISIONS, Recipe, audio_sizes
from .transformer import Leg

NAMES = {
    "frozen": "frozen weights",
    "trained": "trained weights",
    "gradients": "gradients",
    "optimizer": "optimizer",
    "activations": "activations and the rest",
}
WHISPER_WIDTH = 1280  # of the large ones; smaller ones need hardly less memory


def dry_run(recipe: Recipe, devices: int = 1) -> Iterator[str]:
    """Lines to print, the first ones at once. Raises InputError, after the lines about files, where one is missing."""
    missing = [path for path in named_files(recipe) if not Path(path).exists()]
    yield from (f"missing: {path}" for path in missing)
    if missing:
        raise InputError(
            f"{len(missing)} of the recipe's files and folders are not there; the lines above name them. Paths in a "
            "recipe are relative to the folder in which the command is started."
        )
    recipe.memory.check(recipe.whole, devices)
    backbone, audio = sizes_of(recipe)
    yield f"clips: {len(recipe.data)} of {shape_of(recipe, 1)}"
    for leg in recipe.transformer.legs:
        training, shape = (
            training_of(recipe, leg, backbone, audio),
            shape_of(recipe, -(-leg.stage.batch // devices)),
        )
        found = estimate(training, shape).shared(devices, largest_block(training))
        yield f"stage {leg.stage.name}: trains {leg.train}, {leg.stage.steps} steps of {leg.stage.batch} clips"
        yield f"  GPU memory, about {found.peak / GIB:.1f} GiB{' each' * (devices > 1)}: {parts_of(found)}"


def parts_of(found: Estimate) -> str:
    """Figures in GiB, the largest first."""
    parts = sorted(dataclasses.asdict(found).items(), key=lambda part: -part[1])
    return ", ".join(f"{NAMES[name]} {size / GIB:.1f}" for name, size in parts if size)


def named_files(recipe: Recipe) -> list[str]:
    given = [*recipe.encoders.values(), recipe.transformer.audio_layers, recipe.transformer.backbone]
    data = (getattr(recipe.data, name, None) for name in ("manifest", "folder"))
    place = next((path for path in data if path), None)
    return [str(path) for path in (*given, place) if path and path not in CONFIGS]


def sizes_of(recipe: Recipe) -> tuple[WanConfig, AudioConfig]:
    """From the headers of files."""
    config, audio = recipe.transformer, None
    if config.backbone in CONFIGS:
        backbone = CONFIGS[config.backbone]
    else:
        _, about = identify(config.backbone, BACKBONES, "a video model is")
        backbone, audio = about.config, about.audio
    assert backbone is not None  # `identify` raises for a backbone without sizes
    if config.audio_layers is not None:
        audio = identify(config.audio_layers, VOICED, "audio layers are")[1].audio
    return backbone, audio or audio_sizes(backbone, WHISPER_WIDTH, config.rope)


def training_of(recipe: Recipe, leg: Leg, backbone: WanConfig, audio: AudioConfig) -> Training:
    return Training(
        backbone,
        audio,
        leg.train,
        kept=recipe.backbone_dtype,
        computes=PRECISIONS[recipe.precision],
        checkpointing=recipe.gradient_checkpointing,
        lora=recipe.transformer.lora,
        memory=recipe.memory,
    )


def shape_of(recipe: Recipe, clips: int) -> Shape:
    """Of the largest clips."""
    sources: list[Any] = list(recipe.data.parts) if isinstance(recipe.data, MixedClips) else [recipe.data]
    shapes = [
        Shape(
            clips,
            one.frames,
            getattr(one, "width", None) or one.size,
            getattr(one, "height", None) or one.size,
            one.fps,
        )
        for one in sources
    ]
    return max(shapes, key=lambda shape: shape.frames * shape.width * shape.height)
