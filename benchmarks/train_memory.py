"""The memory of a training step at real sizes, with each measure of a recipe's `memory` and all together.

Estimated on sizes without data (skyreels_core/training/estimate.py), so it runs anywhere; the first row can be held
against the same step on a GPU.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import asdict, replace
from typing import Any

import torch

from skyreels_core.model.config import CONFIGS
from skyreels_core.training.dry_run import shape_of, training_of
from skyreels_core.training.estimate import GIB, Shape, Training, estimate
from skyreels_core.training.memory import Memory
from skyreels_core.training.optimizers import ADAMW_8BIT
from skyreels_core.training.recipe import audio_sizes, read_recipe

from .record import DOCS, Record
from .row import Row

WHISPER_WIDTH = 1280  # of the large ones
SHAPE, LOWER = Shape(1, 81, 832, 480), torch.bfloat16
BAR, OF_H200 = 48.0, 76.6  # GiB: of a card; what the first row took on an H200
RECIPES = DOCS.parent / "skyreels_core" / "training" / "recipes"
AS_MEASURED = "all weights bf16, as measured on an H200"
TABLE = re.compile(r"(<!-- memory:begin -->\n).*?(<!-- memory:end -->)", re.DOTALL)


def trainings() -> Iterator[tuple[str, Training, Shape]]:
    large, small = CONFIGS["i2v-14b"], replace(CONFIGS["t2v-1.3b"], model_type="i2v", in_dim=36)
    of_14b = audio_sizes(large, WHISPER_WIDTH, True)
    plain = Training(large, of_14b, "audio", LOWER, LOWER, checkpointing=True)
    yield AS_MEASURED, replace(plain, trained=LOWER), SHAPE
    yield "audio layers of 14B, the backbone in float32", replace(plain, kept=torch.float32), SHAPE
    yield "audio layers of 14B, the backbone in bf16", plain, SHAPE
    for name, memory in {
        "`fp8`": Memory(fp8=True),
        "`offload_blocks`": Memory(offload_blocks=True),
        "`offload_activations`": Memory(offload_activations=True),
        "`optimizer: adamw8bit`": Memory(optimizer=ADAMW_8BIT),
        "`fp8` and `adamw8bit`": Memory(fp8=True, optimizer=ADAMW_8BIT),
    }.items():
        yield f"the same with {name}", replace(plain, memory=memory), SHAPE
    for name, backbone in {"audio_layers_14b": large, "lora_14b": large, "all_1_3b": small}.items():
        recipe = read_recipe(RECIPES / f"{name}.yaml")
        last = recipe.transformer.legs[-1]
        training = training_of(recipe, last, backbone, audio_sizes(backbone, WHISPER_WIDTH, True))
        yield f"recipe {name}", training, shape_of(recipe, last.stage.batch)


def run(record: Record) -> None:
    record["gib"] = {}
    for name, training, shape in trainings():
        found = estimate(training, shape)
        parts = {part: size / GIB for part, size in asdict(found).items()}
        record["gib"][name] = {**parts, "peak": found.peak / GIB}
    write_table(record)


def train_memory(r: Record) -> Iterator[Row]:
    peaks = {name: parts["peak"] for name, parts in r["gib"].items()}
    off = peaks[AS_MEASURED] / OF_H200 - 1
    text = f"{peaks[AS_MEASURED]:.1f} GiB ({off:+.0%})"
    yield Row(
        f"memory of a training step, estimated, against {OF_H200} GiB on an H200",
        "<= 5 % off",
        text,
        abs(off) <= 0.05,
    )
    for name, peak in peaks.items():
        if name.startswith("recipe"):
            yield Row(f"{name}: GPU memory, estimated", f"<= {BAR:g} GiB", f"{peak:.1f} GiB", peak <= BAR)


def write_table(record: Record) -> None:
    page = DOCS / "training.md"
    text = page.read_text(encoding="utf-8")
    page.write_text(
        TABLE.sub(lambda found: found[1] + table(record["gib"]) + found[2], text), encoding="utf-8"
    )


def table(entries: dict[str, dict[str, Any]]) -> str:
    parts = ("frozen", "trained", "gradients", "optimizer", "activations")
    head = (
        f"| a step of one clip of 81 frames (lora_14b: 73), 832x480; GiB | {' | '.join(parts)} | together |\n"
        + "|---" * 7
        + "|\n"
    )
    rows = (
        f"| {name} | {' | '.join(f'{found[part]:.1f}' for part in parts)} | **{found['peak']:.1f}** |\n"
        for name, found in entries.items()
    )
    return head + "".join(rows)
