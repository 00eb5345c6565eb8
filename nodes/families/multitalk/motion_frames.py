"""A long video of InfiniteTalk or SoulX-FlashTalk by motion frames: each chunk starts with the last frames of the one
before, encoded anew and given at every step."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from einops import rearrange
from torch import Tensor

from ....skyreels_core.errors import InputError
from ....skyreels_core.families.multitalk.motion_frames import MotionChunk, MotionFrames
from ....skyreels_core.run.progress import clock
from ...host.payload import ConditioningPayload
from ...host.reporting import say
from ...host.settings import Given
from ...host.vae import HostVideoEncoder
from .family import MultiTalk
from .layers import find_layers
from .passes import Passes, held_latent


@dataclass(frozen=True, eq=False)
class MotionPayload(ConditioningPayload):
    """A chunk that is shown the portrait, as every one, and whose first latent frames are given."""

    motion: Tensor | None = None  # [1 16 t h w], normalised


class MotionFrameRun(Passes):
    """One video. `motion` frames of a chunk come from the one before; 0: as many as the model was trained with."""

    def __init__(
        self, model, positive: list, negative: list, fields: Given, colour: float, motion: int = 0
    ) -> None:
        check_pinned(model)
        frames = MotionFrames.of(MultiTalk.recommended(model), motion)
        super().__init__(model, positive, negative, fields, colour, frames.chunk)
        self.plan = frames.plan(self.timeline.frames)
        self.encoder = HostVideoEncoder(self.payload.vae)

    def make(self, latent: dict[str, Tensor]) -> tuple[Tensor, str]:
        """The frames [f h w 3], as many as the voice has, and a report."""
        started = time.monotonic()
        self.check(latent)
        video = torch.empty(self.timeline.frames, *self.portrait.shape)
        for chunk, frames, sampled in self.chunks():
            new = frames[chunk.kept]
            place = video[chunk.start + chunk.kept.start :][: len(new)]
            place.copy_(new[: len(place)])
            settings = sampled.splitlines()[0]
        motion = f", each after the last {self.plan[-1].motion} frames of the one before" * (
            len(self.plan) > 1
        )
        report = (
            f"{settings}\nChunks of {self.frames} frames: {len(self.plan)}{motion}.\n"
            f"Made in {clock(time.monotonic() - started)}."
        )
        say(report)
        return video, report

    def chunks(self) -> Iterator[tuple[MotionChunk, Tensor, str]]:
        given = self.portrait[None]
        for number, chunk in enumerate(self.plan):
            say(f"Chunk {number + 1} of {len(self.plan)}")
            payload = self.payload_of(chunk, self.encoded(given))
            latent = held_latent(payload, payload.motion)
            frames, report = self.sampled(self.positive, payload, latent, number, chunk.start)
            yield chunk, frames, report
            given = frames[len(frames) - self.plan[-1].motion :].clone()

    def payload_of(self, chunk: MotionChunk, motion: Tensor) -> MotionPayload:
        """The portrait is encoded once for all chunks."""
        made = self.payload_at(chunk.start, self.payload.visual, self.plan[-1].end)
        shown = {"visual": made.visual, "voice": made.voice, "timeline": made.timeline}
        return MotionPayload(**shown, vae=made.vae, encoded=self.payload.encoded, motion=motion)

    def encoded(self, frames: Tensor) -> Tensor:
        """[f h w 3] in 0..1 -> latents [1 16 t h/8 w/8]"""
        return self.encoder.encode(rearrange(frames, "f h w c -> 1 c f h w").float() * 2 - 1).float().cpu()


def check_pinned(model) -> None:
    layers = find_layers(model)
    if layers is None or not layers.pinned:
        raise InputError(
            "Motion frames need InfiniteTalk, MultiTalk or SoulX-FlashTalk. Give the model of Apply InfiniteTalk, or "
            "of Load SkyReels-V3 A2V with the preset of SoulX-FlashTalk; SkyReels-V3 has the SkyReels-V3 Key-Frame "
            "Sampler."
        )
