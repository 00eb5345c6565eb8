"""Recipes that may also draw their clips, and train a small autoencoder and speech encoder from scratch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch

from ..model.vae import VideoVAE, save_vae
from ..model.whisper import save_whisper
from ..training.clips import FolderClips, MixedClips
from ..training.loop import Stage
from ..training.recipe import Means, Sections
from .autoencoder import AutoencoderConfig, AutoencoderStage, train_autoencoder
from .clips import DrawnClips
from .material import DrawnFaces, Material
from .people.listening import ListeningConfig, train_listener
from .rendered import TakeClips, TakeFaces
from .speech import SpeechConfig, train_speech
from .whole_sequence import WholeSequenceVAE


@dataclass(frozen=True)
class Autoencoder:
    config: AutoencoderConfig
    part: str = "vae"

    @property
    def stages(self) -> Sequence[Stage]:
        return self.config.stages

    def make(self, file: Path, folder: Path, dtype: torch.dtype, means: Means) -> None:
        saved = None if means.saved is None else partial(means.saved, file.parent)
        trained = train_autoencoder(
            self.config, folder / "autoencoder", means.accelerator, means.budget, saved
        )
        save_vae(file, trained, dtype)

    def while_training(self, network: VideoVAE) -> WholeSequenceVAE:
        return WholeSequenceVAE(network.network)


@dataclass(frozen=True)
class SpeechEncoder:
    config: SpeechConfig
    part: str = "whisper"

    @property
    def stages(self) -> Sequence[Stage]:
        return self.config.stages

    def make(self, file: Path, folder: Path, dtype: torch.dtype, means: Means) -> None:
        save_whisper(
            file, *train_speech(self.config, folder / "speech", means.accelerator, means.budget), dtype
        )

    def while_training(self, network: Any) -> Any:
        return network


@dataclass(frozen=True)
class Listening:
    """A speech encoder that tells visemes apart."""

    config: ListeningConfig
    part: str = "whisper"

    @property
    def stages(self) -> Sequence[Stage]:
        return self.config.stages

    def make(self, file: Path, folder: Path, dtype: torch.dtype, means: Means) -> None:
        listener = train_listener(self.config, folder / "speech", means.accelerator, means.budget)
        save_whisper(file, listener.encoder, listener.config, dtype)

    def while_training(self, network: Any) -> Any:
        return network


def _autoencoder(section: dict[str, Any]) -> Autoencoder:
    """Drawn faces of the section's `size` and `fps`, unless it names another `material`."""
    stages = tuple(AutoencoderStage(**fields) for fields in section.pop("stages"))
    material = section.pop("material", None) or {
        "kind": "drawn",
        **{n: section.pop(n) for n in ("size", "fps")},
    }
    kind = MATERIALS[material.pop("kind")]
    return Autoencoder(AutoencoderConfig(kind(**material), stages=stages, **section))


def _speech(section: dict[str, Any]) -> SpeechEncoder:
    """`tells: curves` (the drawn mouths') or `tells: visemes`."""
    stages = tuple(Stage(**fields) for fields in section.pop("stages"))
    network, config = {"curves": (SpeechEncoder, SpeechConfig), "visemes": (Listening, ListeningConfig)}[
        section.pop("tells", "curves")
    ]
    return network(config(stages=stages, **section))


def _mixed(parts: Sequence[dict[str, Any]], **shared: Any) -> MixedClips:
    """Clips of takes in several sizes: each part's fields over the shared ones."""
    return MixedClips(tuple(TakeClips(**{**shared, **part}) for part in parts))


MATERIALS: dict[str, Callable[..., Material]] = {"drawn": DrawnFaces, "takes": TakeFaces}
EVERY_SECTION = Sections(
    {
        "folder": FolderClips,
        "drawn": DrawnClips,
        "takes": TakeClips,
        "mixed": _mixed,
    },
    {"autoencoder": _autoencoder, "speech": _speech},
)
