"""The spoken language, by a Whisper model in a folder that the user gives."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ...errors import InputError, first_words
from ...timeline import SAMPLE_RATE

SECONDS = 30  # that Whisper hears


def language_of(samples: Tensor, folder: Path) -> str:
    """Its code, such as "en", of [n] at 16 kHz. Raises InputError for a folder without such a model."""
    features, model = _model(folder)
    heard = features(samples[: SECONDS * SAMPLE_RATE].numpy(), sampling_rate=SAMPLE_RATE, return_tensors="pt")
    with torch.no_grad():
        token = int(model.detect_language(heard.input_features)[0])
    names = {number: name for name, number in model.generation_config.lang_to_id.items()}
    return names[token].strip("<|>")


@lru_cache(maxsize=1)
def _model(folder: Path) -> tuple[Any, Any]:
    from transformers import (
        WhisperFeatureExtractor,
        WhisperForConditionalGeneration,
    )  # only where it is asked for

    try:
        features = WhisperFeatureExtractor.from_pretrained(folder, local_files_only=True)
        model = WhisperForConditionalGeneration.from_pretrained(folder, local_files_only=True).eval()
        if not getattr(model.generation_config, "lang_to_id", None):
            raise ValueError("its generation_config.json lists no languages")
    except (OSError, ValueError) as error:
        raise InputError(
            f"{folder} holds no multilingual Whisper ({first_words(error)}). Give the folder of a model such as "
            "whisper-small, with its config.json, generation_config.json, preprocessor_config.json and weights."
        ) from error
    return features, model
