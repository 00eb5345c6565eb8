"""Mouth shapes of speech sounds, and how they flow into each other over time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .easing import smooth_step
from .head import Head
from .person import pose


@dataclass(frozen=True)
class Phone:
    """A speech sound between two instants, in seconds. Names are flite's (US English) or IPA."""

    name: str
    start: float
    end: float


VISEMES: dict[str, dict[str, float]] = {  # the 15 of Oculus' table, for mouths of the demo's people
    "sil": {"seal": 1},
    "PP": {"seal": 1, "mouthPress": 0.3, "mouthRollLower": 0.15, "mouthRollUpper": 0.15},
    "FF": {"jawOpen": 0.04, "mouthRollLower": 0.6, "mouthUpperUp": 0.45},
    "TH": {"jawOpen": 0.19, "tongueOut": 0.65, "mouthLowerDown": 0.15, "mouthUpperUp": 0.15},
    "DD": {"jawOpen": 0.16, "mouthUpperUp": 0.15, "mouthLowerDown": 0.2},
    "kk": {"jawOpen": 0.22, "mouthUpperUp": 0.12, "mouthLowerDown": 0.12},
    "CH": {"jawOpen": 0.12, "mouthFunnel": 0.4, "mouthPucker": 0.25, "mouthUpperUp": 0.1, "mouthLowerDown": 0.25,
           "narrow": 0.4},
    "SS": {"jawOpen": 0.05, "mouthStretch": 0.25, "mouthSmile": 0.15, "mouthUpperUp": 0.3, "mouthLowerDown": 0.35},
    "nn": {"jawOpen": 0.14, "mouthUpperUp": 0.12, "mouthLowerDown": 0.15, "tongueOut": 0.1},
    "RR": {"jawOpen": 0.16, "mouthPucker": 0.35, "mouthFunnel": 0.15, "narrow": 0.4},
    "aa": {"jawOpen": 0.6, "mouthLowerDown": 0.1, "mouthUpperUp": 0.1},
    "E": {"jawOpen": 0.34, "mouthStretch": 0.2, "mouthSmile": 0.15, "mouthUpperUp": 0.15, "mouthLowerDown": 0.15},
    "I": {"jawOpen": 0.13, "mouthSmile": 0.3, "mouthStretch": 0.3, "mouthUpperUp": 0.3, "mouthLowerDown": 0.3},
    "O": {"jawOpen": 0.36, "mouthPucker": 0.2, "mouthFunnel": 0.4, "narrow": 0.6, "round": 0.8},
    "U": {"jawOpen": 0.15, "mouthPucker": 0.4, "mouthFunnel": 0.45, "narrow": 0.9, "round": 0.8},
}  # fmt: skip
GROUPS = {  # viseme -> sounds of flite, then IPA as espeak-ng writes it
    "sil": "pau", "PP": "p b m", "FF": "f v ɱ ʋ", "TH": "th dh θ ð", "DD": "t d ɾ ʈ ɖ",
    "kk": "k g ng hh h ʔ ɡ ŋ x ɣ ç ɲ c q χ ɦ ʕ ħ", "CH": "ch jh sh zh tʃ dʒ ʃ ʒ ɕ ʑ tɕ dʑ ʂ ʐ", "SS": "s z ts dz",
    "nn": "n l ɫ əl ʎ ɬ", "RR": "r er ɹ ɚ ɝ ʁ ʀ ɜ ɻ", "aa": "aa ah ax a ɑ ɐ ʌ ə ɶ", "E": "eh ae e ɛ æ œ ɘ ø",
    "I": "ih iy y i ʲ ɪ j ᵻ ɨ", "O": "ao o ɔ ɒ ɵ", "U": "uh uw w u ʍ ʊ ʉ ɯ ɥ ʏ",
}  # fmt: skip
DIPHTHONGS = {
    "ow": "O U",
    "oy": "O I",
    "ay": "aa I",
    "aw": "aa U",
    "ey": "E I",
}  # of flite; those of IPA are spelt out
MARKS = dict.fromkeys(map(ord, "ˈˌːˑ:'ʰ̩̪̃ʼ"))  # of length, stress and the like: no shape of the mouth
AMOUNT = {  # of sounds weaker than their viseme
    "ax": 0.45, "ə": 0.45, "ɐ": 0.6, "ah": 0.75, "ʌ": 0.75, "ih": 0.8, "ɪ": 0.8, "ᵻ": 0.8, "uh": 0.8, "ʊ": 0.8,
    "hh": 0.5, "h": 0.5, "ʔ": 0.5,
}  # fmt: skip
OF_PHONE = {phone: (viseme,) for viseme, phones in GROUPS.items() for phone in phones.split()}
OF_PHONE |= {phone: tuple(visemes.split()) for phone, visemes in DIPHTHONGS.items()}

