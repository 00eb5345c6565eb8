"""LoRA on the backbone: a few ranks beside frozen weights (Hu et al., arXiv 2106.09685), by peft."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from ..errors import InputError
from ..model.backbone import WanModel
from ..model.fp8 import Fp8Linear

ATTENTIONS = ("self_attn", "cross_attn")
TARGETS = (*(f"{attention}.{part}" for attention in ATTENTIONS for part in "qkvo"), "ffn.0", "ffn.2")
MARK, DOWN, UP = ".lora_", ".lora_A.default.weight", ".lora_B.default.weight"  # peft's names
COMFYUI = "diffusion_model."  # what ComfyUI calls the network in a LoRA's keys


@dataclass(frozen=True)
class LoraSettings:
    """The update of a weight is up @ down * alpha / rank; targets are ends of the names of linear layers."""

    rank: int = 32
    alpha: int = 32
    targets: Sequence[str] = TARGETS

    def __post_init__(self) -> None:
        if isinstance(self.targets, str) or not all(isinstance(target, str) for target in self.targets):
            raise InputError(
                f"`lora` has targets: {self.targets}; give a list, such as [{', '.join(TARGETS[:2])}]."
            )
        if not all(isinstance(number, int) and number >= 1 for number in (self.rank, self.alpha)):
            raise InputError(
                f"`lora` has rank {self.rank} and alpha {self.alpha}; give whole numbers from 1 on."
            )


def add_lora(backbone: WanModel, settings: LoraSettings, seed: int) -> None:
    """Put LoRA layers beside the targets, in place; at first they change nothing. Raises InputError for a target that
    no layer has, and where peft is missing."""
    names = [n for n, layer in backbone.named_modules() if isinstance(layer, nn.Linear | Fp8Linear)]
    unknown = [t for t in settings.targets if not any(n == t or n.endswith(f".{t}") for n in names)]
    if unknown:
        raise InputError(
            f"`lora` names the targets {', '.join(unknown)}, with which no linear layer of the backbone ends. Give "
            f"some of {', '.join(TARGETS)}."
        )
    try:
        from peft import LoraConfig, inject_adapter_in_model
        from peft.tuners.lora import Linear
    except ImportError as error:
        raise InputError('`lora` needs peft: pip install "skyreels-audio[train]".') from error
    config = LoraConfig(
        r=settings.rank,
        lora_alpha=settings.alpha,
        target_modules=list(settings.targets),  # pyright: ignore[reportArgumentType]  # a fraction does as well
    )
    config._register_custom_module({Fp8Linear: Linear})  # documented for layers that peft does not know
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        inject_adapter_in_model(config, backbone)
    for layer in backbone.modules():
        if isinstance(layer, Linear):
            layer.cast_input_dtype_enabled = (
                False  # mixed precision casts; a float32 copy would only take memory
            )


def is_lora(name: str) -> bool:
    return MARK in name


def lora_parameters(backbone: nn.Module) -> list[nn.Parameter]:
    return [weight for name, weight in backbone.named_parameters() if is_lora(name)]


def comfyui_state(weights: Mapping[str, Tensor], alpha: float, dtype: torch.dtype) -> dict[str, Tensor]:
    """The LoRA among peft's weights under the keys that ComfyUI's Load LoRA knows."""
    state: dict[str, Tensor] = {}
    for name, weight in weights.items():
        layer = name.removesuffix(DOWN).removesuffix(UP)
        if layer == name:
            continue
        base = COMFYUI + layer[layer.index("blocks.") :]
        part = "lora_down" if name.endswith(DOWN) else "lora_up"
        state[f"{base}.{part}.weight"] = weight.detach().to("cpu", dtype).contiguous()
        state[f"{base}.alpha"] = torch.tensor(float(alpha))
    return state


def save_lora(path: Path, weights: Mapping[str, Tensor], settings: LoraSettings, dtype: torch.dtype) -> None:
    """The file appears under its name once it is whole."""
    partial = Path(f"{path}.partial")
    save_file(comfyui_state(weights, settings.alpha, dtype), partial, metadata={"format": "pt"})
    os.replace(partial, path)
