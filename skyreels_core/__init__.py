"""SkyReels-Audio (arXiv 2506.00830): make a portrait talk, or re-dub a video. Lip-synced, at any length.

    import skyreels_core as sky

    model = sky.load()                                # the bundled demo; or a folder, or files, device=, dtype=
    video = model.animate("me.png", "hello.wav", prompt="a person talks", seed=7, steps=10)
    video.save("hello.mp4", crf=18)                   # streams; progress= takes a callable
    dub = model.edit("talk.mp4", "other.wav", mask=sky.face_mask(keypoints="talk.json"))
    for frame in dub: ...                             # [h w 3] in 0..1
    print(dub.report)

What cannot be used raises `InputError`, whose sentence says how to fix it. Importing this costs nothing: what a name
needs is imported when the name is first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from .errors import Cancelled, InputError
from .moved import keep_old_paths
from .version import VERSION

if TYPE_CHECKING:  # what `__getattr__` imports, for editors
    from .api.inputs import FaceMask, face_mask
    from .api.model import Model, load
    from .api.video import Video
    from .media.sound import Audio, read_audio

__version__ = VERSION
__all__ = [
    "Audio",
    "Cancelled",
    "FaceMask",
    "InputError",
    "Model",
    "Video",
    "face_mask",
    "load",
    "read_audio",
]

_HOMES = {
    "load": "api.model",
    "Model": "api.model",
    "Video": "api.video",
    "FaceMask": "api.inputs",
    "face_mask": "api.inputs",
    "Audio": "media.sound",
    "read_audio": "media.sound",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{_HOMES[name]}", __name__), name)


def __dir__() -> list[str]:
    return sorted({*__all__, "__version__", "__doc__", "__name__", "__path__", "__file__"})


keep_old_paths(__name__)
