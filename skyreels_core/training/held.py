"""Encoded clips in the memory of a device: a small model on a GPU would wait for the disk."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import torch
from torch import Tensor

from .encoded import Batch, Clips

OF_VOICE = ("tokens", "key_positions", "key_mask")


class HeldClips:
    """All clips of a set as one batch on `device`, of which batches are picked."""

    def __init__(self, clips: Clips, device: torch.device):
        everything = list(range(len(clips)))
        self.all, self.device, self.fps = clips.batch(everything, everything).to(device), device, clips.fps
        self.no_condition, self.no_text = clips.no_condition.to(device), clips.no_text.to(device)

    def __len__(self) -> int:
        return len(self.all.latent)

    def batch(self, indices: list[int], voices: list[int]) -> Batch:
        own, heard = (torch.tensor(rows, device=self.device) for rows in (indices, voices))
        held: dict[str, Tensor | None] = {f.name: getattr(self.all, f.name) for f in fields(Batch)}
        picked: dict[str, Any] = {
            name: None if value is None else value[heard if name in OF_VOICE else own]
            for name, value in held.items()
        }
        return Batch(**picked)
