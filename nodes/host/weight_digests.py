"""Numbers of networks, however they are quantised and wherever they lie."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from uuid import uuid4

import torch
from torch import Tensor

from ...skyreels_core.run.resume.fingerprint import SAMPLES, digest, digest_weights

UNREADABLE = (RuntimeError, NotImplementedError, TypeError, AttributeError)


def weights_of(patcher) -> dict[str, Tensor]:
    """As they came from the file: dynamic VRAM casts small ones to the model's dtype while they are loaded, and keeps
    what they were."""
    kept = {name: held.weight for name, held in patcher.backup.items()} | patcher.backup_buffers
    return {name: kept.get(name, weight) for name, weight in patcher.model.state_dict().items()}


def unpatched(model) -> dict[str, Tensor]:
    """A weight that is patched is another while the model is loaded; the patch and its neighbours tell as much."""
    return {
        name: weight
        for name, weight in weights_of(model).items()
        if name not in model.patches and f"diffusion_model.{name}" not in model.patches
    }


def readable_digest(weights: Mapping[str, Tensor]) -> str:
    """Of quantised weights of other packs, which may not give their numbers away, the stored bytes."""
    try:
        return digest_weights(weights)
    except UNREADABLE:
        return digest(*(part for name in sorted(weights) for part in _of_one(name, weights[name])))


def tensor_parts(value: Tensor) -> Iterator[object]:
    """Itself where its bytes can be read, else what it is made of."""
    if type(value) in (Tensor, torch.nn.Parameter) and value.layout is torch.strided and not value.is_meta:
        yield value
        return
    try:
        yield digest(value)
    except UNREADABLE:
        yield from _stored(value, digest)


def _of_one(name: str, weight: Tensor) -> Iterator[object]:
    try:
        yield digest_weights({name: weight})
    except UNREADABLE:
        yield f"{name} {tuple(weight.shape)}"
        yield from _stored(weight, lambda held: digest_weights({name: held}))


def _stored(value: Tensor, of_plain) -> Iterator[object]:
    """Of the plain tensors behind it; a name that nothing else has where there are none."""
    try:
        names, _ = value.__tensor_flatten__()
        yield from (of_plain(getattr(value, name)) for name in names)
    except UNREADABLE:
        yield _bytes(value) or uuid4().hex


def _bytes(value: Tensor) -> str:
    try:
        held = torch.empty(0, dtype=torch.uint8, device=value.device).set_(value.untyped_storage())
        return digest(held[:: max(1, held.numel() // SAMPLES**2)]) if held.numel() else ""
    except UNREADABLE:
        return ""
