"""Weights of the blocks in fp8: stored in 8 bits with a scale, computed in the network's own dtype."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Iterator, Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..weights.header import Header

FP8 = torch.float8_e4m3fn
LARGEST = 448.0  # that e4m3 holds
# safetensors' names
FORMATS = {"F8_E4M3": FP8, "F8_E5M2": torch.float8_e5m2}
SCALES = ("scale_weight", "weight_scale")  # beside a weight in a file, by what wrote it
WHERE = "blocks."  # networks begin the names of what is repeated so


class Fp8Linear(nn.Module):
    """A linear layer whose weight is stored in fp8 and multiplied out when it is used."""

    def __init__(self, linear: nn.Linear):
        super().__init__()
        self.in_features, self.out_features = linear.in_features, linear.out_features
        device = linear.weight.device
        self.weight = nn.Parameter(torch.empty(linear.weight.shape, dtype=FP8, device=device), False)
        self.scale = nn.Parameter(torch.empty(len(linear.weight), 1, device=device), False)  # float32
        self.bias = linear.bias

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(x, self.weight.to(x.dtype).mul_(self.scale), self.bias)


def quantise(weight: Tensor) -> tuple[Tensor, Tensor]:
    """Weight [o i] to fp8 [o i] and scales float32 [o 1], powers of two, which any dtype multiplies exactly."""
    largest = weight.float().abs().amax(dim=1, keepdim=True).clamp(min=torch.finfo(torch.float32).tiny)
    scale = torch.exp2((largest / LARGEST).log2().ceil())
    return (weight.float() / scale).to(FP8), scale


def block_layers(network: nn.Module) -> list[str]:
    """Names of the linear layers of the blocks, nearly all of a large network."""
    modules = network.named_modules()
    return [name for name, layer in modules if name.startswith(WHERE) and isinstance(layer, nn.Linear)]


def use_fp8(network: nn.Module, names: Iterable[str]) -> None:
    """Make these linear layers such ones, whose weights are still to be loaded."""
    for name in names:
        owner, _, own = name.rpartition(".")
        linear = network.get_submodule(name)
        assert isinstance(linear, nn.Linear)
        setattr(network.get_submodule(owner), own, Fp8Linear(linear))


def is_in_fp8(name: str, shape: tuple[int, ...], format_: str, fp8: bool | None) -> bool:
    """Whether a file's weight is loaded so; `fp8` as in `checkpoint.load_model`."""
    linear = name.startswith(WHERE) and name.endswith(".weight") and len(shape) == 2
    return linear and bool(fp8 or (fp8 is None and format_ in FORMATS))


def is_beside_weights(name: str) -> bool:
    """Whether a file has the tensor for its quantised weights alone: scales, and how they are to be read."""
    return name.rpartition(".")[2] in (*SCALES, "scale_input", "input_scale", "comfy_quant", "scaled_fp8")


def scale_of(name: str, names: Container[str]) -> str | None:
    """The name of a weight's scale in a file, where it has one."""
    base = name.removesuffix("weight")
    return next((base + scale for scale in SCALES if base != name and base + scale in names), None)


def scaled(weight: Tensor, scale: Tensor | None) -> Tensor:
    """A file's weight in the dtype that it is stored in, or in float32 where a scale multiplies it."""
    return weight if scale is None else weight.float() * scale.float().reshape(-1, *[1] * (weight.ndim - 1))


def stored(weight: Tensor, scale: Tensor | None) -> tuple[Tensor, Tensor]:
    """A file's weight [o i] in fp8, as it is where it is so in the file, and its scales float32 [o 1]."""
    if weight.dtype not in FORMATS.values():
        return quantise(scaled(weight, scale))
    given = torch.ones(1) if scale is None else scale.float()
    return weight, given.reshape(-1, 1).expand(len(weight), 1).contiguous().to(weight.device)


def read_weights(
    network: nn.Module,
    header: Header,
    get: Callable[[str], Tensor],
    dtype: torch.dtype,
    only: tuple[str, ...],
    changes: Mapping[str, Callable[[Tensor], Tensor]],
) -> Iterator[tuple[str, Tensor]]:
    """The weights of a network, those whose names begin so, one by one as the network stores them.

    get: a tensor of the file by its name there; dtype: of all weights that are not in fp8; changes: of `lora`.
    """
    packed = {name for name, layer in network.named_modules() if isinstance(layer, Fp8Linear)}
    for name in network.state_dict():
        layer, _, part = name.rpartition(".")
        if not name.startswith(only) or (layer in packed and part == "scale"):
            continue
        scale = scale_of(name, header.shapes)
        weight = get(header.prefix + name)
        factors = None if scale is None else get(header.prefix + scale)
        if name in changes:
            weight, factors = changes[name](scaled(weight, factors)), None
        if layer in packed and part == "weight":
            weight, factors = stored(weight, factors)
            yield name, weight
            yield f"{layer}.scale", factors
        else:
            yield name, scaled(weight, factors).to(dtype)
