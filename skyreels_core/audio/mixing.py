"""Several recordings as one sound: who speaks when in a conversation."""

from __future__ import annotations

from collections.abc import Sequence

import soxr
import torch
from torch import Tensor

from ..media.channels import to_mono_or_stereo
from ..media.sound import Audio
from ..timeline import Timeline
from .reading import fill


def mix(recordings: Sequence[tuple[Audio, float]], timeline: Timeline) -> Audio:
    """Recordings, each from its second on, as one as long as the timeline: the highest of their rates, one channel or
    two. The sum is made quieter where it would clip."""
    rate = max(audio.sample_rate for audio, _ in recordings)
    length = timeline.sample_count(rate)
    sounds = [_placed(audio, round(start * rate), rate, length) for audio, start in recordings]
    channels = max(len(sound) for sound in sounds)
    mixed = torch.stack([sound.expand(channels, -1) for sound in sounds]).sum(0)
    loudest = max(1.0, *(float(sound.abs().max()) for sound in sounds))
    peak = float(mixed.abs().max())
    return Audio(mixed * (loudest / peak) if peak > loudest else mixed, rate)


def _placed(audio: Audio, start: int, rate: int, length: int) -> Tensor:
    """[1 or 2 length], after silence up to sample `start`."""
    samples = to_mono_or_stereo(audio.samples, audio.layout)
    if audio.sample_rate != rate:
        resampled = soxr.resample(samples.T.numpy(), audio.sample_rate, rate, quality="HQ")
        samples = torch.from_numpy(resampled).T
    return fill(torch.nn.functional.pad(samples, (start, 0)), length)
