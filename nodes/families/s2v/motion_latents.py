"""A long video of Wan2.2-S2V as the host's own extension makes it: each chunk is shown the latents before it."""

from __future__ import annotations

import time
from dataclasses import replace

import torch
from torch import Tensor

from ....skyreels_core.families.s2v.chunks import MOTION, Chunk, plan_chunks
from ....skyreels_core.run.progress import clock
from ....skyreels_core.run.resume import digest
from ....skyreels_core.run.settings import SEEDS
from ....skyreels_core.timeline import TEMPORAL, Timeline, frames_of
from ....skyreels_core.windows import WindowSettings
from ...host.checks import check_latent
from ...host.made import MADE, Made
from ...host.payload import empty_latent
from ...host.prompts import at_time
from ...host.reporting import say
from ...host.run import run_sampler
from ...host.settings import Given, of_sockets
from .conditions import S2VVoice, after
from .family import S2V


class MotionLatentRun:
    """One video; chunks have `length` latent frames."""

    def __init__(self, model, positive: list, negative: list, fields: Given, length: int) -> None:
        backend = S2V(model, positive, negative)
        self.voice, self.payload, self.timeline = backend.voice, backend.payload, backend.timeline
        self.model, self.positive, self.negative, self.fields = model, positive, negative, fields
        self.plan, self.length = plan_chunks(self.timeline.latent_frames, length), length

    def make(self, latent: dict[str, Tensor]) -> tuple[dict[str, object], str]:
        """The LATENT of the whole video, and a report."""
        started, samples = time.monotonic(), latent["samples"]
        check_latent(samples, self.timeline.latent_frames, self.payload.visual.size)
        made, settings = None, ""
        for number, chunk in enumerate(self.plan):
            say(f"Chunk {number + 1} of {len(self.plan)}")
            new, settings = self.sampled(chunk, number, made)
            made = new if made is None else torch.cat([made, new], dim=2)
        report = (
            f"{settings.splitlines()[0]}\nChunks of {self.length} latent frames: {len(self.plan)}, each shown the last "
            f"{MOTION} before it.\nSampled in {clock(time.monotonic() - started)}."
        )
        say(report)
        return self.finished(latent, made.to(samples)), report

    def sampled(self, chunk: Chunk, number: int, made: Tensor | None) -> tuple[Tensor, str]:
        """The latents of one chunk that the video has, and the sampler's report."""
        voice = self.voice_of(chunk)
        motion = None if made is None else made[:, :, -MOTION:]
        seconds = (frames_of(chunk.start + 1) + 2 * chunk.length) / self.timeline.fps
        positive, negative = (
            after(at_time(texts, seconds), motion, voice) for texts in (self.positive, self.negative)
        )
        fields = {**self.fields, "seed": (self.fields["seed"] + number) % SEEDS}
        one_window = of_sockets(WindowSettings(self.length, 0), None, None)
        empty = empty_latent(replace(self.payload, timeline=voice.timeline))
        new, report = run_sampler(
            S2V, self.model, positive, negative, empty, fields, one_window, keeps_state=False
        )
        return new["samples"][:, :, : chunk.kept], report

    def voice_of(self, chunk: Chunk) -> S2VVoice:
        """What a chunk is conditioned on, as of a video of its own."""
        features = self.voice.features[TEMPORAL * chunk.start :][: TEMPORAL * chunk.length]
        pose = self.voice.pose and replace(self.voice.pose, first=chunk.start)
        timeline = Timeline(frames_of(chunk.length), self.timeline.fps)
        return replace(self.voice, features=features, timeline=timeline, pose=pose)

    def finished(self, latent: dict[str, Tensor], samples: Tensor) -> dict[str, object]:
        """Save Talking Video needs nothing else."""
        whole = WindowSettings(samples.shape[2], 0).plan(samples.shape[2])
        made = Made(digest(samples), whole, self.timeline, self.payload.audio, self.payload.visual, None)
        return {**latent, "samples": samples, MADE: made}
