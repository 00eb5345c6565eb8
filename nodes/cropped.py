"""The latents of a face crop's shots to one video: each box is finished, and put back into the whole frames."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from ..skyreels_core.audio.reading import cut_voice
from ..skyreels_core.conditioning.crop import Shot
from ..skyreels_core.errors import InputError
from ..skyreels_core.evaluation.continuity import Continuity, ContinuityMeter
from ..skyreels_core.evaluation.edits import EditMeter
from ..skyreels_core.media.compositing import Changed
from ..skyreels_core.media.cropping import CroppedFrames
from ..skyreels_core.media.sound import Audio
from ..skyreels_core.pipeline.finish import Edited, Finish
from ..skyreels_core.pipeline.put_back import Part, PutBack
from ..skyreels_core.timeline import Timeline
from .finishing import Finished, Inputs, blended, changes_of, footing_of, size_of, spoken_frames, unifying
from .host.crop_video import OWN_SPAN
from .host.decoding import decode_stream
from .host.made import Made, crop_of, made_of


@dataclass(frozen=True, eq=False)
class CroppedShot:
    """The latent of one shot."""

    samples: Tensor
    made: Made
    crop: CroppedFrames
    edited: Edited
    timeline: Timeline  # of the shot

    @classmethod
    def of(cls, latent: Mapping[str, Any]) -> CroppedShot:
        made, _ = made_of(latent)
        shown = footing_of(made)
        visual, timeline = (made.visual, made.timeline) if shown is None else (shown, shown.timeline)
        changed = EditMeter() if made.pinned else Changed()
        edited = Edited(visual.source, visual.region, changed=changed, around=made.pinned)
        return cls(latent["samples"], made, crop_of(made), edited, timeline)

    def part(self, vae, strength: float) -> Part:
        size, plan = size_of(self.samples), self.made.plan
        colours, _ = unifying(None, self.edited, size)
        finish = Finish(self.timeline.frames, self.timeline.fps, strength, colours, self.edited, plan)
        finish = blended(finish, self.made, size)
        windows = plan if finish.generated is None else None
        return Part(
            self.crop.first, self.timeline.frames, self.crop.path, windows,
            lambda: finish.stream(decode_stream(vae, self.samples), finish.meter()),
        )  # fmt: skip

    @property
    def line(self) -> str:
        shot = Shot(self.crop.first, self.crop.first + self.timeline.frames, self.crop.path)
        return " ".join([str(shot), *changes_of(self.edited)])


def finish_crops(
    latents: Sequence[Mapping[str, Any]], vae, given: Inputs, feather: int, strength: float
) -> Finished:
    """The whole video, with what was generated for each shot in its place; the voice sets its length."""
    shots = [CroppedShot.of(latent) for latent in latents]
    crop, region = shots[0].crop, shots[0].edited.region.source
    voice = _whole_voice(given.audio, shots)
    timeline, lines = spoken_frames(len(crop.source), voice, crop.fps)
    lines = [*_unused(given), *lines]
    parts = [shot.part(vae, strength) for shot in shots]
    put_back = PutBack(
        crop.source, region, timeline.frames, crop.fps, parts, None if feather < 0 else feather
    )
    meters: list[ContinuityMeter] = []

    def continuity() -> Continuity:
        return meters[0].result()

    return Finished(
        crop.source.size, timeline, cut_voice(voice, timeline), put_back.stream(meters.append),
        lambda: [*lines, *(shot.line for shot in shots)], continuity, crop.source,
    )  # fmt: skip


def _whole_voice(given: Audio | None, shots: Sequence[CroppedShot]) -> Audio:
    """The voice that is wired, or that of Face Crop, or of the only shot. Raises InputError where later shots had none
    of their own: each was sampled from the beginning of whatever voice it got."""
    own = shots[0].crop.audio
    later = any(shot.crop.first > 0 for shot in shots)
    voice = given or own or shots[0].made.audio
    if voice is None or (own is None and later):
        raise InputError(f"The latent of a face crop carries only the voice of its shot. {OWN_SPAN}")
    return voice


def _unused(given: Inputs) -> list[str]:
    """The colours and the frames under the boxes are those of the video that was cropped, as is its rate."""
    names = [name for name in ("fps", "reference", "source", "mask") if getattr(given, name) is not None]
    return [f"Connected, but not used for a face crop: {', '.join(names)}."] if names else []
