"""A UMT5 of any size as the host's CLIP; the stock loader knows the XXL alone."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import comfy.sd
import comfy.text_encoders.wan as wan
import comfy.utils

from ...skyreels_core.model.text import EMBEDDING_KEY, VOCABULARY_KEY, umt5_config


def load_text_encoder(path: Path):
    """A CLIP socket's value from a single file with the keys of transformers and the vocabulary beside them."""
    state = comfy.utils.load_torch_file(str(path))
    target = SimpleNamespace(
        params={}, clip=wan.te(dtype_t5=state[EMBEDDING_KEY].dtype), tokenizer=wan.WanT5Tokenizer
    )
    return comfy.sd.CLIP(
        target,
        tokenizer_data={VOCABULARY_KEY: state[VOCABULARY_KEY]},
        state_dict=[state],
        model_options={"umt5xxl_model_config": umt5_config(state)},
    )
