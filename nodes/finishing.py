"""What a video is finished with: its length, the colours to keep, and the video that lies under an edit."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from torch import Tensor

from ..skyreels_core.audio.reading import cut_voice
from ..skyreels_core.conditioning.visual import Footing, VideoEdit
from ..skyreels_core.errors import InputError
from ..skyreels_core.evaluation.continuity import Continuity
from ..skyreels_core.evaluation.edits import EditMeter
from ..skyreels_core.media.compositing import USED_PART, Changed, fitted
from ..skyreels_core.media.footage import Frames, Reader, TruncatedFrames, following
from ..skyreels_core.media.reading import Fit, fit
from ..skyreels_core.media.region import Region, check_region
from ..skyreels_core.media.sound import Audio
from ..skyreels_core.pipeline.finish import Edited, Finish, Reference
from ..skyreels_core.timeline import SPATIAL, Timeline, frames_of
from .host.decoding import decode_stream
from .host.footage import SAME_RATE, footage_of, rate_of
from .host.made import Made
from .tensors import to_frames, to_region

UNKNOWN = (
    "Audio or fps is missing, and this latent carries neither: it is not the unchanged latent of SkyReels Audio "
    "Sampler. Connect that latent, or audio and fps of Audio To Tokens."
)
OTHER_RATE = (
    "The latent was sampled for {:g} fps: at {:g} fps the lips do not follow the voice. Set fps to 0, which takes the "
    "rate of the latent."
)
OVER_FASTER = (
    "The latent was sampled at {:g} fps for a video of {:g} fps, whose rate the result keeps: the {:g} fps that were "
    "given are not used. Set fps to 0, which takes the rate of the latent."
)
VOICELESS = "The latent carries no recording of its voice. Connect audio."


def size_of(latents: Tensor) -> tuple[int, int]:
    """Width and height in pixels."""
    return latents.shape[4] * SPATIAL, latents.shape[3] * SPATIAL


def spoken_frames(made: int, voice: Audio, fps: float) -> tuple[Timeline, list[str]]:
    """As long as the shorter of `made` frames and the voice, and what is cut."""
    spoken = Timeline.from_seconds(voice.seconds, fps)
    if made > spoken.frames:
        return spoken, [f"{made - spoken.frames} frames after the end of the voice are trimmed."]
    timeline = Timeline(made, fps)
    spare = voice.seconds - timeline.seconds
    return timeline, [f"The voice's last {spare:.2f} s have no frames and are trimmed."] if spare > 0 else []


@dataclass(frozen=True, eq=False)
class Inputs:
    """What the video is finished with. Where audio or fps is None, whatever is None comes from the LATENT."""

    audio: Audio | None
    fps: float | None
    reference: Tensor | None  # an IMAGE
    source: Any  # an IMAGE, a VIDEO or `Frames`
    mask: Tensor | Region | None

    @property
    def are_given(self) -> bool:
        """As in graphs from before a LATENT carried anything: what is not connected there is not used."""
        return self.audio is not None and self.fps is not None

    def over(self, made: Made | None) -> Inputs:
        """Completed with what the sampler knew. Raises InputError where that is not known."""
        if self.are_given:
            return self
        if made is None:
            raise InputError(UNKNOWN)
        footing = footing_of(made)
        own = made.timeline if footing is None else footing.timeline
        audio, fps = self.audio or made.audio, self.fps or own.fps
        if audio is None:
            raise InputError(VOICELESS)
        return replace(self, audio=audio, fps=fps, **self._pictures(made))

    def _pictures(self, made: Made) -> dict[str, Any]:
        reference, source, mask = self.reference, self.source, self.mask
        if (footing := footing_of(made)) is not None:
            source = footing.source.whole if source is None else source
            mask = footing.region if mask is None else mask
        elif isinstance(made.visual, VideoEdit):
            source = made.visual.source.whole if source is None else source
            mask = made.visual.region if mask is None else mask
        elif reference is None and getattr(made.visual, "picture", None) is not None:
            reference = made.visual.picture[None]
        return {"reference": reference, "source": source, "mask": mask}


def footing_of(made: Made | None) -> Footing | None:
    """Of a video whose frames come faster than those that were generated."""
    return None if made is None else getattr(made.visual, "footing", None)


def blended(finish: Finish, made: Made | None, size: tuple[int, int]) -> Finish:
    """With the frames that were generated at another rate than the video's brought to its times."""
    if footing_of(made) is None:
        return finish
    reference = finish.reference
    if reference is not None and finish.edited is not None:
        reference = colours_of(made.visual.source, size)
    return replace(finish, generated=made.timeline, reference=reference, compared=finish.reference)


