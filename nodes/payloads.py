"""The conditioning payload of what was connected, and what was rounded to make it fit."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from torch import Tensor

from ..skyreels_core.audio.features import AudioFeatures
from ..skyreels_core.audio.voice import Voice
from ..skyreels_core.conditioning.fitting import Length, Shape, fit_length, fit_picture, fit_size
from ..skyreels_core.conditioning.visual import Footing, VideoEdit
from ..skyreels_core.errors import InputError
from ..skyreels_core.media.cropping import CroppedFrames, CroppedRegion
from ..skyreels_core.media.footage import Frames, TruncatedFrames, following
from ..skyreels_core.media.region import Region, check_edit
from ..skyreels_core.run.plan import rate_line
from ..skyreels_core.timeline import TRAINED_RATES, Timeline
from .host.checks import check_vae
from .host.crop_video import OWN_SPAN
from .host.editing import EditOptions, UnreadVoice
from .host.footage import footage_of, rate_of
from .host.payload import ConditioningPayload
from .host.speech import EncodedVoice
from .host.whisper import EncodedAudio, needed_voice
from .tensors import to_frames, to_region


def animation_payload(
    tokens: Any, vae, images: Tensor | None, width: int, height: int, shape: Shape
) -> tuple[ConditioningPayload, list[str]]:
    """The payload of an IMAGE, the first of its batch; a side of 0 is the picture's own."""
    return picture_payload(needed_voice(tokens), vae, images, width, height, shape)


def picture_payload(
    voice: AudioFeatures, vae, images: Tensor | None, width: int, height: int, shape: Shape
) -> tuple[ConditioningPayload, list[str]]:
    check_vae(vae)
    picture = None if images is None else to_frames(images)[0]
    if picture is None and not (width and height):
        raise InputError(
            f"There is no picture to take the size {width}x{height} from. Give a width and a height, or a picture."
        )
    own = (0, 0) if picture is None else picture.shape[:2]
    visual, lines = fit_picture(picture, width or own[1], height or own[0], shape)
    made = f"The video is {visual.width}x{visual.height}."
    return ConditioningPayload(visual, voice, voice.timeline, vae), [
        length_line(voice.timeline),
        made,
        *lines,
    ]


def edit_payload(
    spoken: Any, vae, video, mask: Tensor | Region, hybrid: float, width: int, height: int, length: Length,
    options: EditOptions | None = None,
) -> tuple[ConditioningPayload, list[str]]:  # fmt: skip
    """The payload of an IMAGE or a VIDEO, and its mask; a side of 0 is the video's own. `spoken` are the tokens of any
    encoder, or speakers."""
    check_vae(vae)
    voice = edit_voice(spoken)
    source = footage_of(video)
    region = following(to_region(mask), source)
    check_crop(source, region)
    fps, of_rate = rate_of(source, voice.timeline.fps)
    voice = at_rate(voice, fps)
    check_edit(source, region)
    timeline, lines = fit_length(len(source), voice.timeline.frames, fps, length)
    size, snapped = fit_size(width or source.size[0], height or source.size[1])
    shown = Footing(TruncatedFrames(source, timeline.frames), region, timeline)
    visual, made, slower = generated_edit(shown, size, hybrid, hasattr(source, "fps"))
    payload = ConditioningPayload(
        visual, at_rate(voice, made.fps), made, vae, edit=options or EditOptions(spoken)
    )
    return payload, [*of_rate, *lines, *slower, *snapped]


def generated_edit(
    shown: Footing, size: tuple[int, int], hybrid: float, streams: bool
) -> tuple[VideoEdit, Timeline, list[str]]:
    """A VIDEO of a higher rate than the models make is generated at theirs, for Save Talking Video to blend; an IMAGE
    is generated frame by frame, as the nodes after it have no clock."""
    made = TRAINED_RATES.generated(shown.timeline)
    if made == shown.timeline:
        return VideoEdit(shown.source, shown.region, size, hybrid), made, []
    if not streams:
        line = (
            f"The models make up to {TRAINED_RATES.fastest:g} fps. Connect the VIDEO, and {shown.timeline.fps:g} are "
            "blended from frames that they can make."
        )
        return VideoEdit(shown.source, shown.region, size, hybrid), shown.timeline, [line]
    lines = [rate_line(shown.timeline, made, TRAINED_RATES), "Finish it with Save Talking Video."]
    return VideoEdit.at_rate(made, shown, size, hybrid), made, lines


def edit_voice(spoken: Any) -> Voice | UnreadVoice:
    """The voice as the pack's own layers read it, or for another family to read."""
    if isinstance(spoken, tuple):
        timelines = [speaker.timeline for speaker in spoken]
        seconds = max(speaker.start + speaker.timeline.seconds for speaker in spoken)
        return UnreadVoice(Timeline.from_seconds(seconds, timelines[0].fps))
    if (
        isinstance(spoken, EncodedVoice)
        and not isinstance(spoken, EncodedAudio)
        and spoken.timeline is not None
    ):
        return UnreadVoice(spoken.timeline, spoken.audio)
    return needed_voice(spoken)


def at_rate(voice: Voice | UnreadVoice, fps: float) -> Voice | UnreadVoice:
    if isinstance(voice, Voice):
        return voice.at(fps)
    return replace(voice, timeline=Timeline.from_seconds(voice.timeline.seconds, fps))


def check_crop(source: Frames, region: Region) -> None:
    """Raises InputError where one is a face crop and the other is none, or that of another shot; and where a later
    shot has no span of a voice, before anything is sampled for it."""
    crop, masked = isinstance(source, CroppedFrames), isinstance(region, CroppedRegion)
    if crop != masked or (crop and source.path is not region.path):
        given = "is one shot of a Face Crop" if crop else "comes from no Face Crop"
        raise InputError(
            f"Video and mask do not meet: the video {given}, the mask does not belong to it. Connect video and mask of "
            "the same Face Crop, or neither."
        )
    if crop and source.first > 0 and source.audio is None:
        raise InputError(
            f"This shot begins after {source.first / source.fps:.1f} s, and Face Crop has no audio. {OWN_SPAN}"
        )


def length_line(timeline: Timeline) -> str:
    made = timeline.padded_frames
    spare = f"; {made} are generated, the surplus is trimmed at the end" if made > timeline.frames else ""
    return f"{timeline.frames} frames at {timeline.fps:g} fps, {timeline.seconds:.2f} s{spare}."
