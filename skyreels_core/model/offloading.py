"""Blocks whose weights wait in system memory, and are on the device while they compute."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from .backbone import WanModel

AT_ONCE = 2  # blocks on the device: the one that computes, and the next one


class _Root(nn.Module):
    """What diffusers takes for the whole network: the blocks, entered by the network's own forward pass."""

    def __init__(self, model: WanModel):
        super().__init__()
        self.blocks = model.blocks
        # diffusers watches the forward pass of what has weights of its own
        self.anchor = nn.Parameter(torch.empty(0), False)
        self.whole = model.forward

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        return self.whole(*args, **kwargs)


def offload_blocks(model: WanModel, device: torch.device) -> None:
    """Move a network from the CPU to the device, but for the weights of its blocks, which follow one by one.

    On a GPU the next block is copied while one computes (diffusers' group offloading, from pinned memory).
    """
    from diffusers.hooks.group_offloading import apply_group_offloading  # only where it is asked for

    for name, part in model.named_children():
        if name != "blocks":
            part.to(device)
    root = _Root(model)
    apply_group_offloading(
        root,
        onload_device=device,
        offload_device=torch.device("cpu"),
        offload_type="block_level",
        num_blocks_per_group=1,
        use_stream=device.type == "cuda",
    )
    model.forward = root.__call__