def length_of(
    latents: Tensor, made: Made | None, given: Inputs, used: Inputs, fps: float
) -> tuple[Timeline, list[str]]:
    """How long the video is at `fps`, or over faster footage at its rate, and what is trimmed or does not fit.
    Frames that the model made only to come to 1 + 4k do not count."""
    if (footing := footing_of(made)) is not None:
        return length_over(made.timeline.fps, footing.timeline, given.audio, fps)
    same_rate = made is not None and made.timeline.fps == fps
    known = same_rate and not given.are_given
    if known and given.audio is None:
        return made.timeline, []
    timeline, lines = spoken_frames(
        made.timeline.frames if known else frames_of(latents.shape[2]), used.audio, fps
    )
    if made is not None and not same_rate:
        lines = [OTHER_RATE.format(made.timeline.fps, fps), *lines]
    return timeline, lines


def length_over(
    generated: float, shown: Timeline, audio: Audio | None, fps: float
) -> tuple[Timeline, list[str]]:
    """Over faster footage, whose rate is the video's whatever `fps` says, and whatever rate was generated."""
    timeline, lines = (shown, []) if audio is None else spoken_frames(shown.frames, audio, shown.fps)
    if abs(fps - shown.fps) > SAME_RATE:
        lines = [OVER_FASTER.format(generated, shown.fps, fps), *lines]
    return timeline, lines


def under_edit(source, fps: float) -> tuple[Frames | None, float, list[str]]:
    """The video that was edited, if one is wired; the frames per second of the result, and what to say of them."""
    if source is None:
        return None, fps, []
    footage = source if isinstance(source, Frames) else footage_of(source)
    return footage, *rate_of(footage, fps)


def edit_of(
    source: Frames | None,
    mask: Tensor | Region | None,
    feather: int,
    timeline: Timeline,
    pinned: bool = False,
) -> Edited | None:
    """Of what is wired; None where nothing is. Raises InputError for what does not belong together."""
    if source is None and mask is None:
        return None
    if source is None or mask is None:
        given, missing = (
            ("mask", "source, the video that was edited") if source is None else ("source", "mask")
        )
        raise InputError(f"A {given} is connected and no {missing}. Connect both, or neither.")
    region = following(to_region(mask), source)
    check_region(region, TruncatedFrames(source, timeline.frames), USED_PART)
    changed = EditMeter() if pinned else Changed()
    return Edited(source, region, None if feather < 0 else feather, changed=changed, around=pinned)


def colours_of(source: Frames, size: tuple[int, int]) -> Reference:
    """Its frames at another size."""
    return Reader(source, Fit(source.size, size, size).apply)


def edit_report(edited: Edited, size: tuple[int, int], frames: int) -> list[str]:
    return [*fitted(size, frames, edited.source), *changes_of(edited)]


def changes_of(edited: Edited) -> list[str]:
    """Outside the mask, and around it where that was pinned; once the frames were read."""
    found = [str(edited.changed.findings())] if isinstance(edited.changed, EditMeter) else []
    return [str(edited.changed), *found]


def unifying(
    reference: Tensor | None, edited: Edited | None, size: tuple[int, int]
) -> tuple[Reference | None, list[str]]:
    """The colours to keep: of an IMAGE, else of the video under the edit; None is the first frame's."""
    if reference is None:
        return edited and colours_of(edited.source, size), []
    pictures, done = fit(to_frames(reference), *size)
    picture = pictures.mean(0)
    return lambda frame: picture, [f"Reference: {done}."]


@dataclass(frozen=True, eq=False)
class Finished:
    """A video that is made while its frames are read."""

    size: tuple[int, int]  # width and height, pixels
    timeline: Timeline
    voice: Audio  # as long as the timeline
    frames: Iterator[Tensor]
    report: Callable[[], list[str]]  # once they were read, as is what they are like
    continuity: Callable[[], Continuity]
    shown: Frames | Tensor | None = None  # the video that was edited, or pictures [b h w 3] of the portrait


def finish_latent(
    latent: Mapping[str, Any],
    made: Made | None,
    stale: list[str],
    vae,
    given: Inputs,
    feather: int,
    strength: float,
) -> Finished:
    """The frames of a latent, over those of the video that was edited if there is one."""
    latents, used = latent["samples"], given.over(made)
    footage, fps, of_rate = under_edit(used.source, used.fps)
    timeline, cut = length_of(latents, made, given, used, fps)
    pinned = made is not None and made.pinned
    size, edited = size_of(latents), edit_of(footage, used.mask, feather, timeline, pinned)
    colours, lines = unifying(used.reference, edited, size)
    finish = Finish(timeline.frames, timeline.fps, strength, colours, edited, made and made.plan)
    finish = blended(finish, made, size)
    meter = finish.meter()

    def report() -> list[str]:
        changes = edit_report(edited, size, timeline.frames) if edited else []
        return [*stale, *of_rate, *cut, *lines, *changes]

    frames = finish.stream(decode_stream(vae, latents), meter)
    shown = edited.source.size if edited else size
    return Finished(
        shown,
        timeline,
        cut_voice(used.audio, timeline),
        frames,
        report,
        meter.result,
        footage or used.reference,
    )


def ticking(frames: Iterable[Tensor], tick: Callable[[int], None]) -> Iterator[Tensor]:
    for index, frame in enumerate(frames):
        tick(index)
        yield frame
