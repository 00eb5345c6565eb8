"""The bundled demo model, faces and voices, as paths of the installed package."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path


def _path(name: str) -> Path:
    return Path(str(files(__name__) / name))


def _text(name: str) -> str:
    return _path(name).read_text(encoding="utf-8").strip()


def portrait() -> Path:
    """A drawn face."""
    return _path("portrait.png")


def portrait_keypoints() -> Path:
    """The landmarks of the portrait, POSE_KEYPOINT of one frame."""
    return _path("portrait.json")


def video() -> Path:
    """Another face that speaks."""
    return _path("video.mp4")


def keypoints() -> Path:
    """The landmarks of the video, POSE_KEYPOINT of every frame."""
    return _path("video.json")


def voice(name: int | str) -> Path:
    """1, 2, or "long" for the one that needs several windows."""
    return _path(f"voice_{name}.flac")


def caption() -> str:
    """The portrait in words."""
    return _text("caption.txt")


def model() -> Path:
    """The folder of the demo model, for `load_bundle`."""
    return _path("model")


@dataclass(frozen=True)
class Person:
    """Rendered people as models of real people take them."""

    portrait: Path  # a picture, or a video whose first frame it is
    caption: str
    video: Path  # somebody who talks
    keypoints: (
        Path  # the landmarks of the video, POSE_KEYPOINT of every frame; the person on the left comes first
    )


def people_voice(name: str) -> Path:
    """ "Ruby" or "Omar"."""
    return _path(f"people/{name}.flac")


def people() -> dict[str, Person]:
    """Ruby and Omar (512x512 px) with the video of a third, and two in a call (832x480 px), by name."""
    video, pair = _path("people/video.mp4"), _path("people/pair.mp4")
    known = {
        name: Person(
            _path(f"people/{name}.png"), _text(f"people/{name}.txt"), video, video.with_suffix(".json")
        )
        for name in ("Ruby", "Omar")
    }
    return {**known, "Mei and Felix": Person(pair, _text("people/pair.txt"), pair, pair.with_suffix(".json"))}


def reader() -> Path:
    """The network that reads the mouths and eyes of rendered people."""
    return _path("reader.safetensors")
