"""The whole training in one call, which leaves what it has wherever it is interrupted."""

from __future__ import annotations

import json
import logging
import shutil
import string
import time
from dataclasses import dataclass
from pathlib import Path

from skyreels_core.demo.recipe import EVERY_SECTION
from skyreels_core.model.checkpoint import describe
from skyreels_core.model.config import CONFIGS
from skyreels_core.training.recipe import read_recipe
from skyreels_core.training.train import train

from .rendering import Background, Plan
from .results import Results

TRAINING = Path(__file__).parents[2] / "skyreels_core" / "training"
RECIPES = TRAINING / "recipes"
FIRST_SHARE, RENDER_SHARE, SAMPLE_SHARE = (
    0.15,
    0.45,
    0.08,
)  # of the time: until training starts; rendering; samples
logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Order:
    """What is to be trained. seconds: for everything; None: as long as the recipe states. start: a bundle to go on
    from; whisper: the speech encoder's file."""

    recipe: str
    output: Path
    results: Path
    plan: Plan
    seconds: float | None
    start: Path
    whisper: Path
    enough: int  # takes with which the training begins


def run(order: Order) -> Path:
    """Render, train, sample and measure; returns the folder of the results."""
    started = time.monotonic()
    results = Results(order.results, order.output)
    results.note(started=time.strftime("%Y-%m-%d %H:%M:%S"), recipe=order.recipe, seconds=order.seconds)
    time_for = (lambda share: share * order.seconds) if order.seconds else (lambda share: float("inf"))
    rendering = Background(order.plan, time_for(RENDER_SHARE) if order.seconds else 1e9)
    try:
        count = rendering.wait_for(order.enough, started + time_for(FIRST_SHARE))
        results.note(takes_at_start=count, rendering_first=time.monotonic() - started)
        left = (
            None if order.seconds is None else started + order.seconds * (1 - SAMPLE_SHARE) - time.monotonic()
        )
        recipe = filled_recipe(order)
        place_encoders(order)
        train(recipe, order.output, EVERY_SECTION, left, results.collect)
    finally:
        rendering.stop()
        results.note(takes=rendering.count(), trained=time.monotonic() - started)
        results.collect(order.output / "bundle")
    end = None if order.seconds is None else started + order.seconds
    results.show(order.plan.places[1], end)
    results.note(whole=time.monotonic() - started)
    return order.results


def filled_recipe(order: Order) -> Path:
    """The recipe with the files of this machine, written into the output folder."""
    text = (
        RECIPES / f"people_{order.recipe}.yaml" if "." not in order.recipe else Path(order.recipe)
    ).read_text()
    files = {
        "takes": order.plan.places[0],
        "vae": order.start / "vae.safetensors",
        "whisper": order.whisper,
        "backbone": starting_backbone(order.start),
    }
    order.output.mkdir(parents=True, exist_ok=True)
    written = order.output / "recipe.yaml"
    written.write_text(
        string.Template(text).substitute({name: json.dumps(str(file)) for name, file in files.items()})
    )
    return written


def starting_backbone(start: Path) -> str:
    """The model of the bundle where it has the sizes of the people's backbone, else their name: from scratch."""
    model = start / "model.safetensors"
    fits = model.exists() and describe(model).config == CONFIGS["people"]
    logger.info("the backbone starts %s", f"from {model}" if fits else "from scratch")
    return str(model) if fits else "people"


def place_encoders(order: Order) -> None:
    """Encoders that are only used belong to a whole bundle too; those that the recipe trains it writes itself."""
    bundle = order.output / "bundle"
    bundle.mkdir(parents=True, exist_ok=True)
    used = {"whisper": order.whisper}
    if (text := order.start / "text_encoder.safetensors").exists():  # whose tokens the transformer knows
        used["text_encoder"] = text
    if not read_recipe(filled_recipe(order), EVERY_SECTION).networks:
        used["vae"] = order.start / "vae.safetensors"
    for part, file in used.items():
        if not (bundle / f"{part}.safetensors").exists():
            shutil.copyfile(file, bundle / f"{part}.safetensors")


def start() -> Path:
    """The folder of the VAE, the speech encoder and the half-trained transformer that a training goes on from."""
    return TRAINING / "people"
