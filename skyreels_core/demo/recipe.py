"""Recipes that may also draw their clips, and train a small autoencoder and speech encoder from scratch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from ..model.vae import VideoVAE, save_vae
from ..model.whisper import save_whisper
from ..training.clips import FolderClips
from ..training.loop import Stage
from ..training.recipe import Sections
from .autoencoder import AutoencoderConfig, AutoencoderStage, train_autoencoder
from .clips import DrawnClips
from .people.clips import PeopleClips
from .people.dataset import RenderedClips
from .speech import SpeechConfig, train_speech
from .whole_sequence import WholeSequenceVAE


@dataclass(frozen=True)
class Autoencoder:
    config: AutoencoderConfig
    part: str = "vae"

    def make(self, file: Path, folder: Path, dtype: torch.dtype) -> None:
        save_vae(file, train_autoencoder(self.config, folder / "autoencoder"), dtype)

    def while_training(self, network: VideoVAE) -> WholeSequenceVAE:
        return WholeSequenceVAE(network.network)


@dataclass(frozen=True)
class SpeechEncoder:
    config: SpeechConfig
    part: str = "whisper"

    def make(self, file: Path, folder: Path, dtype: torch.dtype) -> None:
        save_whisper(file, *train_speech(self.config, folder / "speech"), dtype)

    def while_training(self, network: Any) -> Any:
        return network


def _staged(network: Callable, config: type, stage: type[Stage]) -> Callable[[dict[str, Any]], Any]:
    def read(section: dict[str, Any]) -> Any:
        stages = tuple(stage(**fields) for fields in section.pop("stages"))
        return network(config(stages=stages, **section))

    return read


EVERY_SECTION = Sections(
    {"folder": FolderClips, "drawn": DrawnClips, "people": PeopleClips, "rendered": RenderedClips},
    {
        "autoencoder": _staged(Autoencoder, AutoencoderConfig, AutoencoderStage),
        "speech": _staged(SpeechEncoder, SpeechConfig, Stage),
    },
)
