"""What goes into a run of a graph, as digests that are the same after a restart of the server."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ...skyreels_core.media.footage import Frames
from ...skyreels_core.run.resume.fingerprint import digest, digest_frames, digest_weights
from .patches import AudioPatch

PLAIN = (Tensor, str, int, float, bool, type(None), torch.dtype, Path)
ON_DEVICES = ("multigpu_options",)  # how many devices compute changes no result
ENCODERS = ("first_stage_model", "encode_image")  # what a VAE has, and a CLIP vision model


def model_identity(model) -> str:
    """Of a MODEL: its weights, the patches on them, and what else hangs on it with weights of its own.

    A weight that is patched is another while the model is loaded; the patch and its neighbours tell as much.
    """
    weights = {
        name: weight
        for name, weight in weights_of(model).items()
        if name not in model.patches and f"diffusion_model.{name}" not in model.patches
    }
    options = {name: value for name, value in model.model_options.items() if name not in ON_DEVICES}
    others = [
        it for it in model.get_nested_additional_models() if not getattr(it, "is_multigpu_base_clone", False)
    ]
    return digest(
        readable_digest(weights),
        *parts([model.patches, model.object_patches, options]),
        *(readable_digest(weights_of(other)) for other in others),
    )


def weights_of(patcher) -> dict[str, Tensor]:
    """As they came from the file: dynamic VRAM casts small ones to the model's dtype while they are loaded, and keeps
    what they were."""
    kept = {name: held.weight for name, held in patcher.backup.items()} | patcher.backup_buffers
    return {name: kept.get(name, weight) for name, weight in patcher.model.state_dict().items()}


def readable_digest(weights: Mapping[str, Tensor]) -> str:
    """Quantised weights of other packs may not give their numbers away: then names and shapes have to do."""
    try:
        return digest_weights(weights)
    except (RuntimeError, NotImplementedError, TypeError):
        return digest(*(f"{name} {tuple(weight.shape)}" for name, weight in sorted(weights.items())))


def parts(value: Any) -> Iterator[object]:
    """Tensors and plain values inside of lists, mappings and dataclasses; networks as the digest of their weights, and
    of anything else its type."""
    if isinstance(value, PLAIN):
        yield value
    elif isinstance(value, Frames):
        yield digest_frames(value.stream())
    elif isinstance(value, Mapping):
        for name in sorted(value, key=str):
            yield str(name)
            yield from parts(value[name])
    elif isinstance(value, list | tuple | set | frozenset):
        for item in value:
            yield from parts(item)
    elif is_dataclass(value) and not isinstance(value, type):
        for field in fields(value):
            if field.compare:
                yield from parts(getattr(value, field.name))
    elif hasattr(value, "patcher") and any(hasattr(value, name) for name in ENCODERS):
        yield readable_digest(weights_of(value.patcher))
    elif isinstance(value, torch.nn.Module):  # such as the host's model sampling, with its shift
        yield type(value).__name__
        yield from parts([value.state_dict(), getattr(value, "shift", None)])
    elif isinstance(weights := getattr(value, "weights", None), list | tuple):  # a LoRA of the host
        yield from parts(weights)
    elif isinstance(value, AudioPatch):
        yield from (type(value).__name__, *value.traits)
    else:
        yield type(value).__name__
