"""Smooth transitions."""

from __future__ import annotations

import numpy as np


def smooth_step(low: float, high: float, x: np.ndarray) -> np.ndarray:
    """0 up to `low`, 1 from `high` on, level at both ends; falls where `high` is the lower one."""
    t = ((x - low) / (high - low)).clip(0, 1)
    return t * t * (3 - 2 * t)
