"""Masks shown on the frames that they belong to."""

from __future__ import annotations

import torch
from torch import Tensor

BOX_TINT, LIPS_TINT = (0.15, 0.45, 1.0), (1.0, 0.25, 0.2)  # RGB
OPACITY = 0.4


def overlay(frames: Tensor, boxes: Tensor, lips: Tensor) -> Tensor:
    """Frames [f h w 3] in 0..1 with the edit boxes tinted blue and the lips red; masks [f h w]."""
    shown = torch.empty_like(frames)
    for index, frame in enumerate(frames):
        around = boxes[index] * (1 - lips[index])
        for mask, tint in ((around, BOX_TINT), (lips[index], LIPS_TINT)):
            frame = frame.lerp(frame.new_tensor(tint), OPACITY * mask[..., None])
        shown[index] = frame
    return shown
