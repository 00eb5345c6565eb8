"""The voice: loud enough, of one speaker, without noise or music, in the right language.

Nothing here but the language needs a network: the measures are classical ones, and estimates.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from ...audio.loudness import loudness
from ...timeline import SAMPLE_RATE
from .language import language_of
from .shot import Shot
from .stage import Rule, Ruled, Tools, Values
from .thresholds import Section

WINDOW, HOP = 512, 160  # samples at 16 kHz: 32 and 10 ms
NO_SOUND = -120.0  # LUFS
QUIET = 40.0  # dB under the loudest: a pause
PAUSES = 0.08  # share of the windows that are taken for pauses
HEARD = 35.0  # dB under the voice, from which what is in the pauses does not matter
SYLLABLES, CHANGES = (2.0, 8.0), (0.5, 20.0)  # Hz
PITCH = (70.0, 400.0)  # Hz
VOICED, ALMOST = 0.5, 0.9  # of the autocorrelation; of its largest value
LOUD, LEAST_VOICED = 0.2, 10  # of the loudest; windows of a second
VOICE_BAND, TONE_BAND = (100.0, 4000.0), (80.0, 4000.0)  # Hz
TINY = 1e-12
EVERY, AT_ONCE = slice(None), 4096  # windows


class Sound(Ruled):
    """`snr`: the voice over its pauses, in dB; `tonal`: the pauses' spectrum, None where they are inaudible;
    `syllables`: the share of the loudness' changes between 2 and 8 Hz; `voices`: semitones between the medians of the
    pitch in the highest and the lowest second."""

    name: ClassVar = "sound"
    version: ClassVar = 1
    columns: ClassVar[Mapping[str, type]] = {
        "loudness": float, "silence": float, "clipped": float, "snr": float, "tonal": float, "syllables": float,
        "voices": float, "language": str,
    }  # fmt: skip
    rules: ClassVar[Sequence[Rule]] = (
        Rule("loudness", "least_loudness", "silent"),
        Rule("silence", "most_silence", "hardly any voice"),
        Rule("clipped", "most_clipped", "overdriven"),
        Rule("snr", "least_snr", "noise"),
        Rule("tonal", "most_tonal", "music, or another tone, in the pauses"),
        Rule("syllables", "least_syllables", "no speech"),
        Rule("voices", "most_voices", "more than one speaker"),
    )

    def uses(self, tools: Tools) -> Sequence[Path | str | None]:
        return [tools.whisper if tools.sections[self.name]["languages"] else None]

    def measure(self, shot: Shot, tools: Tools) -> Values:
        samples = shot.samples
        if samples is None or len(samples) < SAMPLE_RATE // 2 or not samples.abs().max():
            return {"loudness": NO_SOUND}
        level = loudness(samples, SAMPLE_RATE)
        sound = samples.double().numpy()
        power = voice_power(sound)
        asked = tools.whisper if tools.sections[self.name]["languages"] else None
        return {
            "loudness": level if math.isfinite(level) else NO_SOUND,
            "clipped": float((np.abs(sound) >= 0.999).mean()),
            "voices": voices(sound),
            "language": None if asked is None else language_of(samples, asked),
            **of_pauses(sound, power),
            "syllables": syllables(power),
        }

    def refuse(self, values: Values, section: Section) -> Sequence[str]:
        language, wanted = values.get("language"), section["languages"]
        other = [f"another language: {language}, not {' or '.join(wanted)}"]
        return [
            *super().refuse(values, section),
            *(other if wanted and language and language not in wanted else []),
        ]


def blocks(
    sound: NDArray, size: int, hop: int, chosen: NDArray | slice = EVERY
) -> Iterator[NDArray[np.float64]]:
    """Tapered windows, [some of them, size]: all of an hour at once would take gigabytes."""
    windows = np.lib.stride_tricks.sliding_window_view(sound, size)[::hop]
    which = np.arange(len(windows))[chosen]
    for first in range(0, len(which), AT_ONCE):
        yield windows[which[first : first + AT_ONCE]] * np.hanning(size)


def powers(windows: NDArray, limits: tuple[float, float]) -> NDArray[np.float64]:
    """[windows, frequencies between the limits]"""
    first, last = (round(limit * WINDOW / SAMPLE_RATE) for limit in limits)
    return np.abs(np.fft.rfft(windows)[:, first : last + 1]) ** 2


def voice_power(sound: NDArray) -> NDArray[np.float64]:
    """Of each window."""
    return np.concatenate([powers(block, VOICE_BAND).sum(1) for block in blocks(sound, WINDOW, HOP)])


def of_pauses(sound: NDArray, power: NDArray) -> dict[str, float | None]:
    level = 10 * np.log10(power + TINY)
    pauses = np.argsort(level)[: max(1, round(PAUSES * len(level)))]
    snr = float(np.percentile(level, 90) - level[pauses].mean())
    tonal = None
    if snr < HEARD:
        total = sum(powers(block, TONE_BAND).sum(0) for block in blocks(sound, WINDOW, HOP, pauses))
        tonal = tonality(np.asarray(total) / len(pauses))
    return {"silence": float((level < level.max() - QUIET).mean()), "snr": snr, "tonal": tonal}


def tonality(spectrum: NDArray) -> float:
    """1 minus the flatness of a power spectrum, in a logarithmic measure: 0 for white noise, 1 where it is 60
    dB from flat (Johnston 1988)."""
    power = spectrum + TINY
    flatness = 10 * np.log10(np.exp(np.log(power).mean()) / power.mean())
    return float(min(1.0, -flatness / 60))


def syllables(power: NDArray) -> float:
    """Of the changes of the loudness between 0.5 and 20 Hz (after Scheirer and Slaney 1997)."""
    level = np.sqrt(power)
    changes = np.abs(np.fft.rfft((level - level.mean()) * np.hanning(len(level)))) ** 2
    rates = np.fft.rfftfreq(len(level), HOP / SAMPLE_RATE)
    inside = [changes[(rates >= low) & (rates <= high)].sum() for low, high in (SYLLABLES, CHANGES)]
    return float(inside[0] / (inside[1] + TINY))


def voices(sound: NDArray) -> float | None:
    """An estimate: one speaker's second differs from another by some semitones, a man from a woman by about twelve."""
    found = pitches(sound)
    reach = SAMPLE_RATE // (2 * HOP)  # windows in a second
    seconds = (found[first : first + reach] for first in range(0, len(found), reach))
    medians = [float(np.nanmedian(second)) for second in seconds if np.isfinite(second).sum() >= LEAST_VOICED]
    return 12 * math.log2(max(medians) / min(medians)) if len(medians) > 1 else None


