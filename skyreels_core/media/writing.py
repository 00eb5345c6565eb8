"""Frames and voice into files: exact frame count and rate, whole or not at all."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from fractions import Fraction
from itertools import chain
from pathlib import Path

import av
from av.container import OutputContainer
from PIL import Image
from torch import Tensor

from ..errors import InputError
from ..files import atomic
from .encoding import AS_USUAL, VIDEO_SUFFIXES, Encoding
from .muxing import PictureTrack, VoiceTrack, to_uint8
from .sound import Audio


def frame_rate(fps: float) -> Fraction:
    """The exact rate behind a float: 29.97002997 -> 30000/1001, 12.5 -> 25/2."""
    if not (math.isfinite(fps) and fps > 0):
        raise InputError(f"{fps} frames a second were given; a positive number is needed.")
    return Fraction(fps).limit_denominator(1001 * 1000)


def check_output(path: str | Path, suffixes: Sequence[str] = VIDEO_SUFFIXES) -> Path:
    """The path, if a file of that kind can be made there; InputError otherwise. Call it before the work."""
    path = Path(path)
    if path.is_dir():
        raise InputError(f"{path} is a folder. Give a file name that ends in {' or '.join(suffixes)}.")
    if path.suffix.lower() not in suffixes:
        raise InputError(f"{path} cannot be written: a name that ends in {' or '.join(suffixes)} is needed.")
    if not path.parent.is_dir():
        raise InputError(
            f"{path} cannot be written: {path.parent} is not a folder. Create it or choose another."
        )
    try:
        tempfile.TemporaryFile(dir=path.parent).close()
    except OSError as error:
        raise InputError(
            f"{path} cannot be written: no file can be created in {path.parent} ({error.strerror}). Choose "
            "another folder."
        ) from error
    return path


def write_picture(path: str | Path, frame: Tensor) -> None:
    """[h w 3] in 0..1 -> PNG."""
    with atomic(check_output(path, (".png",))) as part:
        Image.fromarray(to_uint8(frame).numpy()).save(part)


def write_pictures(folder: str | Path, frames: Iterable[Tensor]) -> int:
    """Frames [h w 3] in 0..1 -> 00000.png, 00001.png ... in an existing folder. Returns how many."""
    count = 0
    for count, frame in enumerate(frames, start=1):
        write_picture(Path(folder) / f"{count - 1:05d}.png", frame)
    return count


def check_video(path: str | Path, encoding: Encoding = AS_USUAL) -> Path:
    """`check_output` of a video, which the file, the codec and this machine can make as it is asked for."""
    path = check_output(path)
    encoding.encoder(path)
    return path


def write_video(
    path: str | Path,
    frames: Iterable[Tensor],
    fps: float,
    audio: Audio | None = None,
    encoding: Encoding = AS_USUAL,
    part: Path | None = None,
    metadata: Mapping[str, str] | None = None,
    sign: Callable[[Path], None] | None = None,
) -> int:
    """Stream frames [h w 3] in 0..1, one at a time, into a video. Returns how many were written.

    BT.709 4:2:0, RGB where `encoding` is lossless; the voice as AAC, or Opus in a .webm file, cut or filled with
    silence to exactly the video's length. Odd sides gain one repeated line unless it is lossless. The same frames
    and voice give the same bytes, unless `sign` puts a signature into the file once it is whole. `metadata` becomes
    tags of the file.
    The file appears only when it is whole; until then it is `part`. Raises InputError for a path that cannot be
    written, an encoding that cannot be had, no frames at all, NaN, or frames of different sizes.
    """
    path, rate = check_video(path, encoding), frame_rate(fps)
    frames = iter(frames)
    first = next(frames, None)
    if first is None:
        raise InputError(f"There are no frames to write to {path}.")
    with atomic(path, part) as made:
        with _open(made, path.suffix, metadata or {}) as container:
            pictures = PictureTrack(container, first.shape, rate, encoding.encoder(path))
            voice = None if audio is None else VoiceTrack(container, audio, rate)
            _interleave(chain([first], frames), pictures, voice)
        if sign is not None:
            sign(made)
    return pictures.count


def _interleave(frames: Iterable[Tensor], pictures: PictureTrack, voice: VoiceTrack | None) -> None:
    for frame in frames:
        pictures.write(frame)
        if voice is not None:
            voice.write_until(pictures.count)
    pictures.flush()
    if voice is not None:
        voice.flush()


def _open(path: Path, suffix: str, metadata: Mapping[str, str]) -> OutputContainer:
    """A file without the random numbers that FFmpeg puts into it otherwise."""
    options = {"fflags": "+bitexact"}
    if suffix.lower() in (".mp4", ".mov"):
        options["movflags"] = "+faststart+use_metadata_tags" if metadata else "+faststart"
    container = av.open(str(path.absolute()), "w", options=options)  # "a:b.mp4" alone would name a protocol
    container.metadata.update(metadata)
    return container
