"""Who speaks when and where."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ....skyreels_core.audio.mixing import mix
from ....skyreels_core.errors import InputError
from ....skyreels_core.families.multitalk.features import place, states_of_frames
from ....skyreels_core.media.reading import fit
from ....skyreels_core.media.region import check_shape
from ....skyreels_core.media.sound import Audio
from ....skyreels_core.timeline import SAMPLE_RATE, Timeline
from ...host.wav2vec import SpokenAudio

SPEAKERS = 2  # that the models were made for


@dataclass(frozen=True, eq=False)
class Speaker:
    spoken: SpokenAudio
    mask: Tensor | None  # [h w] of the picture, 1 = is the speaker's
    start: float  # seconds
    boxes: Tensor | None = None  # [f h w] of a video, or a single one, 1 = is the speaker's

    @property
    def timeline(self) -> Timeline:
        return self.spoken.timeline


def needed_spoken(tokens: Any) -> SpokenAudio:
    if not isinstance(tokens, SpokenAudio) or tokens.timeline is None:
        raise InputError(
            "These tokens are not from a wav2vec2 encoder, which the MultiTalk family needs. Give Audio To Tokens "
            "the encoder of Load Wav2Vec2 Encoder: wav2vec2-chinese-base_fp16.safetensors in models/audio_encoders."
        )
    return tokens


def conversation(speakers: Sequence[Speaker]) -> tuple[tuple[Tensor, ...], Timeline]:
    """What each is heard to say over the whole, and how long that is.

    Each voice is encoded in its place in silence, as published, so that who does not speak is heard to be silent.
    """
    rates = sorted({speaker.timeline.fps for speaker in speakers})
    if len(rates) > 1:
        raise InputError(
            f"The speakers' tokens are for {' and '.join(f'{rate:g}' for rate in rates)} fps. Make them with the same "
            "fps."
        )
    seconds = max(speaker.start + speaker.timeline.seconds for speaker in speakers)
    timeline = Timeline.from_seconds(seconds, rates[0])
    return tuple(states_over(speaker, timeline) for speaker in speakers), timeline


def recording(speakers: Sequence[Speaker], timeline: Timeline) -> Audio | None:
    """The recording of the whole video; None where a speaker's tokens carry no recording."""
    recordings = [(speaker.spoken.audio, speaker.start) for speaker in speakers]
    if any(audio is None for audio, _ in recordings):
        return None
    (first, start), *others = recordings
    return mix(recordings, timeline) if others or start > 0 else first


def states_over(speaker: Speaker, timeline: Timeline) -> Tensor:
    samples, encoder = speaker.spoken.samples, speaker.spoken.encoder
    if speaker.start == 0 and speaker.timeline == timeline:
        return states_of_frames(speaker.spoken.states, timeline)
    length = max(timeline.sample_count(SAMPLE_RATE), round(speaker.start * SAMPLE_RATE) + len(samples))
    placed = place(samples, round(speaker.start * SAMPLE_RATE), length)[: timeline.sample_count(SAMPLE_RATE)]
    return states_of_frames(encoder.encode(placed).states, timeline)


def one_of(tokens: Any, speakers: tuple[Speaker, ...] | None) -> tuple[Speaker, ...]:
    if (tokens is None) == (speakers is None):
        raise InputError(
            "MultiTalk Animation takes one voice as tokens, or several as speakers. Connect one of the two."
        )
    return speakers or (Speaker(needed_spoken(tokens), None, 0.0),)


def fitted_masks(
    speakers: tuple[Speaker, ...], picture: torch.Size, size: tuple[int, int], mode: str
) -> list[Tensor]:
    """The masks as the picture [h w] is placed in the video's size."""
    for number, speaker in enumerate(speakers, 1):
        if speaker.mask is None:
            raise InputError(
                f"Speaker {number} has no mask. With two speakers, connect a mask of each one's area in the picture."
            )
        given, needed = (tuple(shape[::-1]) for shape in (speaker.mask.shape, picture))
        remedy = "Draw it on the picture."
        check_shape(f"The mask of speaker {number} is", given, needed, remedy, "the picture")
    return [fit(speaker.mask[..., None], *size, mode)[0][..., 0] for speaker in speakers]