def pitches(sound: NDArray) -> NDArray[np.float64]:
    """Hz of each window by autocorrelation, NaN where it is not voiced."""
    found, levels = zip(*(_pitches(block) for block in blocks(sound, 2 * WINDOW, 2 * HOP)), strict=True)
    level = np.concatenate(levels)
    return np.where(level > LOUD * np.percentile(level, 95), np.concatenate(found), np.nan)


def _pitches(windows: NDArray) -> tuple[NDArray, NDArray]:
    """Hz, NaN where nothing repeats, and the level of each window."""
    agreed = autocorrelation(windows) / autocorrelation(np.hanning(windows.shape[1]))
    agreed /= np.maximum(agreed[:, :1], TINY)
    first, last = (round(SAMPLE_RATE / limit) for limit in reversed(PITCH))
    near, here = agreed[:, first - 1 : last + 2], agreed[:, first : last + 1]
    peaks = np.where((here >= near[:, :-2]) & (here >= near[:, 2:]), here, 0.0)
    best = peaks.max(1, keepdims=True)
    # the shortest period that agrees about as well as the best: twice a period agrees, too
    found = SAMPLE_RATE / (first + (peaks >= ALMOST * best).argmax(1))
    return np.where(best[:, 0] > VOICED, found, np.nan), windows.std(1)


def autocorrelation(windows: NDArray) -> NDArray[np.float64]:
    """[... n] -> [... n], by lag."""
    size = windows.shape[-1]
    return np.fft.irfft(np.abs(np.fft.rfft(windows, 2 * size)) ** 2)[..., :size]
