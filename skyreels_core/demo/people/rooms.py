"""Recordings as they are: rooms, noise, microphones and levels around a clean voice."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from ...timeline import SAMPLE_RATE

FLOOR = 1e-8  # mean square of silence


@dataclass(frozen=True)
class Recording:
    """Ranges that a recording is drawn from; each effect is left out in `clean` of them."""

    clean: float = 0.3
    noise: tuple[float, float] = (8.0, 40.0)  # dB of the voice over the noise
    echo: tuple[float, float] = (0.08, 0.5)  # s until an echo has lost 60 dB
    wet: float = 0.5  # most of an echo, in the direct sound's power
    tilt: float = 6.0  # dB between the lowest and the highest octave
    level: tuple[float, float] = (0.02, 0.15)  # root mean square of the voice

    def of(self, voice: Tensor, generator: torch.Generator) -> Tensor:
        """The voice [n] at 16 kHz as it was recorded, [n]."""
        if self._drawn(generator):
            voice = self._in_a_room(voice, generator)
        if self._drawn(generator):
            voice = _tilted(voice, self.tilt * (2 * _uniform(generator) - 1))
        heard = voice[voice.abs() > 0.05 * voice.abs().max()]
        power = heard.square().mean() if len(heard) else torch.tensor(FLOOR)
        voice = voice * _uniform(generator, *self.level) / power.clamp_min(FLOOR).sqrt()
        if self._drawn(generator):
            voice = voice + self._noise(voice, generator)
        return voice.clamp(-1, 1)

    def _drawn(self, generator: torch.Generator) -> bool:
        return _uniform(generator) >= self.clean

    def _in_a_room(self, voice: Tensor, generator: torch.Generator) -> Tensor:
        seconds = _uniform(generator, *self.echo)
        time = torch.arange(int(seconds * SAMPLE_RATE)) / SAMPLE_RATE
        tail = torch.randn(len(time), generator=generator) * 10 ** (-3 * time / seconds)
        response = tail * (self.wet * _uniform(generator) / tail.square().sum()).sqrt()
        response[0] = 1.0
        return _filtered(voice, response)

    def _noise(self, voice: Tensor, generator: torch.Generator) -> Tensor:
        """White to brown noise."""
        noise = torch.randn(len(voice), generator=generator)
        spectrum = torch.fft.rfft(noise)
        hertz = torch.linspace(0, SAMPLE_RATE / 2, len(spectrum)).clamp_min(60)
        noise = torch.fft.irfft(spectrum * hertz ** -_uniform(generator), len(noise))
        loud = voice[voice.abs() > 0.05 * voice.abs().max()]
        power = loud.square().mean() if len(loud) else torch.tensor(FLOOR)
        return noise * (power / noise.square().mean()).sqrt() * 10 ** (-_uniform(generator, *self.noise) / 20)


def _filtered(voice: Tensor, response: Tensor) -> Tensor:
    size = len(voice) + len(response)
    return torch.fft.irfft(torch.fft.rfft(voice, size) * torch.fft.rfft(response, size), size)[: len(voice)]


def _tilted(voice: Tensor, decibels: float) -> Tensor:
    spectrum = torch.fft.rfft(voice)
    octaves = torch.log2(torch.linspace(0, SAMPLE_RATE / 2, len(spectrum)).clamp_min(100) / 1000)
    return torch.fft.irfft(spectrum * 10 ** (decibels * octaves / math.log2(80) / 20), len(voice))


def _uniform(generator: torch.Generator, low: float = 0.0, high: float = 1.0) -> float:
    return low + (high - low) * float(torch.rand((), generator=generator))
