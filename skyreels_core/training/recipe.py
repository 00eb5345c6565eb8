"""A training run from a YAML file: which networks, which data, which curriculum."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, TypeVar, cast

import torch
import yaml
from accelerate import Accelerator

from ..errors import InputError
from ..model.config import AudioConfig, WanConfig
from ..moved import moved_name
from .clips import ClipSource, FolderClips
from .loop import AS_STATED, Budget, Stage
from .lora import LoraSettings
from .losses import Objective
from .memory import PLAIN, Memory
from .ranks import ALONE, Ranks
from .transformer import Leg, moves_backbone
from .validation import Validation

PARTS = ("audio", "lora", "backbone", "all")
PRECISIONS = {"no": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}  # autocast's

Section = TypeVar("Section")


@dataclass(frozen=True)
class TransformerConfig:
    """backbone: a name of `CONFIGS` for training from scratch, or a checkpoint file.

    audio_layers: an audio-only file to go on from. rope: False trains the paper's ablation without audio RoPE.
    lora: layers beside the backbone's weights, for legs that train them.
    compile: the blocks, where torch.compile can be used.
    weigh_channels: let a channel of the latents count in the loss as much as it shows in the video.
    attend_in_place: a backbone from scratch starts with attention to its own place and beside it.
    """

    backbone: str
    seed: int
    legs: tuple[Leg, ...]
    audio_layers: str | None = None
    rope: bool = True
    lora: LoraSettings | None = None
    compile: bool = False
    weigh_channels: bool = False
    attend_in_place: bool = False

    def __post_init__(self) -> None:
        trained = {leg.train for leg in self.legs}
        if unknown := trained - set(PARTS):
            raise ValueError(
                f"a leg trains {', '.join(map(repr, sorted(unknown)))}, not one of {', '.join(PARTS)}"
            )
        if (self.lora is not None) != ("lora" in trained):
            raise ValueError("`lora` belongs to a leg with `train: lora`, and such a leg to `lora`")
        if self.lora is not None and self.moves_backbone:
            raise ValueError(
                "a leg trains the backbone itself, which has no LoRA then; leave one of them out"
            )

    @property
    def moves_backbone(self) -> bool:
        return any(moves_backbone(leg) for leg in self.legs)


@dataclass(frozen=True)
class Means:
    """What a training has: devices, time, and who is told of each checkpoint that the bundle's folder shows."""

    accelerator: Accelerator
    budget: Budget = AS_STATED
    saved: Callable[[Path], None] | None = None
    ranks: Ranks = ALONE


class Network(Protocol):
    """A section that trains one of the frozen networks instead of naming its file under `encoders`."""

    @property
    def part(self) -> str:
        """The network's name under `encoders`."""
        ...

    @property
    def stages(self) -> Sequence[Stage]: ...

    def make(self, file: Path, folder: Path, dtype: torch.dtype, means: Means) -> None:
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
    text_pieces: int = 400  # its vocabulary
    encoding_seconds: float = (
        0.0  # stated for encoding the clips; counts only where the whole recipe has a time
    )
    sampling: dict[str, Any] = field(default_factory=dict)  # the preset that the model file will carry
    learned_from: str = ""  # kept in the model file: what it is to be measured on, such as "people"
    dtype: str = "float16"  # of the files
    precision: str = "no"  # accelerate's mixed precision: "no", "fp16" or "bf16"
    gradient_checkpointing: bool = False
    memory: Memory = PLAIN
    validate: Validation | None = None
    held: bool = False  # the encoded clips and their encoders lie in the device's memory

    def __post_init__(self) -> None:
        if self.precision not in PRECISIONS:
            raise ValueError(f"`precision` is {self.precision}, not one of {', '.join(PRECISIONS)}")
        for stage in (leg.stage for leg in self.transformer.legs):
            if stage.batch < 1:
                raise ValueError(
                    f"the stage {stage.name} has batch: {stage.batch}; give a whole number from 1 on"
                )

    @property
    def whole(self) -> bool:
        """Whether it makes a model with all its parts, not audio layers alone."""
        return self.transformer.moves_backbone

    @property
    def backbone_dtype(self) -> torch.dtype:
        """What it is kept in: float32, unless it does not move and lower precision computes with it anyway."""
        return torch.float32 if self.whole else PRECISIONS[self.precision]


def audio_sizes(backbone: WanConfig, width: int, rope: bool) -> AudioConfig:
    return AudioConfig(width, backbone.dim, backbone.num_heads, backbone.num_layers, backbone.eps, rope)


def read_recipe(path: str | Path, kinds: Sections = LAB) -> Recipe:
    """Raises InputError with the name of a field that is unknown or missing."""
    try:
        sections = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
        return _recipe(sections, kinds)
    except (OSError, yaml.YAMLError, TypeError, KeyError, ValueError, AttributeError) as error:
        raise InputError(
            f"{path} is not a training recipe: {str(error).rstrip('.')}. See the recipes in "
            "skyreels_core/training/recipes."
        ) from error


def _recipe(sections: dict[str, Any], kinds: Sections) -> Recipe:
    data = dict(sections.pop("data"))
    source = kinds.data[data.pop("kind")]
    transformer = dict(sections.pop("transformer"))
    legs = tuple(_leg(leg) for leg in transformer.pop("legs"))
    if "lora" in transformer:
        transformer["lora"] = section_of(LoraSettings, transformer["lora"] or {}, "lora")
    for name, kind in (("validate", Validation), ("memory", Memory)):
        if name in sections:
            sections[name] = section_of(kind, sections[name], name)
    networks = tuple(read(sections.pop(name)) for name, read in kinds.networks.items() if name in sections)
    return Recipe(source(**data), TransformerConfig(legs=legs, **transformer), networks=networks, **sections)


def section_of(kind: type[Section], given: Any, name: str) -> Section:
    """Raises InputError for anything but some of the section's fields."""
    known = [field.name for field in dataclasses.fields(cast(Any, kind))]
    if not isinstance(given, Mapping):
        raise InputError(f"`{name}` has the fields {', '.join(known)}; a {type(given).__name__} is given.")
    if unknown := [str(field) for field in given if field not in known]:
        raise InputError(f"`{name}` has the fields {', '.join(known)}; {', '.join(unknown)} is given.")
    return kind(**given)


def _leg(section: dict[str, Any]) -> Leg:
    section = dict(section)
    objective = Objective(**section.pop("objective", {}))
    stage_fields = {f.name for f in dataclasses.fields(Stage)}
    stage = Stage(**{name: section.pop(name) for name in list(section) if name in stage_fields})
    return Leg(stage=stage, objective=objective, **section)


def __getattr__(name: str) -> Any:
    return moved_name(__name__, name)
