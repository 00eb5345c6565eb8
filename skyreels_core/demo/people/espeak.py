"""A program of its own: espeak-ng's library speaks a text into a file and prints when each sound begins.

    python espeak.py VOICE WORDS_A_MINUTE PITCH TEXT OUT.wav

The command line of espeak-ng does not tell these instants, and its library keeps its state per process.
"""

from __future__ import annotations

import ctypes
import ctypes.util
import json
import sys
import wave

RETRIEVE, PHONEME_EVENTS, IPA = 1, 1, 2
PHONEME = 7  # of espeak_EVENT_TYPE
RATE, PITCH = 1, 3  # of espeak_PARAMETER
UTF8 = 1


class _Name(ctypes.Union):
    _fields_ = (("number", ctypes.c_int), ("name", ctypes.c_char_p), ("string", ctypes.c_char * 8))


class _Event(ctypes.Structure):
    _fields_ = (
        ("type", ctypes.c_int), ("unique", ctypes.c_uint), ("text_position", ctypes.c_int), ("length", ctypes.c_int),
        ("audio_position", ctypes.c_int), ("sample", ctypes.c_int), ("user_data", ctypes.c_void_p), ("id", _Name),
    )  # fmt: skip


def main(voice: str, speed: str, pitch: str, text: str, out: str) -> None:
    library = ctypes.CDLL(ctypes.util.find_library("espeak-ng") or "libespeak-ng.so.1")
    rate = library.espeak_Initialize(RETRIEVE, 200, None, PHONEME_EVENTS | IPA)
    if rate <= 0 or library.espeak_SetVoiceByName(voice.encode()) != 0:
        sys.exit(f"there is no voice {voice}")
    library.espeak_SetParameter(RATE, int(speed), 0)
    library.espeak_SetParameter(PITCH, int(pitch), 0)
    samples, sounds = _spoken(library, text.encode())
    with wave.open(out, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(samples)
    sys.stdout.write(json.dumps(sounds))


def _spoken(library: ctypes.CDLL, text: bytes) -> tuple[bytes, list[tuple[str, float]]]:
    """Samples (16 bits), and the sounds with the second in which each begins."""
    samples, sounds = bytearray(), []

    def receive(pcm: int | None, count: int, events: ctypes.Array) -> int:
        if pcm and count:
            samples.extend(ctypes.string_at(pcm, 2 * count))
        index = 0
        while events[index].type:
            if events[index].type == PHONEME:
                name = events[index].id.string.decode("utf-8", "ignore")
                sounds.append((name, events[index].audio_position / 1000))
            index += 1
        return 0

    callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_int, ctypes.POINTER(_Event))(receive)
    library.espeak_SetSynthCallback(callback)
    library.espeak_Synth(text, len(text) + 1, 0, 0, 0, UTF8, None, None)
    library.espeak_Synchronize()
    return bytes(samples), sounds


if __name__ == "__main__":
    main(*sys.argv[1:])
