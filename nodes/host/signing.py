"""Content Credentials that the server signs: no graph names a certificate or a key."""

from __future__ import annotations

import os
from pathlib import Path

from torch import Tensor

from ...skyreels_core.errors import InputError
from ...skyreels_core.media.footage import Frames
from ...skyreels_core.media.origin import Origin, Signer, pixel_hash, voice_hash
from ...skyreels_core.media.sound import Audio
from .made import Made

CERTIFICATE, KEY, TIMESTAMP = (
    "SKYREELS_C2PA_CERTIFICATE",
    "SKYREELS_C2PA_KEY",
    "SKYREELS_C2PA_TIMESTAMP",
)


def server_signer(suffix: str) -> Signer:
    """Of the files that the server's environment names. Raises InputError where it names none, and for a video whose
    file cannot be signed."""
    named = [os.environ.get(name, "") for name in (CERTIFICATE, KEY)]
    if not all(named):
        raise InputError(
            f"The server has no certificate to sign with. Start ComfyUI with {CERTIFICATE} and {KEY} naming your PEM "
            "files, or switch sign off."
        )
    signer = Signer(Path(named[0]), Path(named[1]), os.environ.get(TIMESTAMP, ""))
    signer.check(Path(f"video{suffix}"))
    return signer


def origin_of(made: Made | None, voice: Audio, shown: Frames | Tensor | None) -> Origin:
    """What a video was made of: its voice, and the pictures or the video that the model was shown."""
    model = "unknown" if made is None or not made.model else made.model
    inputs = {"voice": voice_hash(voice)}
    if isinstance(shown, Frames):
        return Origin("edit", model, inputs | {"video": pixel_hash(shown.stream())})
    pictures = {} if shown is None else {"picture": pixel_hash(shown)}
    return Origin("animation", model, inputs | pictures)
