"""Whether a run will fit into memory and on the disk; the GPU's memory is the host's own affair."""

from __future__ import annotations

import math
from dataclasses import replace

from ...skyreels_core.model.config import T2V_14B, WanConfig
from ...skyreels_core.run.plan import ModelFacts, RunPlan
from ...skyreels_core.run.resources import MEMORY, PICTURE, VOICE, WINDOW, Needs, check_needs, free_memory
from ...skyreels_core.timeline import RateRange
from .payload import IN_MEMORY
from .work import work_root

REMEDIES = {
    PICTURE: "make the picture smaller",
    WINDOW: "make the windows shorter (Windows node)",
    VOICE: "cut the voice into parts (Audio To Tokens)",
}
DISK_REMEDY = "Free disk space there, or switch keep_state off"
COPIES = 3  # noise, the latent that came and the one that is given, all on the CPU


def check_resources(model, plan: RunPlan, keeps_state: bool) -> str:
    """What the run needs, in words. Raises InputError where that is not there."""
    on_disk = plan.task == "edit" and len(plan.windows.windows) > IN_MEMORY
    on_gpu = model.load_device.type != "cpu"
    needs = Needs(plan, on_gpu, keeps_state, conditions_on_disk=on_disk, decodes=False, copies=COPIES)
    disks = [(work_root(), needs.work, DISK_REMEDY)] if needs.work else []
    return check_needs(needs, {MEMORY: free_memory()}, REMEDIES, disks)


def facts_of(model, rule: str) -> ModelFacts:
    """The conditioning has decided at which rate frames are generated."""
    return ModelFacts(
        config_of(model), model.model.get_dtype_inference(), rule, rates=RateRange(fastest=math.inf)
    )


def config_of(model) -> WanConfig:
    """The sizes that count here, of any of the host's Wan models."""
    sizes = model.model.model_config.unet_config
    counted = ("model_type", "in_dim", "dim", "ffn_dim", "num_heads", "num_layers")
    return replace(T2V_14B, **{name: sizes[name] for name in counted})
