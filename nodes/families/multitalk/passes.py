"""A long video in passes, one after another, each through the guider: what both published ways share."""

from __future__ import annotations

from dataclasses import replace

import comfy.latent_formats
import torch
from torch import Tensor

from ....skyreels_core.conditioning.visual import VisualCondition
from ....skyreels_core.errors import InputError
from ....skyreels_core.families.multitalk.between_frames import voice_from
from ....skyreels_core.media.colour import PASSES, unify_clip
from ....skyreels_core.run.settings import SEEDS
from ....skyreels_core.timeline import Timeline, latent_frames
from ....skyreels_core.windows import WindowSettings
from ...host.checks import check_latent
from ...host.payload import ConditioningPayload, empty_latent
from ...host.progress import progress
from ...host.prompts import at_time
from ...host.run import run_sampler
from ...host.settings import Given, of_sockets
from .family import MultiTalk
from .layers import with_payload


class Passes:
    """Of one video; a pass has at most `frames` frames."""

    def __init__(
        self, model, positive: list, negative: list, fields: Given, colour: float, frames: int
    ) -> None:
        self.payload: ConditioningPayload = MultiTalk(model, positive, negative).payload
        if self.payload.edit is not None:
            raise InputError(
                "This sampler animates a picture. Give the conditioning of Video Edit Lip-Sync to SkyReels Audio "
                "Sampler."
            )
        self.model, self.positive, self.negative = model, positive, negative
        self.fields, self.colour, self.frames = fields, colour, frames
        self.portrait = self.payload.visual.picture
        self.timeline = self.payload.timeline

    def check(self, latent: dict[str, Tensor]) -> None:
        check_latent(latent["samples"], self.timeline.latent_frames, self.payload.visual.size)

    def payload_at(self, first: int, visual: VisualCondition, made: int) -> ConditioningPayload:
        """Of the pass that begins at frame `first` of a video of which `made` frames are generated."""
        voice = voice_from(self.payload.voice, first, made)
        timeline = Timeline(self.frames, self.timeline.fps)
        return replace(self.payload, visual=visual, voice=voice, timeline=timeline, encoded={})

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
        one_window = WindowSettings(latent_frames(self.frames), 0)
        made, report = run_sampler(
            MultiTalk, self.model, positive, negative, latent, fields, of_sockets(one_window, None, None),
            keeps_state=False,
        )  # fmt: skip
        return self.matched(self.payload.vae.decode(made["samples"])[0].float().cpu()), report

    def matched(self, frames: Tensor) -> Tensor:
        if not self.colour:
            return frames
        tick = progress(PASSES * len(frames))
        portrait, fps = self.portrait.cpu(), self.timeline.fps
        return unify_clip(frames, portrait, fps, strength=self.colour, callback=tick).frames


def held_latent(payload: ConditioningPayload, held: Tensor) -> dict[str, Tensor]:
    """The LATENT of a pass whose first latent frames [1 16 t h w] stay, under the noise of each step."""
    samples = empty_latent(payload)["samples"]
    given = held.shape[2]
    samples[:, :, :given] = held.to(samples)
    free = torch.ones_like(samples[:, :1])
    free[:, :, :given] = 0
    return {"samples": comfy.latent_formats.Wan21().process_out(samples), "noise_mask": free}
