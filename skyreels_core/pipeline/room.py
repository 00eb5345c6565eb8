"""Whether a run has the room that it needs, and how long it will take."""

from __future__ import annotations

import time
from pathlib import Path

import torch
from torch import Tensor

from ..conditioning.shots import Shot
from ..media.unify import frames_ahead
from ..model.config import WanConfig
from ..run.resources import (
    GPU,
    MEMORY,
    PICTURE,
    VOICE,
    WINDOW,
    Making,
    Pace,
    Part,
    check_disk,
    check_memory,
    clock,
    described,
    free_memory,
    parts,
)
from ..run.settings import Settings
from ..sampling.cache import CacheSettings
from ..sampling.guidance import EQ3
from ..sampling.hybrid import variants_seen
from ..windows import WindowPlan
from .options import Run

REMEDIES = {
    PICTURE: "make the picture smaller (--width, --height)",
    WINDOW: "make the windows shorter (--window)",
    VOICE: "cut the voice into parts",
}
WORK_REMEDY = "Free disk space there, or give another folder (--work)"
MANY = 20  # latent frames, of which one can be decoded to see how long it takes


def making_of(
    settings: Settings,
    windows: WindowPlan,
    size: tuple[int, int],
    config: WanConfig,
    dtype: torch.dtype,
    device: torch.device,
    editing: bool,
    keeps_state: bool,
    vae_width: int,
    voice: tuple[float, int],  # seconds, and the width of its tokens
) -> Making:
    """What a run with these settings makes, for `estimate.parts`."""
    count = len(windows.windows)
    shown = (count * len(variants_seen(settings.hybrid)) if editing else 1) + settings.null_image
    cache = CacheSettings(settings.cache_threshold or 0.0, settings.cache_memory)
    limit = cache.limit(windows.windows[0].length, size) if settings.cache_threshold else 0
    return Making(
        windows, size, config, dtype.itemsize, device.type == "cuda", *voice,
        conditions=shown if config.takes_picture else 0,
        conditions_on_disk=editing and keeps_state,
        velocities=min(limit, count * len(EQ3.rows)),
        keeps_state=keeps_state,
        ahead=frames_ahead(settings.fps) if settings.colour_strength else 0,
        vae_width=vae_width,
    )  # fmt: skip


def check_room(run: Run, windows: WindowPlan, shot: Shot) -> None:
    """Raises InputError where memory or disk will not do; else what is needed is in the report."""
    bundle = run.bundle
    weight = bundle.model.patch_embedding.weight
    making = making_of(
        run.settings, windows, shot.size, bundle.model.config, weight.dtype, weight.device,
        editing=shot.hybrid is not None, keeps_state=run.work is not None,
        vae_width=bundle.vae.network.config.base_dim,
        voice=(run.report.frames / run.report.fps, bundle.whisper.width),
    )  # fmt: skip
    found = parts(making)
    check_places(found, weight.device)
    if run.work is not None:
        check_work(run.work.path, making)
    run.report.room = described(found, making.work)


def check_places(
    found: list[Part], device: torch.device, weights: int = 0, weights_on_device: int = 0
) -> None:
    """`weights` are bytes that are still to be loaded into memory, and onto the device."""
    on_gpu = device.type == "cuda"
    check_memory(found, MEMORY, free_memory(), REMEDIES, weights + (0 if on_gpu else weights_on_device))
    if on_gpu:
        check_memory(found, GPU, free_gpu(device), REMEDIES, weights_on_device)


def check_work(path: Path, making: Making) -> None:
    """What an unfinished run left there is written anew in its place."""
    check_disk([(path, making.work - space_held(path), WORK_REMEDY)])


def space_held(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


def free_gpu(device: torch.device) -> int:
    """Bytes that this process can have, those that it holds and does not use among them."""
    unused = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
    return torch.cuda.mem_get_info(device)[0] + unused


class Watch:
    """Hears of every forward and step of a run; after the first step it says how long the rest will take."""

    def __init__(self, run: Run) -> None:
        self.run, self.pace, self.said = run, Pace(), False

    def forward(self, done: int, planned: int, what: str) -> None:
        self.pace.tick(done, planned)
        self.run.advance("sampling", done, planned, what)

    def step(self, step: int, x: Tensor, denoised: Tensor) -> None:
        if not self.said and self.pace.ticks:
            self.said = True
            left = f"{self.pace.remaining} of sampling{self._decoding(denoised)}"
            self.run.report.say(f"A forward takes {self.pace.seconds:.3g} s; about {left} are left.")

    def _decoding(self, latents: Tensor) -> str:
        """By one latent frame; nothing else tells how fast the VAE is."""
        if latents.shape[2] < MANY:
            return ""
        chunks = self.run.bundle.vae.decode_stream(latents[:, :, :2])
        next(chunks).cpu()  # the first is a single frame
        began = time.perf_counter()
        next(chunks).cpu()
        return f" and {clock((time.perf_counter() - began) * latents.shape[2])} of decoding"
