"""A long video of SkyReels-V3 A2V by key frames: passes of one window, one after another, each through the
guider."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace

import comfy.latent_formats
import torch
from torch import Tensor

from ....skyreels_core.conditioning.visual import VisualCondition
from ....skyreels_core.errors import InputError
from ....skyreels_core.families.multitalk.between_frames import BetweenFrames, voice_from
from ....skyreels_core.families.multitalk.key_frames import (
    WINDOW,
    WINDOW_LATENTS,
    KeyWindow,
    frames_made,
    plan_key_frames,
)
from ....skyreels_core.media.colour import PASSES, unify_clip
from ....skyreels_core.model.config import LATENT_CHANNELS
from ....skyreels_core.run.progress import clock
from ....skyreels_core.run.settings import SEEDS
from ....skyreels_core.sampling.denoise import Unit
from ....skyreels_core.timeline import Timeline, latent_frames
from ....skyreels_core.windows import WindowSettings
from ...host.checks import check_latent
from ...host.payload import ConditioningPayload, empty_latent
from ...host.progress import progress
from ...host.prompts import at_time
from ...host.reporting import say
from ...host.run import run_sampler
from ...host.settings import Given, of_sockets
from .family import MultiTalk
from .layers import find_layers, payload_of, with_payload

ONE_WINDOW = WindowSettings(WINDOW_LATENTS, 0)


class KeyFrameRun:
    """One video. `positive` is the prompt of the planning pass, `connecting` that of the windows."""

    def __init__(
        self, model, positive: list, negative: list, connecting: list | None, fields: Given, colour: float
    ) -> None:
        check_v3(model)
        self.payload: ConditioningPayload = MultiTalk(model, positive, negative).payload
        self.model, self.negative, self.fields, self.colour = model, negative, fields, colour
        self.positive = positive
        self.connecting = positive if connecting is None else with_prompts(positive, connecting)
        self.portrait = self.payload.visual.picture
        self.timeline = self.payload.timeline
        self.plan = plan_key_frames(self.timeline.frames)

    def make(self, latent: dict[str, Tensor]) -> tuple[Tensor, str]:
        """The frames [f h w 3], as many as the voice has, and a report."""
        started = time.monotonic()
        check_latent(latent["samples"], self.timeline.latent_frames, self.payload.visual.size)
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
        payload = self.payload_at(0, self.payload.visual)
        return self.sampled(self.positive, payload, empty_latent(payload), 0)

    def windows(self, overview: Tensor) -> Iterator[tuple[KeyWindow, Tensor]]:
        motion = self.portrait[None]
        for number, window in enumerate(self.plan, 1):
            say(f"Window {number} of {len(self.plan)}")
            payload = self.payload_at(window.start, BetweenFrames(motion, overview[window.key]))
            latent = started_latent(payload, window)
            frames, _ = self.sampled(self.connecting, payload, latent, number, window.start)
            yield window, frames
            motion = frames[window.taken_over].clone()

    def payload_at(self, first: int, visual: VisualCondition) -> ConditioningPayload:
        voice = voice_from(self.payload.voice, first, frames_made(self.plan))
        return replace(
            self.payload, visual=visual, voice=voice, timeline=Timeline(WINDOW, self.timeline.fps), encoded={}
        )

    def sampled(
        self, positive: list, payload: ConditioningPayload, latent: dict, number: int, first: int = 0
    ) -> tuple[Tensor, str]:
        """The frames of one pass that begins at frame `first`, their colours those of the portrait; each pass has noise
        of its own."""
        fields = {**self.fields, "seed": (self.fields["seed"] + number) % SEEDS}
        seconds = (first + payload.timeline.frames / 2) / payload.timeline.fps
        positive, negative = (
            with_payload(at_time(texts, seconds), payload) for texts in (positive, self.negative)
        )
        made, report = run_sampler(
            MultiTalk, self.model, positive, negative, latent, fields, of_sockets(ONE_WINDOW, None, None),
            keeps_state=False,
        )  # fmt: skip
        frames = self.payload.vae.decode(made["samples"])[0].float().cpu()
        if not self.colour:
            return frames, report
        tick = progress(PASSES * len(frames))
        unified = unify_clip(
            frames, self.portrait.cpu(), payload.timeline.fps, strength=self.colour, callback=tick
        )
        return unified.frames, report


def started_latent(payload: ConditioningPayload, window: KeyWindow) -> dict[str, Tensor]:
    """The LATENT of a window. What it takes over from the one before stays, under the noise of each step."""
    latent = empty_latent(payload)
    if not window.start:
        return latent
    given = latent_frames(window.motion)
    plan = ONE_WINDOW.plan(WINDOW_LATENTS)
    condition = payload.encode(plan).of(Unit(plan.windows[0], "full", "video"))
    samples = latent["samples"]
    samples[:, :, :given] = condition[:, -LATENT_CHANNELS:, :given].to(samples)
    free = torch.ones_like(samples[:, :1])
    free[:, :, :given] = 0
    return {"samples": comfy.latent_formats.Wan21().process_out(samples), "noise_mask": free}


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
