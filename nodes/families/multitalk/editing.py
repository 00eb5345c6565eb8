"""What a video that is edited, and the voices of one or two speakers in it, become for the MultiTalk family."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from torch import Tensor

from ....skyreels_core.conditioning.visual import Footing, VideoEdit
from ....skyreels_core.errors import InputError
from ....skyreels_core.families.multitalk.features import MultiTalkVoice, speaker_masks
from ....skyreels_core.families.multitalk.turns import SpokenRegion, frames_spoken
from ....skyreels_core.media.footage import InMemoryFrames
from ....skyreels_core.media.reading import Fit
from ....skyreels_core.media.region import check_edit, check_region
from ....skyreels_core.timeline import Timeline
from ...host import payload as payloads
from ...host.payload import ConditioningPayload
from .speakers import Speaker, needed_spoken, recording, states_over


def edit_of(positive: list) -> ConditioningPayload | None:
    """Of Video Edit Lip-Sync; None where another node made the conditioning."""
    payload = payloads.payload_of(positive)
    if payload is None or payload.edit is None:
        return None
    speakers = speakers_of(payload.edit.spoken)
    timeline = payload.timeline
    voice = MultiTalkVoice(
        tuple(states_over(speaker, timeline) for speaker in speakers),
        timeline,
        audio=recording(speakers, timeline),
    )
    if len(speakers) > 1:
        boxes = [needed_boxes(speaker, number) for number, speaker in enumerate(speakers, 1)]
        voice = replace(
            voice,
            masks=speaker_masks([area_of(box, payload.visual.size) for box in boxes]),
        )
        payload = replace(payload, visual=in_turn(payload.visual, speakers, boxes, timeline))
    return replace(payload, voice=voice)


def speakers_of(spoken: Any) -> tuple[Speaker, ...]:
    return spoken if isinstance(spoken, tuple) else (Speaker(needed_spoken(spoken), None, 0.0),)


def needed_boxes(speaker: Speaker, number: int) -> Tensor:
    """[f h w], or a single one for all frames."""
    if speaker.boxes is None:
        raise InputError(
            f"Speaker {number} has no mask. With two speakers, connect a mask of each one's face in the video."
        )
    return speaker.boxes


def area_of(boxes: Tensor, size: tuple[int, int]) -> Tensor:
    """[f h w] of a video -> where the speaker is in any frame, [h w], as the video is stretched to the model's size."""
    height, width = boxes.shape[1:]
    return Fit((width, height), size, size).apply(boxes.amax(0)[..., None])[..., 0]


def in_turn(
    visual: VideoEdit, speakers: tuple[Speaker, ...], boxes: list[Tensor], timeline: Timeline
) -> VideoEdit:
    """Of two people, the one who is silent stays as in the video."""
    footing = visual.footing or Footing(visual.source, visual.region, timeline)
    regions = tuple(InMemoryFrames(box) for box in boxes)
    for number, region in enumerate(regions, 1):
        check_region(region, footing.source, f"video, for speaker {number},")
    speaks = tuple(
        frames_spoken(speaker.spoken.samples, speaker.start, footing.timeline) for speaker in speakers
    )
    region = SpokenRegion(footing.region, regions, speaks)
    check_edit(footing.source, region)
    if visual.footing is None:
        return replace(visual, region=region)
    return VideoEdit.at_rate(timeline, replace(footing, region=region), visual.size, visual.hybrid)
