"""Whether a run will fit, with what the command line can do about it."""

from __future__ import annotations

from pathlib import Path

import torch

from ..run.plan import RunPlan
from ..run.resources import GPU, MEMORY, PICTURE, VOICE, WINDOW, Needs, check_needs, free_memory
from .run import Run

REMEDIES = {
    PICTURE: "make the picture smaller (--width, --height)",
    WINDOW: "make the windows shorter (--window)",
    VOICE: "cut the voice into parts",
}
WORK_REMEDY = "Free disk space there, or give another folder (--work)"


def needs_of(plan: RunPlan, device: torch.device, keeps_state: bool) -> Needs:
    on_disk = keeps_state and plan.task == "edit"
    return Needs(plan, device.type == "cuda", keeps_state, conditions_on_disk=on_disk)


def check_resources(run: Run) -> str:
    """What is needed, in words. Raises InputError where memory or disk space will not do."""
    device = run.device
    needs = needs_of(run.plan, device, keeps_state=run.work is not None)
    disks = [] if run.work is None else [work_space(run.work.path, needs)]
    return check_needs(needs, free_places(device), REMEDIES, disks)


def free_places(device: torch.device) -> dict[str, int]:
    """Free bytes of the memory, and of the GPU where the device is one."""
    free = {MEMORY: free_memory()}
    return {**free, GPU: free_gpu(device)} if device.type == "cuda" else free


def work_space(folder: Path, needs: Needs) -> tuple[Path, int, str]:
    """For `check_disk`: what an unfinished run left there is replaced."""
    held = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
    return folder, needs.work - held, WORK_REMEDY


def free_gpu(device: torch.device) -> int:
    """Bytes that this process can have, those that it holds and does not use among them."""
    unused = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
    return torch.cuda.mem_get_info(device)[0] + unused
