"""What the sampler knows of a LATENT goes with it: Save Talking Video needs nothing else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from ...skyreels_core.conditioning.visual import VisualCondition
from ...skyreels_core.errors import InputError
from ...skyreels_core.media.cropping import CroppedFrames
from ...skyreels_core.media.sound import Audio
from ...skyreels_core.run.resume import digest
from ...skyreels_core.timeline import Timeline
from ...skyreels_core.windows import WindowPlan
from .work import forget

MADE = "skyreels_audio_made"  # in a LATENT, beside its samples
SHOTS = "skyreels_audio_shots"  # in a LATENT of several
STALE = (
    "The latent has been changed since it was sampled, so its data from the sampler (voice, video, windows) is "
    "not used."
)


@dataclass(frozen=True, eq=False)
class Made:
    """Of exactly these samples: nodes that upscale, cut or join a LATENT copy all that lies beside them."""

    samples: str  # their digest
    plan: WindowPlan
    timeline: Timeline  # of the finished video
    audio: Audio | None  # as long as the voice; None where the conditioning brings none
    visual: VisualCondition | None  # the portrait, or the video and its region
    work: Path | None  # where the run keeps its state
    pinned: bool = False  # the video was edited without trained masks
    model: str = ""  # what sampled it

    def is_of(self, samples: Tensor) -> bool:
        same_length = samples.ndim == 5 and samples.shape[2] == self.plan.latent_frames
        return same_length and digest(samples) == self.samples


def with_made(latent: Mapping[str, object], samples: Tensor, guider) -> dict[str, object]:
    """The LATENT that an `AudioGuider` sampled."""
    backend = guider.backend
    visual, audio = (getattr(backend.payload, name, None) for name in ("visual", "audio"))
    plan = guider.plan
    made = Made(
        digest(samples),
        plan.windows,
        plan.timeline,
        audio,
        visual,
        guider.kept_in,
        plan.is_pinned,
        backend.models,
    )
    return {**latent, "samples": samples, MADE: made}


def made_of(latent: Mapping[str, object]) -> tuple[Made | None, list[str]]:
    """What the sampler knew, and a sentence where that is of other samples."""
    made = latent.get(MADE)
    if made is None or made.is_of(latent["samples"]):
        return made, []
    return None, [STALE]


def forget_run(made: Made | None) -> None:
    """The video is whole: what was kept to make it again is not needed."""
    if made is not None and made.work is not None:
        forget(made.work)


@dataclass(frozen=True, eq=False)
class Shots:
    """The latents of single shots in one."""

    samples: str  # the digest of all of them
    latents: tuple[Mapping[str, object], ...]


def crop_of(made: Made | None) -> CroppedFrames | None:
    """The face crop that a latent was sampled for."""
    visual = None if made is None else made.visual
    whole = getattr(getattr(getattr(visual, "footing", None) or visual, "source", None), "whole", None)
    return whole if isinstance(whole, CroppedFrames) else None


def join(latents: Sequence[Mapping[str, object]]) -> dict[str, object]:
    """The LATENTs of the shots of one video as one. Raises InputError for what is none."""
    crops = [crop_of(made_of(latent)[0]) for latent in latents]
    if any(crop is None or crop.source is not crops[0].source for crop in crops):
        raise InputError(
            "A latent that is to be joined is not the unchanged latent of a shot of Face Crop. Connect the sampler's "
            "latents; the videos that they were sampled for must come from one Face Crop."
        )
    samples = torch.cat([latent["samples"].cpu() for latent in latents], dim=2)
    return {"samples": samples, SHOTS: Shots(digest(samples), tuple(latents))}


def cropped_latents(latent: Mapping[str, object]) -> tuple[Mapping[str, object], ...]:
    """The LATENTs of the shots of a face crop, in order; none where it is no face crop."""
    joined = latent.get(SHOTS)
    latents = (
        joined.latents if joined is not None and digest(latent["samples"]) == joined.samples else (latent,)
    )
    found = {id(each): crop_of(made_of(each)[0]) for each in latents}
    if any(crop is None for crop in found.values()):
        return ()
    return tuple(sorted(latents, key=lambda each: found[id(each)].first))
