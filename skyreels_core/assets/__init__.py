"""The bundled demo model, faces and voices, as paths of the installed package."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path


def _path(name: str) -> Path:
    return Path(str(files(__name__) / name))


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
    return _path("caption.txt").read_text(encoding="utf-8").strip()


def model() -> Path:
    """The folder of the demo model, for `load_bundle`."""
    return _path("model")


def reader() -> Path:
    """The network that reads the mouths and eyes of rendered people."""
    return _path("reader.safetensors")
