"""What a speech encoder is given of a voice. The sound of the video is not touched by it."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from ..media.sound import Audio
from ..timeline import SAMPLE_RATE, Timeline
from .gate import check_threshold, gate
from .loudness import check_loudness, level_voice
from .reading import encoder_samples

SILENT = 1e-3  # of full scale, -60 dB


@dataclass(frozen=True)
class AudioPreprocessing:
    """How a voice is preprocessed for the model; raises InputError for values that make no sense."""

    gate: float | None = None  # dB against loud speech under which it is a pause; None: no gate
    loudness: float | None = None  # LUFS; None: the level stays

    def __post_init__(self) -> None:
        if self.gate is not None:
            check_threshold(self.gate)
        if self.loudness is not None:
            check_loudness(self.loudness)

    def of(self, audio: Audio, timeline: Timeline) -> tuple[Tensor, list[str]]:
        """The voice [n] at 16 kHz, as long as the timeline, and what was done to it in sentences."""
        samples, lines = encoder_samples(audio, timeline), []
        if self.gate is not None:
            samples, silenced = gate(samples, SAMPLE_RATE, self.gate)
            lines.append(f"{silenced:.1f} s of pauses were muted for the model.")
        if self.loudness is not None:
            samples, line = level_voice(samples, self.loudness)
            lines.append(line)
        if lines:
            lines.append("The sound of the video is unchanged.")
        if self.loudness is None and not (samples.abs() > SILENT).any():
            lines.append("The voice is silent. The mouth should stay closed; give a voice if it is to speak.")
        return samples, lines


NO_PREPROCESSING = AudioPreprocessing()
