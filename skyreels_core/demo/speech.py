"""A small Whisper encoder whose tokens tell how a mouth moves: regression to the mouth curves, then frozen."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from accelerate import Accelerator
from torch import Tensor, nn
from transformers import WhisperConfig, WhisperFeatureExtractor
from transformers.models.whisper.modeling_whisper import WhisperEncoder

from ..timeline import SAMPLE_RATE, TOKEN_RATE
from ..training.loop import AS_STATED, Budget, Losses, Run, Stage
from .curves import mouth_curves
from .voices import recording

WINDOW_SECONDS = 30
logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class SpeechConfig:
    """layers, width, heads: of the encoder; recordings: how many voices are prepared."""

    layers: int
    width: int
    heads: int
    recordings: int
    seed: int
    stages: Sequence[Stage]


class _Regressor(nn.Module):
    def __init__(self, config: SpeechConfig):
        super().__init__()
        self.config = WhisperConfig(
            d_model=config.width, encoder_layers=config.layers, encoder_attention_heads=config.heads,
            encoder_ffn_dim=4 * config.width, num_mel_bins=80, max_source_positions=WINDOW_SECONDS * TOKEN_RATE,
        )  # fmt: skip
        self.encoder = WhisperEncoder(self.config)
        self.head = nn.Linear(config.width, 2)

    def forward(self, features: Tensor) -> Tensor:
        return self.head(self.encoder(features).last_hidden_state)


def train_speech(
    config: SpeechConfig, folder: Path, accelerator: Accelerator | None = None, budget: Budget = AS_STATED
) -> tuple[WhisperEncoder, WhisperConfig]:
    """Train on espeak-ng voices of 6 to 30 s in Whisper's 30 s window; the regression head is thrown away."""
    torch.manual_seed(config.seed)
    model = _Regressor(config)
    features, curves = _material(config, folder)
    run = Run(folder, model, accelerator or Accelerator(cpu=True), config.seed, budget=budget)

    def step(model: nn.Module, generator: torch.Generator, stage: Stage) -> Losses:
        rows = torch.randint(len(features), (stage.batch,), generator=generator)
        heard_features, wanted = (part[rows].to(run.accelerator.device) for part in (features, curves))
        error = model(heard_features) - wanted.nan_to_num()
        heard = ~wanted.isnan()
        return {"loss": (error.square() * heard).sum() / heard.sum()}

    for stage in config.stages:
        run.stage(stage, model.parameters(), lambda m, g, s=stage: step(m, g, s))
    return model.encoder.eval(), model.config


def _material(config: SpeechConfig, folder: Path) -> tuple[Tensor, Tensor]:
    """Mel features [r 80 3000] and the curves at the tokens' instants [r 1500 2], NaN past the voice's end."""
    extractor = WhisperFeatureExtractor(feature_size=80)
    generator = torch.Generator().manual_seed(config.seed)
    features, curves = [], torch.full((config.recordings, WINDOW_SECONDS * TOKEN_RATE, 2), torch.nan)
    for index in range(config.recordings):
        seconds = float(torch.empty(1).uniform_(6, WINDOW_SECONDS, generator=generator))
        samples = recording(config.seed * 1000 + index, seconds)
        features.append(
            extractor(samples.numpy(), sampling_rate=SAMPLE_RATE, return_tensors="pt").input_features[0]
        )
        tokens = int(seconds * TOKEN_RATE)
        mouth = mouth_curves(samples, tokens, TOKEN_RATE)
        curves[index, :tokens] = torch.from_numpy(np.stack([mouth.opening, mouth.width], axis=1))
    logger.info("%d recordings prepared in %s", config.recordings, folder)
    return torch.stack(features), curves
