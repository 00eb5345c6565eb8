"""A wav2vec2 encoder as the host's AUDIO_ENCODER."""

from __future__ import annotations

from torch import Tensor

from ...skyreels_core.model.wav2vec import Wav2VecStates
from .speech import EncodedVoice, SpeechEncoder


class SpokenAudio(EncodedVoice):
    """What native nodes ask for, at another rate, is computed when it is asked for."""

    LAST = "encoded_audio"
    origin = "a wav2vec2 encoder, for MultiTalk Animation"

    def __init__(self, encoder: Wav2VecAudioEncoder, samples: Tensor, states: Tensor) -> None:
        super().__init__(encoder, samples)
        self.states = states

    def __missing__(self, key: str) -> tuple[Tensor, ...] | Tensor:
        if key != self.LAST:
            return super().__missing__(key)
        self[key] = self[self.LAYERS][-1]
        return self[key]


class Wav2VecAudioEncoder(SpeechEncoder):
    encoded = SpokenAudio

    def __init__(self, wav2vec: Wav2VecStates) -> None:
        super().__init__(wav2vec, wav2vec.model)
