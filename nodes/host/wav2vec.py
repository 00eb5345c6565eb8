"""A wav2vec2 encoder as the host's AUDIO_ENCODER, and who speaks when and where."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import comfy.model_management
import comfy.model_patcher
from torch import Tensor, nn

from ...skyreels_core.audio.multitalk import MultiTalkVoice, place, states_of_frames
from ...skyreels_core.audio.reading import mono_16k
from ...skyreels_core.errors import InputError
from ...skyreels_core.media.channels import layout_of
from ...skyreels_core.media.sound import Audio
from ...skyreels_core.model.wav2vec import Wav2VecStates
from ...skyreels_core.timeline import SAMPLE_RATE, Timeline

SPOKEN = "skyreels_spoken"  # where our nodes find a `MultiTalkVoice` in an AUDIO_ENCODER_OUTPUT
SPEAKERS = 2  # that the models were made for


class SpokenAudio(dict):
    """An AUDIO_ENCODER_OUTPUT. What native nodes ask for, at another rate, is worked out when it is asked for."""

    LAST, LAYERS = "encoded_audio", "encoded_audio_all_layers"

    def __init__(self, encoder: Wav2VecAudioEncoder, samples: Tensor, states: Tensor) -> None:
        super().__init__(audio_samples=len(samples))
        self.encoder, self.samples, self.states = encoder, samples, states

    def __missing__(self, key: str) -> tuple[Tensor, ...] | Tensor:
        if key == self.LAYERS:
            self[key] = tuple(self.encoder.managed().encode_layers(self.samples)[:, None])
        elif key == self.LAST:
            self[key] = self[self.LAYERS][-1]
        else:
            raise KeyError(key)
        return self[key]

    def spread_over(self, timeline: Timeline, audio: Audio | None = None) -> None:
        """Say how many frames it speaks over; `audio` is the recording."""
        self[SPOKEN] = MultiTalkVoice((states_of_frames(self.states, timeline),), timeline, audio=audio)


class Wav2VecAudioEncoder:
    def __init__(self, wav2vec: Wav2VecStates) -> None:
        self.wav2vec = wav2vec
        self.patcher = comfy.model_patcher.ModelPatcher(
            nn.ModuleList([wav2vec.model]),  # the host sets `device`, which transformers' own modules refuse
            load_device=comfy.model_management.text_encoder_device(),
            offload_device=comfy.model_management.text_encoder_offload_device(),
        )

    def managed(self) -> Wav2VecStates:
        """The encoder, on the device where the host wants it."""
        comfy.model_management.load_models_gpu([self.patcher], force_full_load=True)
        return self.wav2vec

    def encode(self, samples: Tensor, callback: Callable[[int, int], None] | None = None) -> SpokenAudio:
        """What is said in `samples` [n] at 16 kHz."""
        return SpokenAudio(self, samples, self.managed().encode(samples, callback))

    def encode_audio(self, waveform: Tensor, sample_rate: int) -> SpokenAudio:
        """What the host's nodes call: [b c n] -> the first of the batch."""
        samples = waveform[0].float().cpu()
        return self.encode(mono_16k(Audio(samples, sample_rate, layout_of("", len(samples)))))


@dataclass(frozen=True, eq=False)
class Speaker:
    spoken: SpokenAudio
    mask: Tensor | None  # [h w] of the picture, 1 = is the speaker's
    start: float  # seconds

    @property
    def timeline(self) -> Timeline:
        return self.spoken[SPOKEN].timeline


def needed_spoken(tokens: Any) -> SpokenAudio:
    if not (isinstance(tokens, SpokenAudio) and SPOKEN in tokens):
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
    """Of one speaker who fills the whole; several recordings are not mixed here."""
    (first, *others) = speakers
    whole = not others and first.start == 0 and first.timeline == timeline
    return first.spoken[SPOKEN].audio if whole else None


def states_over(speaker: Speaker, timeline: Timeline) -> Tensor:
    if speaker.start == 0 and speaker.timeline == timeline:
        return speaker.spoken[SPOKEN].states[0]
    samples = speaker.spoken.samples
    length = max(timeline.sample_count(SAMPLE_RATE), round(speaker.start * SAMPLE_RATE) + len(samples))
    placed = place(samples, round(speaker.start * SAMPLE_RATE), length)[: timeline.sample_count(SAMPLE_RATE)]
    return states_of_frames(speaker.spoken.encoder.managed().encode(placed), timeline)
