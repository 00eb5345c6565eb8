"""NaN and infinity: what the numbers were computed with, and how to fix it."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ..errors import InputError


@dataclass(frozen=True)
class ComputeInfo:
    """What a network's forwards are computed with."""

    name: str = "its precision"  # such as "bfloat16 with PyTorch's attention"
    remedy: str = "Use another attention backend, or bfloat16 or float32 instead of float16 or fp8."

    def check_prediction(self, prediction: Tensor, sigma: float, first: bool) -> None:
        """Raises InputError where a step's prediction is not finite; `first` of the run or later."""
        if torch.isfinite(prediction).all():
            return
        if first:
            raise InputError(
                f"The model's first prediction holds NaN or infinity, in {self.name}: its weights are damaged, or "
                f"they need another precision. {self.remedy}"
            )
        raise InputError(
            f"The model's prediction at sigma {sigma:.4f} holds NaN or infinity, in {self.name}, though earlier ones "
            f"did not. {self.remedy}"
        )

    def check_latents(self, latents: Tensor) -> None:
        """Raises InputError where the end of sampling is not finite."""
        if not torch.isfinite(latents).all():
            raise InputError(
                f"The latents hold NaN or infinity at the end of sampling, in {self.name}, though every prediction was "
                f"finite. Choose another sampler. {self.remedy}"
            )
