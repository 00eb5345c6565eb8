"""A training run from a YAML file: which networks, which data, which curriculum."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import torch
import yaml
from accelerate import Accelerator

from ..errors import InputError
from ..model.adapter import AudioAdapter
from ..model.backbone import WanModel
from ..model.checkpoint import load_model, save_model
from ..model.clip_vision import load_clip_vision
from ..model.config import CONFIGS, AudioConfig
from ..model.text import load_text_encoder, random_text_encoder, save_text_encoder
from ..model.vae import load_vae
from ..model.whisper import load_whisper
from .clips import ClipSource, FolderClips
from .encoded import Encoders, encode_clips
from .loop import Stage
from .losses import Objective
from .transformer import AudioDrivenModel, Leg, train_transformer

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class TransformerConfig:
    """backbone: a name of `CONFIGS` for training from scratch, or a checkpoint file.

    audio_layers: an audio-only file to go on from. rope: False trains the paper's ablation without audio RoPE.
    """

    backbone: str
    seed: int
    legs: tuple[Leg, ...]
    audio_layers: str | None = None
    rope: bool = True


class Network(Protocol):
    """A section that trains one of the frozen networks instead of naming its file under `encoders`."""

    @property
    def part(self) -> str:
        """The network's name under `encoders`."""
        ...

    def make(self, file: Path, folder: Path, dtype: torch.dtype) -> None:
        """Train it, resuming what `folder` holds, and write `file` with weights of `dtype`."""

    def while_training(self, network: Any) -> Any:
        """What encodes the clips, of the network that was loaded from its file."""


@dataclass(frozen=True)
class Sections:
    """What a recipe may hold: kinds of data, and sections that train a network, each from the section's fields."""

    data: Mapping[str, Callable[..., ClipSource]]
    networks: Mapping[str, Callable[[dict[str, Any]], Network]] = field(default_factory=dict)


LAB = Sections({"folder": FolderClips})


@dataclass(frozen=True)
class Recipe:
    """Sections of the file. A network is trained where its section is there, otherwise `encoders` names its file."""

    data: ClipSource
    transformer: TransformerConfig
    encoders: dict[str, str] = field(default_factory=dict)
    networks: tuple[Network, ...] = ()
    alternate_tasks: bool = False  # encode each clip for one task only: half the time for a small model
    text_seed: int | None = None  # a random frozen text encoder over the data's captions
    sampling: dict[str, Any] = field(default_factory=dict)  # the preset that the model file will carry
    dtype: str = "float16"  # of the files
    precision: str = "no"  # accelerate's mixed precision: "no", "fp16" or "bf16"
    gradient_checkpointing: bool = False


def train(config: str | Path, output: str | Path, sections: Sections = LAB) -> Path:
    """Run every section of a recipe, resuming what `output` already holds, and write a bundle to `output`/bundle.

    Returns the bundle's folder. Raises InputError for a recipe that cannot be read.
    """
    recipe, output = read_recipe(config, sections), Path(output)
    bundle = output / "bundle"
    bundle.mkdir(parents=True, exist_ok=True)
    dtype = getattr(torch, recipe.dtype)
    _make_encoders(recipe, output, bundle, dtype)
    encoders = Encoders(
        _encoder(recipe, "vae", load_vae(_file(recipe, bundle, "vae"))),
        load_text_encoder(_file(recipe, bundle, "text_encoder")),
        _encoder(recipe, "whisper", load_whisper(_file(recipe, bundle, "whisper"))),
        load_clip_vision(recipe.encoders["clip_vision"]) if "clip_vision" in recipe.encoders else None,
    )
    clips = encode_clips(recipe.data, encoders, output / "clips", recipe.alternate_tasks)
    model = _start(recipe.transformer, encoders.whisper.width)
    model.backbone.gradient_checkpointing = recipe.gradient_checkpointing
    accelerator, settings = Accelerator(mixed_precision=recipe.precision), recipe.transformer
    train_transformer(model, clips, settings.legs, output / "transformer", accelerator, settings.seed)
    _save(model, recipe, bundle, dtype)
    return bundle


def _make_encoders(recipe: Recipe, output: Path, bundle: Path, dtype: torch.dtype) -> None:
    for network in recipe.networks:
        if not (file := bundle / f"{network.part}.safetensors").exists():
            network.make(file, output, dtype)
    if recipe.text_seed is not None and not (bundle / "text_encoder.safetensors").exists():
        encoder = random_text_encoder(recipe.data.captions(), recipe.text_seed)
        save_text_encoder(bundle / "text_encoder.safetensors", encoder, dtype)


def _encoder(recipe: Recipe, part: str, loaded: Any) -> Any:
    return next((n.while_training(loaded) for n in recipe.networks if n.part == part), loaded)


def _file(recipe: Recipe, bundle: Path, name: str) -> str | Path:
    made = bundle / f"{name}.safetensors"
    if not made.exists() and name not in recipe.encoders:
        raise InputError(
            f"The recipe neither trains a {name} nor names its file under `encoders`; add one of them."
        )
    return recipe.encoders.get(name, made)


def _start(config: TransformerConfig, audio_width: int) -> AudioDrivenModel:
    generator = torch.Generator().manual_seed(config.seed)
    adapter = None
    if config.backbone in CONFIGS:
        backbone = WanModel(CONFIGS[config.backbone])
        backbone.init_weights(generator)
    else:
        backbone, adapter, _ = load_model(config.backbone, config.audio_layers)
    if adapter is None:
        sizes = backbone.config
        audio = AudioConfig(audio_width, sizes.dim, sizes.num_heads, sizes.num_layers, sizes.eps, config.rope)
        adapter = AudioAdapter(audio)
        adapter.init_weights(generator)
    return AudioDrivenModel(backbone, adapter)


def _save(model: AudioDrivenModel, recipe: Recipe, bundle: Path, dtype: torch.dtype) -> None:
    """Where the backbone moved the whole model is written, otherwise the audio layers alone."""
    moved = any(leg.train != "audio" for leg in recipe.transformer.legs)
    metadata = {"sampling": recipe.sampling}
    save_model(
        bundle / "model.safetensors", model.backbone if moved else None, model.adapter, metadata, dtype
    )


def read_recipe(path: str | Path, kinds: Sections = LAB) -> Recipe:
    """Raises InputError with the name of a field that is unknown or missing."""
    try:
        sections = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
        return _recipe(sections, kinds)
    except (OSError, yaml.YAMLError, TypeError, KeyError, ValueError, AttributeError) as error:
        raise InputError(
            f"{path} is not a training recipe: {error}. See the recipes in skyreels_core/training/recipes."
        ) from error


def _recipe(sections: dict[str, Any], kinds: Sections) -> Recipe:
    data = dict(sections.pop("data"))
    source = kinds.data[data.pop("kind")]
    transformer = dict(sections.pop("transformer"))
    legs = tuple(_leg(leg) for leg in transformer.pop("legs"))
    networks = tuple(read(sections.pop(name)) for name, read in kinds.networks.items() if name in sections)
    return Recipe(source(**data), TransformerConfig(legs=legs, **transformer), networks=networks, **sections)


def _leg(section: dict[str, Any]) -> Leg:
    section = dict(section)
    objective = Objective(**section.pop("objective", {}))
    stage_fields = {f.name for f in dataclasses.fields(Stage)}
    stage = Stage(**{name: section.pop(name) for name in list(section) if name in stage_fields})
    return Leg(stage=stage, objective=objective, **section)
