"""Voices that cannot be used."""

from __future__ import annotations

import math
import os

import numpy as np
import pytest
import soundfile
from bad_input import Case, CommandLine, cases, sound
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from skyreels_core.errors import InputError
from skyreels_core.media.sound import read_audio


def recorded(desk: CommandLine, samples: np.ndarray, rate: int = 16000, name: str = "voice.wav", **form: str):
    path = desk.folder / name
    soundfile.write(path, samples, rate, **form)
    return path


def changed(desk: CommandLine, place: slice, value: bytes):
    header = bytearray(recorded(desk, np.zeros(800)).read_bytes())
    header[place] = value
    return desk.file("voice.wav", bytes(header))


def hours(desk: CommandLine, count: int):
    """Of 4000 samples a second, which the system need not store."""
    path, size = recorded(desk, np.zeros(1), 4000, subtype="PCM_U8"), count * 3600 * 4000
    with path.open("r+b") as file:
        for place, value in ((4, 36 + size), (40, size)):
            file.seek(place)
            file.write(value.to_bytes(4, "little"))
        file.truncate(44 + size)
    return path


def cut(name: str, codec: str, share: float) -> Case:
    """As much of a whole file."""
    return lambda desk: (
        "--audio",
        desk.part_of(sound(desk.folder / name, codec), share),
    ), f"cut.{name.split('.')[1]}"


VOICES: dict[str, Case] = {
    "missing": (lambda desk: ("--audio", desk.folder / "none.wav"), "none.wav"),
    "a folder": (lambda desk: ("--audio", desk.folder), "is a folder"),
    "an empty file": (lambda desk: ("--audio", desk.file("a.wav", b"")), "it is empty"),
    "a web page": (lambda desk: ("--audio", desk.file("a.mp3", "<!DOCTYPE html><html>")), "it is a web page"),
    "no samples": (lambda desk: ("--audio", recorded(desk, np.zeros(0))), "holds no samples"),
    "NaN": (lambda desk: ("--audio", recorded(desk, np.full(99, math.nan), subtype="FLOAT")), "not numbers"),
    "infinite": (lambda desk: ("--audio", recorded(desk, np.full(99, math.inf), subtype="FLOAT")), "not numbers"),
    "far beyond full scale": (
        lambda desk: ("--audio", recorded(desk, np.full(99, 3e4), subtype="FLOAT")),
        "3e+04 times full scale",
    ),
    "a text named .wav": (lambda desk: ("--audio", desk.file("a.wav", "hello\n" * 99)), "cannot be read as sound"),
    "noise named .mp3": (
        lambda desk: ("--audio", desk.file("a.mp3", np.random.default_rng(0).bytes(4096))),
        "cannot be read as sound",
    ),
    "a picture": (lambda desk: ("--audio", desk.whole.portrait), "no sound track"),
    "a silent video": (lambda desk: ("--audio", desk.whole.video), "no sound track"),
    "a device": (lambda desk: ("--audio", "/dev/null"), "/dev/null"),
    "a name that no system takes": (lambda desk: ("--audio", "a" * 300 + ".wav"), "shorter name"),
    "an absurd sample rate": (lambda desk: ("--audio", recorded(desk, np.zeros(8), 2_000_000_000)), "2000000000 Hz"),
    "a sample rate of 0": (lambda desk: ("--audio", changed(desk, slice(24, 28), bytes(4))), "voice.wav"),
    "255 channels": (lambda desk: ("--audio", recorded(desk, np.full((99, 255), 0.1))), "255 channels"),
    "no channels": (lambda desk: ("--audio", changed(desk, slice(22, 24), bytes(2))), "voice.wav"),
    "two hours": (lambda desk: ("--audio", hours(desk, 2)), "120 minutes"),
    "half a WAV": cut("a.wav", "pcm_s16le", 0.5),
    "the start of a WAV": cut("a.wav", "pcm_s16le", 0.002),
    "half a FLAC": cut("a.flac", "flac", 0.5),
    "most of a FLAC": cut("a.flac", "flac", 0.97),
    "half an MP3": cut("a.mp3", "mp3", 0.5),
    "half an M4A": cut("a.m4a", "aac", 0.5),
    "most of an M4A": cut("a.m4a", "aac", 0.9),
    "half an MKA": cut("a.mka", "flac", 0.5),
    "a playlist of another file": (
        lambda desk: ("--audio", desk.file("a.wav", "ffconcat version 1.0\nfile mine.txt\n")),
        "a.wav",
    ),
}  # fmt: skip

if not os.path.exists("/dev/zero"):  # on Windows
    VOICES.pop("a device")


@cases(VOICES)
def test_a_bad_voice_is_one_sentence(desk, case):
    options, needle = case
    desk.refuses(desk.animation(*options(desk)), needle)


@pytest.fixture(scope="module")
def voices(tmp_path_factory):
    folder = tmp_path_factory.mktemp("voices")
    codecs = {"wav": "pcm_s16le", "flac": "flac", "mp3": "mp3", "m4a": "aac", "mka": "flac"}
    return [sound(folder / f"whole.{suffix}", codec, 0.3) for suffix, codec in codecs.items()]


damage = st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), max_size=8)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, 4), st.floats(0, 1), damage)
def test_any_damage_gives_a_voice_of_finite_numbers_or_a_sentence(voices, tmp_path, which, share, places):
    content = bytearray(voices[which].read_bytes())
    for place, value in places:
        content[int(place**3 * len(content))] = value  # more often near the start
    path = tmp_path / f"damaged{voices[which].suffix}"
    path.write_bytes(content[: int(len(content) * max(share, 0.2))])
    try:
        audio = read_audio(path)
    except InputError as error:
        assert path.name in str(error)
    else:
        assert audio.samples.isfinite().all() and audio.seconds > 0


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.binary(max_size=200),
    st.sampled_from([b"", b"RIFF", b"ID3", b"\xff\xfb", b"fLaC", b"OggS", b"\x1a\x45\xdf\xa3"]),
)
def test_any_bytes_are_a_voice_or_a_sentence(tmp_path, content, start):
    path = tmp_path / "voice.wav"
    path.write_bytes(start + content)
    try:
        assert read_audio(path).samples.isfinite().all()
    except InputError as error:
        assert path.name in str(error)
