"""14B on a GPU of 24 GB, and a step of training."""

from __future__ import annotations

from typing import Any

import torch

from skyreels_core.model.offloading import offload_blocks

from .sizes import Sizes, audio_layers, backbone, inputs, peak_gib, seconds, spoken

CAP = 24 * 2**30  # bytes of the GPU's memory that may be used


def offload(sizes: Sizes) -> dict[str, Any]:
    """Blocks in fp8 that wait in system memory, with no more memory than a GPU of 24 GB has."""
    if sizes.device.type == "cuda":
        total = torch.cuda.get_device_properties(0).total_memory
        torch.cuda.set_per_process_memory_fraction(min(1.0, CAP / total))
    adapter = audio_layers(sizes, fp8=True)
    model = backbone(sizes, torch.device("cpu"), fp8=True)
    offload_blocks(model, sizes.device)
    given, layers = inputs(sizes), spoken(sizes, adapter)
    passed = seconds(lambda: model(*given, audio_layers=layers), sizes, 2)
    return {"fp8_with_audio_layers": passed, "cap_gib": CAP / 2**30, "peak_gib": peak_gib(sizes)}


def training(sizes: Sizes) -> dict[str, Any]:
    """Of the audio layers, the backbone frozen and its blocks recomputed."""
    model, adapter, given = backbone(sizes), audio_layers(sizes).requires_grad_(True), inputs(sizes)
    model.gradient_checkpointing = True
    optimizer = torch.optim.AdamW(adapter.parameters(), lr=1e-5)

    @torch.enable_grad()
    def step() -> None:
        velocity = model(*given, audio_layers=spoken(sizes, adapter))
        velocity.square().mean().backward()
        optimizer.step()
        optimizer.zero_grad()

    return {"step": seconds(step, sizes, 1), "peak_gib": peak_gib(sizes)}
