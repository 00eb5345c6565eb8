"""A long video of SkyReels-V3 A2V by key frames: a planning pass, and windows from one key frame to the next."""

from __future__ import annotations

import time
from collections.abc import Iterator

import torch
from torch import Tensor

from ....skyreels_core.errors import InputError
from ....skyreels_core.families.multitalk.between_frames import BetweenFrames
from ....skyreels_core.families.multitalk.key_frames import (
    WINDOW,
    WINDOW_LATENTS,
    KeyWindow,
    frames_made,
    plan_key_frames,
)
from ....skyreels_core.model.config import LATENT_CHANNELS
from ....skyreels_core.run.progress import clock
from ....skyreels_core.sampling.denoise import Unit
from ....skyreels_core.timeline import latent_frames
from ....skyreels_core.windows import WindowSettings
from ...host.payload import ConditioningPayload, empty_latent
from ...host.reporting import say
from ...host.settings import Given
from .layers import find_layers, payload_of, with_payload
from .passes import Passes, held_latent


class KeyFrameRun(Passes):
    """One video. `positive` is the prompt of the planning pass, `connecting` that of the windows."""

    def __init__(
        self, model, positive: list, negative: list, connecting: list | None, fields: Given, colour: float
    ) -> None:
        check_v3(model)
        super().__init__(model, positive, negative, fields, colour, WINDOW)
        self.connecting = positive if connecting is None else with_prompts(positive, connecting)
        self.plan = plan_key_frames(self.timeline.frames)

    def make(self, latent: dict[str, Tensor]) -> tuple[Tensor, str]:
        """The frames [f h w 3], as many as the voice has, and a report."""
        started = time.monotonic()
        self.check(latent)
        if not self.plan:
            frames, sampled = self.sampled(self.positive, self.payload, latent, 0)
            return frames[: self.timeline.frames], f"The whole voice fits into one pass.\n{sampled}"
        overview, sampled = self.overview()
        video = torch.empty(self.timeline.frames, *self.portrait.shape)
        for window, frames in self.windows(overview):
            new = frames[window.kept]
            place = video[window.start + window.kept.start :][: len(new)]
            place.copy_(new[: len(place)])
        keys = ", ".join(str(window.key) for window in self.plan)
        settings = sampled.splitlines()[0]
        report = (
            f"{settings}\nA pass of {WINDOW} frames, and {len(self.plan)} windows, each sampled towards one of "
            f"its key frames {keys}.\n"
            f"Made in {clock(time.monotonic() - started)}."
        )
        say(report)
        return video, report

    def overview(self) -> tuple[Tensor, str]:
        """The planning pass: the portrait and the start of the voice."""
        say(f"Planning pass, then {len(self.plan)} windows")
        payload = self.payload_at(0, self.payload.visual, frames_made(self.plan))
        return self.sampled(self.positive, payload, empty_latent(payload), 0)

    def windows(self, overview: Tensor) -> Iterator[tuple[KeyWindow, Tensor]]:
        motion = self.portrait[None]
        for number, window in enumerate(self.plan, 1):
            say(f"Window {number} of {len(self.plan)}")
            shown = BetweenFrames(motion, overview[window.key])
            payload = self.payload_at(window.start, shown, frames_made(self.plan))
            latent = started_latent(payload, window)
            frames, _ = self.sampled(self.connecting, payload, latent, number, window.start)
            yield window, frames
            motion = frames[window.taken_over].clone()


def started_latent(payload: ConditioningPayload, window: KeyWindow) -> dict[str, Tensor]:
    """The LATENT of a window. What it takes over from the one before stays."""
    if not window.start:
        return empty_latent(payload)
    plan = WindowSettings(WINDOW_LATENTS, 0).plan(WINDOW_LATENTS)
    condition = payload.encode(plan).of(Unit(plan.windows[0], "full", "video"))
    return held_latent(payload, condition[:, -LATENT_CHANNELS:, : latent_frames(window.motion)])


def with_prompts(positive: list, texts: list) -> list:
    """Other texts with what the positive conditioning brings beside its own."""
    shown = positive[0][1].get("clip_vision_output")
    return with_payload(texts, payload_of(positive), shown)


def check_v3(model) -> None:
    layers = find_layers(model)
    if layers is None or layers.pinned:
        raise InputError(
            "Key-frame sampling needs a SkyReels-V3 A2V model. Give the model of Load SkyReels-V3 A2V, or use "
            "SkyReels Audio Sampler."
        )
