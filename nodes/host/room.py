"""Whether memory and disk have the room for a run; the GPU's memory is the host's own affair."""

from __future__ import annotations

from dataclasses import replace

from ...skyreels_core.model.config import T2V_14B, WanConfig
from ...skyreels_core.run.resources import (
    MEMORY,
    PICTURE,
    VOICE,
    WINDOW,
    Making,
    check_disk,
    check_memory,
    described,
    free_memory,
    parts,
)
from ...skyreels_core.sampling.guidance import BRANCHES
from ...skyreels_core.sampling.hybrid import variants_seen
from ...skyreels_core.windows import WindowPlan
from .scene import IN_MEMORY
from .work import work_root

REMEDIES = {
    PICTURE: "make the picture smaller",
    WINDOW: "make the windows shorter (Windows node)",
    VOICE: "cut the voice into parts (Audio To Tokens)",
}
DISK_REMEDY = "Free disk space there, or switch keep_state off"
COPIES = 3  # noise, the latent that came and the one that is given, all on the CPU


def check_room(model, backend, plan: WindowPlan, request) -> str:
    """What the run needs, in words. Raises InputError where that is not there."""
    making = what_is_made(model, backend, plan, request)
    found = parts(making, decodes=False)
    check_memory(found, MEMORY, free_memory(), REMEDIES)
    if making.work:
        check_disk([(work_root(), making.work, DISK_REMEDY)])
    return described(found, making.work, (MEMORY,))


def what_is_made(model, backend, plan: WindowPlan, request) -> Making:
    count = len(plan.windows)
    shown = 1 if backend.hybrid is None else count * len(variants_seen(backend.hybrid))
    limit = request.cache.limit(plan.windows[0].length, backend.size) if request.cache.threshold else 0
    return Making(
        plan, backend.size, config_of(model), model.model.get_dtype_inference().itemsize,
        on_gpu=model.load_device.type != "cpu",
        conditions=shown + request.null_image,
        conditions_on_disk=shown > 1 and count > IN_MEMORY,
        velocities=min(limit, count * len(BRANCHES)),
        keeps_state=request.keep,
        copies=COPIES,
    )  # fmt: skip


def config_of(model) -> WanConfig:
    """The sizes that count here, of any of the host's Wan models."""
    sizes = model.model.model_config.unet_config
    return replace(T2V_14B, **{name: sizes[name] for name in ("dim", "ffn_dim", "num_heads", "in_dim")})
