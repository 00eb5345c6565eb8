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
    """Who is shown, in a picture and in a video."""

    portrait: Path  # a picture, or a video whose first frame it is
    caption: str
    video: Path  # somebody who talks
    keypoints: Path  # of the video, POSE_KEYPOINT of every frame; the person on the left comes first
    portrait_keypoints: Path  # of the portrait, in the first frame


def people_voice(name: str) -> Path:
    """Of a person who has one: Ruby or Omar."""
    return _path(f"people/{name}.flac")


def people() -> dict[str, Person]:
    """Ruby and Omar (512x512 px) with the video of a third, and two in a call (832x480 px), by name."""
    video, pair = _path("people/video.mp4"), _path("people/pair.mp4")
    known = {name: _person(name, video) for name in ("Ruby", "Omar")}
    landmarks = pair.with_suffix(".json")
    return {**known, "Mei and Felix": Person(pair, _text("people/pair.txt"), pair, landmarks, landmarks)}


def _person(name: str, video: Path) -> Person:
    picture = _path(f"people/{name}.png")
    caption = _text(f"people/{name}.txt")
    return Person(picture, caption, video, video.with_suffix(".json"), picture.with_suffix(".json"))


def drawn_face() -> Person:
    """The face that the demo model knows, 96x96 px."""
    return Person(portrait(), caption(), video(), keypoints(), portrait_keypoints())


def reader() -> Path:
    """The network that reads the mouths and eyes of rendered people."""
    return _path("reader.safetensors")
