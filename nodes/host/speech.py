"""What the pack's speech encoders have in common: voices of any length for our nodes and for native ones."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from weakref import WeakValueDictionary

import comfy.model_management
import comfy.model_patcher
from torch import Tensor, nn

from ...skyreels_core.audio.reading import mono_16k
from ...skyreels_core.media.channels import layout_of
from ...skyreels_core.media.sound import Audio
from ...skyreels_core.run.resume import digest
from ...skyreels_core.timeline import Timeline


class EncodedVoice(dict):
    """An AUDIO_ENCODER_OUTPUT. What every layer says, which some native nodes ask for and which is large, is
    computed when it is asked for."""

    LAYERS = "encoded_audio_all_layers"
    # Whose tokens these are, and for which nodes, for a sentence
    origin = "a Whisper encoder"
    # Of the video that it is for; Audio To Tokens says so, native nodes do not
    timeline: Timeline | None = None
    # The recording, as long as the timeline
    audio: Audio | None = None

    def __init__(self, encoder: SpeechEncoder, samples: Tensor, **entries: Tensor) -> None:
        super().__init__(audio_samples=len(samples), **entries)
        self.encoder, self.samples = encoder, samples

    def __missing__(self, key: str) -> tuple[Tensor, ...] | Tensor:
        if key != self.LAYERS:
            raise KeyError(key)
        self[key] = tuple(self.encoder.managed().encode_layers(self.samples)[:, None])
        return self[key]

    def once(self, kind: str, encode: Callable[[Any, Tensor], Tensor]) -> Tensor:
        """Other features of the same voice, by `encode(network, samples)`."""
        return self.encoder.once(kind, self.samples, encode)


class SpeechEncoder:
    """An AUDIO_ENCODER: as the host's own encoders, but whole, where those drop what comes after 30 s."""

    encoded: type[EncodedVoice]

    def __init__(self, speech: Any, network: nn.Module) -> None:
        self.speech = speech
        # The host sets `device`, which transformers' own modules refuse
        wrapped = nn.ModuleList([network])
        self.patcher = comfy.model_patcher.ModelPatcher(
            wrapped,
            load_device=comfy.model_management.text_encoder_device(),
            offload_device=comfy.model_management.text_encoder_offload_device(),
        )
        self.known: WeakValueDictionary[str, Tensor] = WeakValueDictionary()

    def managed(self) -> Any:
        """The encoder, on the device where the host wants it."""
        comfy.model_management.load_models_gpu([self.patcher], force_full_load=True)
        return self.speech

    def once(self, kind: str, samples: Tensor, encode: Callable[[Any, Tensor], Tensor]) -> Tensor:
        """The features of a voice, which are not computed again as long as somebody holds them: several nodes and
        speakers may be given the same one."""
        name = digest(kind, samples)
        if (features := self.known.get(name)) is None:
            self.known[name] = features = encode(self.managed(), samples)
        return features

    def encode(self, samples: Tensor, callback: Callable[[int, int], None] | None = None) -> EncodedVoice:
        """`samples` [n] at 16 kHz."""
        features = self.once("encoded", samples, lambda speech, voice: speech.encode(voice, callback))
        return self.encoded(self, samples, features)

    def encode_audio(self, waveform: Tensor, sample_rate: int) -> EncodedVoice:
        """What the host's nodes call: [b c n] -> the first of the batch."""
        samples = waveform[0].float().cpu()
        return self.encode(mono_16k(Audio(samples, sample_rate, layout_of("", len(samples)))))
