"""Optimizers that a recipe can name."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from ..errors import InputError

ADAMW, ADAMW_8BIT, MUON = "adamw", "adamw8bit", "muon"
OPTIMIZERS = (ADAMW, ADAMW_8BIT, MUON)
SMALLEST = 4096  # numbers of a parameter from which bitsandbytes keeps its state in 8 bits
BETAS = (0.9, 0.99)
MUON_RATE = 2.0  # matrices learn so many times as fast as the rest, which keeps the stage's rate
RATE = "rate"  # of a group of parameters, times the stage's; 1 where a group states none


def make_optimizer(
    kind: str,
    model: nn.Module,
    parameters: Iterable[nn.Parameter],
    lr: float,
    weight_decay: float,
    on_gpu: bool,
) -> torch.optim.Optimizer:
    """One of OPTIMIZERS over parameters of the model. Raises InputError where its library is missing."""
    if kind == ADAMW:
        return _adamw(parameters, lr, weight_decay, on_gpu)
    if kind == MUON:
        return MuonAndAdamW(model, list(parameters), lr, weight_decay, on_gpu)
    try:
        from bitsandbytes.optim.adamw import AdamW8bit
    except ImportError as error:
        raise InputError(
            f'`optimizer: {ADAMW_8BIT}` needs bitsandbytes: pip install "skyreels-audio[train]".'
        ) from error
    return AdamW8bit(parameters, lr=lr, betas=BETAS, weight_decay=weight_decay)


def _adamw(
    parameters: Iterable[nn.Parameter], lr: float, weight_decay: float, on_gpu: bool
) -> torch.optim.Optimizer:
    return torch.optim.AdamW(parameters, lr=lr, betas=BETAS, weight_decay=weight_decay, fused=on_gpu or None)


class MuonAndAdamW(torch.optim.Optimizer):
    """Muon for the matrices of the model's blocks, AdamW for everything else.

    Muon (Jordan et al. 2024, kellerjordan.github.io/posts/muon) makes each matrix's momentum orthogonal; its steps are
    scaled to the size of AdamW's (arXiv 2502.16982). Raises InputError where PyTorch has no Muon.
    """

    def __init__(
        self,
        model: nn.Module,
        parameters: Sequence[nn.Parameter],
        lr: float,
        weight_decay: float,
        on_gpu: bool,
    ):
        if not hasattr(torch.optim, "Muon"):
            raise InputError(
                f"`optimizer: {MUON}` needs PyTorch 2.9 or later; {torch.__version__} is installed."
            )
        chosen = {id(matrix) for matrix in block_matrices(model)}
        matrices = [p for p in parameters if id(p) in chosen]
        others = [p for p in parameters if id(p) not in chosen]
        self.parts: list[torch.optim.Optimizer] = []
        if matrices:
            muon = torch.optim.Muon(
                matrices, lr=lr, weight_decay=weight_decay, adjust_lr_fn="match_rms_adamw"
            )
            muon.param_groups[0][RATE] = MUON_RATE
            self.parts.append(muon)
        if others:
            self.parts.append(_adamw(others, lr, weight_decay, on_gpu))
        super().__init__([part.param_groups[0] for part in self.parts], {"lr": lr})
        self._share()

    def _share(self) -> None:
        """Let the parts keep their states and groups here, so that they are saved and loaded as those of one."""
        for part, group in zip(self.parts, self.param_groups, strict=True):
            part.state, part.param_groups = self.state, [group]

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        super().load_state_dict(state_dict)
        self._share()

    @torch.no_grad()
    def step(self, closure: Any = None) -> Any:
        """Raises NotImplementedError for a closure, which both parts would evaluate."""
        if closure is not None:
            raise NotImplementedError("Muon and AdamW take their step without a closure.")
        for part in self.parts:
            part.step()


def block_matrices(model: nn.Module) -> list[nn.Parameter]:
    """Weights of the linear layers in a transformer's blocks."""
    return [weight for name, weight in model.named_parameters() if "blocks." in name and weight.ndim == 2]


def state_bytes(kind: str, parameter: Tensor, in_blocks: bool) -> int:
    """Of the optimizer's state of a parameter: two numbers like each of its own, one for Muon's matrices in blocks, or
    two bytes and a scale for 256."""
    count = parameter.numel()
    if kind == MUON and in_blocks:
        return count * parameter.element_size()
    if kind != ADAMW_8BIT or count < SMALLEST:
        return 2 * count * parameter.element_size()
    return 2 * (count + 4 * -(-count // 256))
