"""Clips as the transformer sees them, encoded once and kept on disk."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Protocol

import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence
from tqdm import tqdm

from ..conditioning.conditions import condition_latent, given_first, given_outside, no_picture
from ..conditioning.masks import loss_mask_to_latent
from ..model.backbone import collapse_padding
from ..model.clip_vision import ClipVision
from ..model.text import TextEncoder
from ..model.vae import VideoVAE
from ..model.whisper import WhisperTokens
from ..timeline import crop_span, latent_frames
from .clips import Clip, ClipSource

EMPTY = "empty.safetensors"


@dataclass(frozen=True)
class Encoders:
    """The frozen networks around the transformer; clip_vision only where the backbone takes image tokens."""

    vae: VideoVAE
    text: TextEncoder
    whisper: WhisperTokens
    clip_vision: ClipVision | None = None

    def to(self, device: torch.device) -> None:
        """Move what sees and hears; texts are few."""
        self.vae.to(device)
        torch.nn.Module.to(self.whisper.encoder, device)


@dataclass(frozen=True)
class Batch:
    """b encoded clips; key_mask is False where tokens only pad the batch.

    A clip that was encoded for one task only shows that task's condition as both.
    """

    latent: Tensor  # [b 16 t h w]
    animation: Tensor  # [b 20 t h w], the first frame given
    editing: Tensor  # [b 20 t h w], all but the lower face given
    lips: Tensor  # [b 1 t h w]
    tokens: Tensor  # [b n d]
    key_positions: Tensor  # float64 [b n]
    key_mask: Tensor  # bool [b n]
    context: Tensor  # [b m d]
    clip_fea: Tensor | None  # [b 257 1280]

    def to(self, device: torch.device) -> Batch:
        held = {f.name: getattr(self, f.name) for f in fields(self)}
        moved: dict[str, Any] = {n: None if value is None else value.to(device) for n, value in held.items()}
        return Batch(**moved)

    def part(self, samples: slice) -> Batch:
        held = {f.name: getattr(self, f.name) for f in fields(self)}
        taken: dict[str, Any] = {n: None if value is None else value[samples] for n, value in held.items()}
        return Batch(**taken)


@torch.no_grad()
def encode_clips(
    source: ClipSource, encoders: Encoders, folder: Path, alternate: bool = False, seconds: float = math.inf
) -> EncodedClips:
    """Encode what `folder` does not hold yet. An interrupted run resumes where it stopped.

    alternate: every other clip is an animation, the rest are edits; by default each clip serves both tasks.
    seconds: after which no further clip is encoded but the first; those that are there are kept.
    """
    folder.mkdir(parents=True, exist_ok=True)
    count, until = len(source), time.monotonic() + seconds
    for index in tqdm(range(count), desc="encoding clips", mininterval=5):
        path = folder / f"{index:06d}.safetensors"
        if not path.exists():
            if index and time.monotonic() > until:
                count = index
                break
            tasks = ("animation", "editing")[index % 2 :][:1] if alternate else ("animation", "editing")
            _write(path, _encode(source.clip(index), encoders, tasks))
    if not (folder / EMPTY).exists():
        frames, height, width = source.clip(0).frames.shape[:3]
        text = collapse_padding(encoders.text.encode([""]))[0][0]
        empty = no_picture(encoders.vae, frames, height, width)[0]
        _write(folder / EMPTY, {"condition": empty, "context": text})
    return EncodedClips(folder, count)


def _encode(clip: Clip, encoders: Encoders, tasks: Sequence[str]) -> dict[str, Tensor]:
    tasks = tasks if clip.boxes is not None else ("animation",)
    video = clip.frames.permute(3, 0, 1, 2)[None] * 2 - 1
    tokens = encoders.whisper.encode(clip.samples)
    span = crop_span(clip.first_frame, latent_frames(len(clip.frames)), clip.fps, len(tokens))
    encoded = {
        "latent": encoders.vae.encode(video)[0],
        "tokens": tokens[span.first : span.last],
        "context": collapse_padding(encoders.text.encode([clip.caption]))[0][0],
    }
    if "animation" in tasks:
        encoded["animation"] = condition_latent(encoders.vae, video, given_first(video))[0]
    if "editing" in tasks and clip.boxes is not None:
        encoded["editing"] = condition_latent(encoders.vae, video, given_outside(clip.boxes[None]))[0]
    if clip.lips is not None:
        encoded["lips"] = loss_mask_to_latent(clip.lips)[None]
    if encoders.clip_vision is not None:
        encoded["clip_fea"] = encoders.clip_vision.encode(clip.frames[0])[0]
    halves = {name: value.half().cpu().contiguous() for name, value in encoded.items()}
    return {
        **halves,
        "key_positions": span.key_positions(),
        "fps": torch.tensor(clip.fps, dtype=torch.float64),
    }


def _write(path: Path, tensors: dict[str, Tensor]) -> None:
    partial = path.with_suffix(".partial")
    save_file(tensors, partial)
    os.replace(partial, path)


class Clips(Protocol):
    """Encoded clips of one size."""

    no_condition: Tensor  # [20 t h w]
    no_text: Tensor  # [m d]
    fps: float

    def __len__(self) -> int: ...

    def batch(self, indices: list[int], voices: list[int]) -> Batch:
        """Clips `indices`, each with the voice of the clip of the same rank in `voices`."""
        ...


class EncodedClips:
    """The encoded clips of a folder, read when asked for."""

    def __init__(self, folder: Path, count: int):
        self.folder, self.count = folder, count
        empty = load_file(folder / EMPTY)
        self.no_condition, self.no_text = empty["condition"].float(), empty["context"].float()
        with safe_open(folder / "000000.safetensors", "pt") as file:
            self.fps = float(file.get_tensor("fps"))

    def __len__(self) -> int:
        return self.count

    def batch(self, indices: list[int], voices: list[int]) -> Batch:
        clips = [self._read(index) for index in indices]
        heard = [clip if v == i else self._read(v) for clip, i, v in zip(clips, indices, voices, strict=True)]
        lengths = torch.tensor([len(clip["tokens"]) for clip in heard])
        tokens = pad_sequence([clip["tokens"].float() for clip in heard], batch_first=True)
        return Batch(
            latent=_stack(clips, "latent"),
            animation=_stack(clips, "animation", "editing"),
            editing=_stack(clips, "editing", "animation"),
            lips=torch.stack(
                [clip.get("lips", torch.zeros_like(clip["latent"][:1])).float() for clip in clips]
            ),
            tokens=tokens,
            key_positions=pad_sequence([clip["key_positions"] for clip in heard], batch_first=True),
            key_mask=torch.arange(tokens.shape[1]) < lengths[:, None],
            context=pad_sequence([clip["context"].float() for clip in clips], batch_first=True),
            clip_fea=_stack(clips, "clip_fea") if "clip_fea" in clips[0] else None,
        )

    def _read(self, index: int) -> dict[str, Tensor]:
        return load_file(self.folder / f"{index:06d}.safetensors")


def _stack(clips: list[dict[str, Tensor]], name: str, instead: str = "") -> Tensor:
    return torch.stack([clip[name if name in clip else instead].float() for clip in clips])
