"""What went into a run, as short texts that can be compared later."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import torch
from torch import Tensor

BLOCK = 1 << 20  # bytes of a file that are read at once
# Names in the folders of all versions, and what a sentence calls them.
LABELS = {
    "the text": "the prompt",
    "the negative text": "the negative prompt",
    "the cache memory": "the memory of the cache",
    "the hearing": "the audio preprocessing",
}
SAMPLES = 64  # numbers of a weight that are looked at


def digest(*values: object) -> str:
    """SHA-256 of tensors (type, shape and bytes), of the contents of files, and of what `str` makes of the rest."""
    whole = hashlib.sha256()
    for value in values:
        if isinstance(value, Tensor):
            held = value.detach().cpu().contiguous()
            whole.update(f"{held.dtype} {tuple(held.shape)}".encode())
            whole.update(held.reshape(-1).view(torch.uint8).numpy().data)
        elif isinstance(value, Path):
            for block in _blocks(value):
                whole.update(block)
        else:
            whole.update(str(value).encode())
        whole.update(b"\n")
    return whole.hexdigest()[:32]


def _blocks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while block := file.read(BLOCK):
            yield block


def digest_frames(frames: Iterable[Tensor]) -> str:
    """Of a video or a mask that comes frame by frame, whatever the file that it is in."""
    whole = hashlib.sha256()
    for frame in frames:
        whole.update(frame.contiguous().numpy().data)
    return whole.hexdigest()[:32]


def digest_weights(weights: Mapping[str, Tensor]) -> str:
    """Of a network: the name, the shape and 64 of the numbers of each weight, which any training changes."""
    whole = hashlib.sha256()
    for name, weight in sorted(weights.items()):
        flat = weight.detach().reshape(-1)
        some = flat[:: max(1, flat.numel() // SAMPLES)][:SAMPLES].float().cpu().contiguous()
        whole.update(f"{name} {tuple(weight.shape)} {weight.dtype}".encode())
        whole.update(some.numpy().data)
    return whole.hexdigest()[:32]


def differences(before: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    """What is not the same, for a sentence: values where they are short enough to be read."""
    changed = [name for name in sorted({*before, *now}) if before.get(name) != now.get(name)]
    return [_difference(name, before.get(name), now.get(name)) for name in changed]


def _difference(name: str, before: str | None, now: str | None) -> str:
    name = LABELS.get(name, name)
    texts = [text or "empty" for text in (before, now)]
    if any(len(text) == 32 for text in texts):
        return f"{name} has changed"
    was, is_now = (repr(text) if " " in text else text for text in texts)
    return f"{name} was {was} and is now {is_now}"
