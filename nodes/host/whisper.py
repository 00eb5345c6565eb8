"""A Whisper encoder of any size as the host's AUDIO_ENCODER."""

from __future__ import annotations

from torch import Tensor

from ...skyreels_core.audio.voice import Voice
from ...skyreels_core.errors import InputError
from ...skyreels_core.model.whisper import WhisperTokens
from .speech import EncodedVoice, SpeechEncoder


class EncodedAudio(EncodedVoice):
    def __init__(self, encoder: WhisperAudioEncoder, samples: Tensor, tokens: Tensor) -> None:
        super().__init__(encoder, samples, encoded_audio=tokens[None])
        self.tokens = tokens


class WhisperAudioEncoder(SpeechEncoder):
    encoded = EncodedAudio

    def __init__(self, whisper: WhisperTokens) -> None:
        super().__init__(whisper, whisper.encoder)


def needed_voice(tokens: object) -> Voice:
    if isinstance(tokens, EncodedVoice) and not isinstance(tokens, EncodedAudio):
        raise InputError(
            f"These tokens are from {tokens.origin}. Give Audio To Tokens the encoder of Load Whisper Encoder."
        )
    if not isinstance(tokens, EncodedAudio) or tokens.timeline is None:
        raise InputError(
            "These tokens carry no timing information. Use Audio To Tokens instead of Audio Encoder Encode."
        )
    return Voice(tokens.tokens, tokens.timeline, tokens.audio)