RATE = 200  # Hz of the track before it is sampled at frames
LEAD = 0.03  # s: lips move before they are heard
WIDTH = 0.12  # s of the window that blends neighbours
SHORTEST = 0.05  # s that a closure is held, more than a frame at 25 fps
RAMP = 0.05, 0.3  # s before and after a closure; at most this share of the neighbouring sound


def visemes_of(phone: str) -> tuple[str, ...]:
    """The visemes of a sound, one after the other; an unknown one is half open."""
    rest, found = phone.translate(MARKS), []
    if phone in OF_PHONE or rest in OF_PHONE:
        return OF_PHONE.get(phone) or OF_PHONE[rest]
    while rest:
        known = next((rest[:n] for n in (2, 1) if rest[:n] in OF_PHONE), rest[:1])
        found += OF_PHONE.get(known, ("kk",))
        rest = rest[len(known) :]
    return tuple(found) or ("kk",)


def mouth_track(head: Head, phones: Sequence[Phone], instants: np.ndarray) -> np.ndarray:
    """Poses [f 55] of the mouth at instants [f] (seconds).

    Neighbouring sounds blend; p b m then close the lips and f v bring the lower lip to the teeth, whatever surrounds
    them, while the neighbours' rounding stays.
    """
    end = max(phone.end for phone in phones)
    time = np.arange(int(end * RATE) + 1) / RATE
    track = _blended(_steps(head, phones, time), round(WIDTH * RATE) | 1)
    for viseme, jaw in (("FF", 0.06), ("PP", 0.10)):
        track = _closed(head, track, _closure(phones, viseme, time), viseme, jaw)
    return np.stack([np.interp(instants, time, channel) for channel in track.T], axis=1).astype(np.float32)


def _steps(head: Head, phones: Sequence[Phone], time: np.ndarray) -> np.ndarray:
    """Each sound's pose at once over its whole length, [t 55]."""
    track = np.tile(pose(head, **VISEMES["sil"]), (len(time), 1))
    for phone in phones:
        visemes, amount = visemes_of(phone.name), AMOUNT.get(phone.name.translate(MARKS), 1.0)
        edges = np.linspace(phone.start, phone.end, len(visemes) + 1) - LEAD
        for viseme, start, stop in zip(visemes, edges, edges[1:], strict=False):
            track[(time >= start) & (time < stop)] = amount * pose(head, **VISEMES[viseme])
    return track


def _blended(track: np.ndarray, width: int) -> np.ndarray:
    window = np.hanning(width + 2)[1:-1]
    window /= window.sum()
    padded = np.pad(track, ((width // 2, width // 2), (0, 0)), mode="edge")
    return np.stack([np.convolve(channel, window, mode="valid") for channel in padded.T], axis=1)


def _closure(phones: Sequence[Phone], viseme: str, time: np.ndarray) -> np.ndarray:
    """How far the mouth is held in a closure, [t] in 0..1."""
    held = np.zeros(len(time))
    for i, phone in enumerate(phones):
        if visemes_of(phone.name) != (viseme,):
            continue
        before, after = (_ramp(phones, j) for j in (i - 1, i + 1))
        middle, half = (phone.start + phone.end) / 2 - LEAD, max(phone.end - phone.start, SHORTEST) / 2
        rise = (time - (middle - half)) / before + 1
        fall = ((middle + half) - time) / after + 1
        held = np.maximum(held, np.minimum(rise, fall))
    return smooth_step(0, 1, held)


def _ramp(phones: Sequence[Phone], index: int) -> float:
    """Short where the neighbour is short, or two closures would swallow the vowel between them."""
    most, share = RAMP
    if not 0 <= index < len(phones):
        return most
    return min(most, max(share * (phones[index].end - phones[index].start), 1 / RATE))


def _closed(head: Head, track: np.ndarray, held: np.ndarray, viseme: str, jaw: float) -> np.ndarray:
    goal = np.tile(pose(head, **VISEMES[viseme]), (len(track), 1))
    goal[:, -2] = 0.7 * track[:, -2]  # narrow
    pucker, opening = head.shapes["mouthPucker"], head.shapes["jawOpen"]
    goal[:, pucker] = 0.6 * track[:, pucker]
    goal[:, opening] = np.minimum(track[:, opening], jaw)
    return track + held[:, None] * (goal - track)
