"""A voice as it is given to a speech encoder, and as it is laid beside a video."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path

import soundfile
import soxr
import torch
from torch import Tensor

from ..media.channels import to_mono
from ..media.sound import Audio, read_audio  # noqa: F401  read from here before 0.2
from ..timeline import SAMPLE_RATE, Timeline

log = logging.getLogger(__name__)


def mono_16k(audio: Audio) -> Tensor:
    """One channel at 16 kHz: float32 [n], n = the seconds of `audio` to the nearest sample.

    The channels are mixed by their places; where they cancel out, the loudest one is taken and the log says so.
    """
    samples, cancelled = to_mono(audio.samples, audio.layout, audio.sample_rate)
    if cancelled:
        log.warning(
            "%s: its channels cancel out for %.1f s (inverted polarity); the loudest one is used there",
            audio.name or "The voice",
            cancelled,
        )
    if audio.sample_rate == SAMPLE_RATE:
        return samples
    length = round(len(samples) * SAMPLE_RATE / audio.sample_rate)
    resampled = soxr.resample(samples.numpy(), audio.sample_rate, SAMPLE_RATE, quality="HQ")
    return torch.from_numpy(resampled[:length])


def fill(samples: Tensor, length: int) -> Tensor:
    """[... n] -> [... length]: cut, or followed by silence."""
    kept = samples[..., :length]
    return torch.nn.functional.pad(kept, (0, length - kept.shape[-1]))


def cut_voice(audio: Audio, timeline: Timeline) -> Audio:
    """The voice exactly as long as the timeline, filled with silence where it is shorter."""
    return replace(audio, samples=fill(audio.samples, timeline.sample_count(audio.sample_rate)))


def span_of(audio: Audio, first: int, timeline: Timeline) -> Audio:
    """The voice from a frame on, as long as the timeline, with silence where it has ended."""
    start = Timeline(first, timeline.fps).sample_count(audio.sample_rate) if first else 0
    length = timeline.sample_count(audio.sample_rate)
    return replace(audio, samples=fill(audio.samples[:, start:], length))


def encoder_samples(audio: Audio, timeline: Timeline) -> Tensor:
    """The voice as a speech encoder gets it, as long as the timeline: [n] at 16 kHz."""
    return fill(mono_16k(audio), timeline.sample_count(SAMPLE_RATE))


def write_wav(path: str | Path, audio: Audio) -> None:
    """A WAV file of 32-bit floats: what is read back is what was written."""
    soundfile.write(path, audio.samples.T.numpy(), audio.sample_rate, subtype="FLOAT", format="WAV")
