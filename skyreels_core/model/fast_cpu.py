"""What PyTorch does slowly for small videos on a CPU, done the fast way: the VAE's decode takes a third of the time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.overrides import TorchFunctionMode


class FastOnCpu(TorchFunctionMode):
    """While it is active, what a causal video VAE does most with float32 on a CPU takes another way; the numbers are
    the same but for rounding. Nothing else changes, nor anything that needs gradients."""

    def __torch_function__(
        self,
        function: Callable,
        types: Sequence[type],
        args: tuple = (),
        kwargs: dict[str, Any] | None = None,
    ):
        kwargs = kwargs or {}
        if function in FAST and on_cpu(args[0]):
            result = FAST[function](*args, **kwargs)
            if result is not None:
                return result
        return function(*args, **kwargs)


def on_cpu(x: Any) -> bool:
    return (
        isinstance(x, Tensor)
        and x.device.type == "cpu"
        and x.dtype == torch.float32
        and not torch.is_grad_enabled()
    )


def conv3d(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> Tensor | None:
    """By oneDNN, which PyTorch takes for batches and large videos only; up to six times faster for one small video."""
    where = stride, padding, dilation
    if not torch.backends.mkldnn.is_available() or not all(isinstance(sizes, tuple) for sizes in where):
        return None
    return torch.ops.aten.mkldnn_convolution(x, weight, bias, padding, stride, dilation, groups)


def normalize(x: Tensor, p: float = 2.0, dim: int = 1, eps: float = 1e-12, out: None = None) -> Tensor | None:
    """Over channels, without the norm's slow way through memory; about fifteen times faster."""
    if p != 2.0 or out is not None:
        return None
    return x * x.square().sum(dim, keepdim=True).clamp_min_(eps**2).rsqrt_()


FAST = {torch.conv3d: conv3d, F.normalize: normalize}
