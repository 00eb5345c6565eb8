"""An edit put back into the video it was made from, and how much of the rest it changed."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from ..errors import InputError


def composite(original: Tensor, generated: Tensor, mask: Tensor) -> Tensor:
    """Generated frames inside the feathered mask, the original's own values, bit for bit, where it is 0.

    original, generated: [f h w 3] in 0..1; mask: [f h w] in 0..1, 1 = generated.
    Raises InputError when the three differ in length or size.
    """
    _check_shapes(original, generated, mask)
    weight = mask[..., None]
    return torch.where(weight == 0, original, original * (1 - weight) + generated * weight)


@dataclass(frozen=True)
class OutsideError:
    """What an edit changed where it should change nothing."""

    largest: float  # absolute difference, frames being 0..1
    psnr: float  # dB, infinite where nothing changed

    def __str__(self) -> str:
        if self.largest == 0:
            return "outside the mask nothing changed"
        return f"outside the mask the largest change is {self.largest:.4f} of 1, PSNR {self.psnr:.1f} dB"


def outside_error(original: Tensor, edited: Tensor, mask: Tensor) -> OutsideError:
    """Compare [f h w 3] frames where the mask [f h w] is 0. Raises InputError when shapes differ."""
    _check_shapes(original, edited, mask)
    difference = (edited - original)[mask == 0].double()
    if not difference.any():
        return OutsideError(0.0, math.inf)
    mean_square = float(difference.square().mean())
    return OutsideError(float(difference.abs().max()), -10 * math.log10(mean_square))


def _check_shapes(original: Tensor, generated: Tensor, mask: Tensor) -> None:
    if not original.shape == generated.shape == (*mask.shape, 3):
        raise InputError(
            f"The original is {tuple(original.shape)}, the edit {tuple(generated.shape)} and the mask "
            f"{tuple(mask.shape)}: the same frames, height and width are needed. Fit all to one size first."
        )
