"""How far two pictures, or two curves, agree."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


def psnr(a: Tensor, b: Tensor) -> float:
    """dB for pictures in 0..1; at most 120."""
    return float(-10 * torch.log10((a - b).square().mean().clamp_min(1e-12)))


def correlation(a: NDArray, b: NDArray) -> float:
    """Pearson's r of two curves [n]."""
    return float(np.corrcoef(a, b)[0, 1])
