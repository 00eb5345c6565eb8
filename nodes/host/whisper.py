"""A Whisper encoder of any size as the host's AUDIO_ENCODER."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import comfy.model_management
import comfy.model_patcher
from torch import Tensor, nn

from ...skyreels_core.audio.humo import check_encoder, humo_features
from ...skyreels_core.audio.reading import mono_16k
from ...skyreels_core.audio.voice import Voice
from ...skyreels_core.media.channels import layout_of
from ...skyreels_core.media.sound import Audio
from ...skyreels_core.model.whisper import WhisperTokens
from ...skyreels_core.timeline import tokens_of
from .progress import progress

VOICE = "skyreels_voice"  # where our nodes find a `Voice` in an AUDIO_ENCODER_OUTPUT


class EncodedAudio(dict):
    """An AUDIO_ENCODER_OUTPUT. What every layer says, which some native nodes ask for and which is large, is
    worked out when it is asked for, and so is what HuMo hears of it."""

    LAYERS = "encoded_audio_all_layers"
    HUMO = "skyreels_humo"  # [f 5 d], 25 a second

    def __init__(self, encoder: WhisperAudioEncoder, samples: Tensor, tokens: Tensor) -> None:
        super().__init__(encoded_audio=tokens[None], audio_samples=len(samples))
        self.encoder, self.samples = encoder, samples

    def __missing__(self, key: str) -> tuple[Tensor, ...] | Tensor:
        if key == self.LAYERS:
            self[key] = tuple(self.encoder.managed().encode_layers(self.samples)[:, None])
        elif key == self.HUMO:
            self[key] = self._humo_features()
        else:
            raise KeyError(key)
        return self[key]

    def _humo_features(self) -> Tensor:
        config = self.encoder.whisper.encoder.config
        check_encoder(config.encoder_layers, config.d_model)
        bar = progress(tokens_of(len(self.samples)))
        return humo_features(self.encoder.managed(), self.samples, lambda done, _: bar(done - 1))


class WhisperAudioEncoder:
    """As the host's own encoders, but whole: those drop what comes after 30 s."""

    def __init__(self, whisper: WhisperTokens) -> None:
        self.whisper = whisper
        self.patcher = comfy.model_patcher.ModelPatcher(
            nn.ModuleList(
                [whisper.encoder]
            ),  # the host sets `device`, which transformers' own modules refuse
            load_device=comfy.model_management.text_encoder_device(),
            offload_device=comfy.model_management.text_encoder_offload_device(),
        )

    def managed(self) -> WhisperTokens:
        """The encoder, on the device where the host wants it."""
        comfy.model_management.load_models_gpu([self.patcher], force_full_load=True)
        return self.whisper

    def encode(self, samples: Tensor, callback: Callable[[int, int], None] | None = None) -> EncodedAudio:
        """The tokens of `samples` [n] at 16 kHz."""
        return EncodedAudio(self, samples, self.managed().encode(samples, callback))

    def encode_audio(self, waveform: Tensor, sample_rate: int) -> EncodedAudio:
        """What the host's nodes call: [b c n] -> the tokens of the first of the batch."""
        samples = waveform[0].float().cpu()
        return self.encode(mono_16k(Audio(samples, sample_rate, layout_of("", len(samples)))))


def voice_of(encoded: Any) -> Voice | None:
    return encoded.get(VOICE) if isinstance(encoded, dict) else None
