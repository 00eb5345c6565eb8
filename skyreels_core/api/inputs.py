"""What Python users give: files by name, or what is in memory already."""

from __future__ import annotations

import math
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any, get_args

import numpy as np
import torch
from torch import Tensor

from ..conditioning.faces import Faces, Gaps
from ..conditioning.prompts import PromptSchedule
from ..errors import InputError, naming
from ..media.footage import Footage, Frames, open_video
from ..media.reading import Video as HeldVideo
from ..media.reading import read_picture
from ..media.region import Region, as_region
from ..media.sound import LOUDEST, MOST_CHANNELS, SAMPLE_RATES, Audio, read_audio
from ..pipeline.region import find_region
from ..pipeline.run import Progress
from ..run.settings import in_type
from ..weights.lora import Lora, read_lora
from .options import as_text, described

File = str | PathLike
LoraFile = File | Lora | tuple[File, float]
ROUNDING = 1e-3  # by which computed pixels may lie outside of 0..1


@dataclass(frozen=True)
class FaceMask:
    """The lower part of faces, found in the video that is edited. Made by `face_mask`."""

    keypoints: Path | None
    dwpose: Path | None
    face: Faces
    gaps: Gaps
    yunet: Path | None = None

    def of(self, video: Footage, progress: Progress | None = None) -> Region:
        """Masks [h w] of 0 and 1 for each frame of the video, 1 = regenerated."""
        return find_region(
            video, None, self.keypoints, self.dwpose, self.face, self.gaps,
            telling(progress, len(video)), self.yunet,
        )  # fmt: skip


def face_mask(
    keypoints: File | None = None,
    dwpose: File | None = None,
    *,
    yunet: File | None = None,
    face: Faces = "largest",
    gaps: Gaps = "pass_through",
) -> FaceMask:
    """The mask of a face for `Model.edit`: its lower part, which the new voice changes.

    Args:
        keypoints: a JSON file in POSE_KEYPOINT form, with the face of each frame of the video.
        dwpose: instead of it, a folder with DWPose's yolox_l.onnx and dw-ll_ucoco_384.onnx, which find the faces
            (needs `onnxruntime`).
        yunet: instead of both, the file face_detection_yunet_2023mar.onnx of OpenCV's model zoo, a small detector.
        face: "largest", "all", or the number of a face from 0, by size.
        gaps: what happens to frames without the face: "pass_through" leaves them as they are, "hold" keeps the last
            mask, "error" raises InputError.

    Raises InputError unless exactly one of keypoints, dwpose and yunet is given, and for another face or gaps. What is
    in the files is checked by `Model.edit`, which has the video.
    """
    if sum(way is not None for way in (keypoints, dwpose, yunet)) != 1:
        raise InputError(
            "A face mask needs keypoints, a POSE_KEYPOINT JSON file, or dwpose, the folder with DWPose's two ONNX "
            "files, or yunet, YuNet's ONNX file. Give one of them."
        )
    if gaps not in get_args(Gaps):
        raise InputError(f"gaps is {described(gaps)}; use one of {', '.join(get_args(Gaps))}.")
    paths = path_of(keypoints, "keypoints"), path_of(dwpose, "dwpose")
    return FaceMask(*paths, face_of(face), gaps, path_of(yunet, "yunet"))


def face_of(face: Any) -> Faces:
    try:
        chosen = in_type(face, str | int)
    except TypeError:
        chosen = None
    if chosen in ("largest", "all") or (isinstance(chosen, int) and chosen >= 0):
        return chosen
    raise InputError(f'face is {described(face)}; give "largest", "all", or the number of a face from 0.')


def path_of(file: File | None, name: str) -> Path | None:
    return None if file is None else as_path(file, name)


def as_path(file: File, name: str) -> Path:
    """Raises InputError where the argument of that name is not a path."""
    if not isinstance(file, str | PathLike):
        raise InputError(f"{name} is {described(file)}; give a path, as a string or pathlib.Path.")
    return Path(file)


def as_loras(given: Any) -> tuple[Lora, ...]:
    """Of a file, a file with its strength, or a list of them; None is none."""
    if given is None:
        return ()
    if isinstance(given, str | PathLike | Lora) or is_weighted(given):
        return (as_lora(given),)
    if not isinstance(given, list | tuple):
        raise InputError(f"lora is {described(given)}; give a file, (file, strength), or a list of them.")
    return tuple(map(as_lora, given))


def as_lora(given: Any) -> Lora:
    if isinstance(given, Lora):
        return given
    if is_weighted(given):
        strength = number_of(given[1], float, "LoRA's strength", "a number, such as 0.8")
        if not math.isfinite(strength):
            raise InputError(f"The LoRA's strength is {strength}; give a number, such as 0.8.")
        return Lora(as_path(given[0], "lora"), strength)
    if not isinstance(given, str):
        return Lora(as_path(given, "lora"))
    try:
        return read_lora(given)
    except ValueError as error:
        raise InputError(f"lora is {described(given)}: {error}.") from error


def is_weighted(given: Any) -> bool:
    """Whether it is (file, strength), not two files."""
    if not (isinstance(given, list | tuple) and len(given) == 2):
        return False
    return isinstance(given[0], str | PathLike) and not isinstance(given[1], File | list | tuple | Lora)


def check_callable(value: object, name: str, call: str) -> None:
    if value is not None and not callable(value):
        raise InputError(f"{name} is {described(value)}; give a function that is called as {call}, or None.")


def telling(progress: Progress | None, frames: int):
    """`find_region`'s callback as a stage of the progress."""
    return None if progress is None else lambda frame: progress("faces", frame + 1, frames, "")


def as_audio(voice: File | Audio | tuple[Tensor, int]) -> Audio:
    """A file, what `read_audio` gives, or samples [c n] or [n] in -1..1 with their rate in Hz."""
    if isinstance(voice, Audio):
        return voice
    if isinstance(voice, str | PathLike):
        return read_audio(Path(voice))
    samples, rate = pair_of(voice, "voice", "samples [c n] and their rate in Hz")
    samples = as_tensor(samples, "voice", "samples [c n] or [n] in -1..1").float()
    samples = samples[None] if samples.ndim == 1 else samples
    check_samples(samples)
    needed = f"an integer from {SAMPLE_RATES.start} to {SAMPLE_RATES.stop - 1}, in Hz, such as 48000"
    hertz = number_of(rate, int, "voice's rate", needed)
    if hertz not in SAMPLE_RATES:
        raise InputError(f"The voice's rate is {hertz} Hz; give {needed}.")
    return Audio(samples, hertz)


def check_samples(samples: Tensor) -> None:
    """Raises InputError for what is not a voice [c n] about -1..1."""
    if samples.ndim != 2 or samples.shape[0] > MOST_CHANNELS or samples.numel() == 0:
        raise InputError(
            f"The voice's samples have shape {list(samples.shape)}; give [n], or [c n] with up to {MOST_CHANNELS} "
            "channels."
        )
    loudest = float(samples.abs().max())  # NaN where any is
    if not loudest <= LOUDEST:
        raise InputError(
            f"The voice's samples reach {loudest:g} times full scale; give finite numbers in -1..1 (divide 16-bit "
            "integers by 32768)."
        )


def number_of(value: Any, kind: type, what: str, needed: str) -> Any:
    try:
        return in_type(value, kind)
    except TypeError as error:
        raise InputError(f"The {what} is {described(value)}; give {needed}.") from error


def as_picture(picture: Any) -> Tensor | None:
    """A file, or pixels [h w 3]: 0..1, or 0..255 as uint8."""
    if picture is None or isinstance(picture, str | PathLike):
        return None if picture is None else read_picture(Path(picture))
    return _in_range(as_tensor(picture, "picture", "a file, or pixels [h w 3]"), "picture", 3)


def as_footage(video: File | Footage | tuple[Any, float], seconds: float | None) -> Footage:
    """A file, or frames [f h w 3] in 0..1, or uint8, with their frames per second; `seconds` of a file are needed."""
    if isinstance(video, str | PathLike):
        return open_video(Path(video), seconds)
    if isinstance(video, Frames):
        return video
    frames, fps = pair_of(video, "video", "frames [f h w 3] and their number per second")
    pixels = _in_range(as_tensor(frames, "video", "frames [f h w 3]"), "video", 4)
    return HeldVideo(pixels, float(number_of(fps, float, "video's frame rate", "a number, such as 25")), None)


def as_mask(mask: Any, video: Footage, progress: Progress | None) -> Region:
    """Of `face_mask`, a file, or masks [h w] or [f h w] of 0 and 1."""
    if isinstance(mask, FaceMask):
        return mask.of(video, progress)
    if isinstance(mask, str | PathLike):
        return find_region(video, mask=Path(mask))
    if isinstance(mask, Frames):
        return mask
    needed = "what face_mask gives, a file, or masks [h w] or [f h w] of 0 and 1"
    masks = as_tensor(mask, "mask", needed).float()
    if masks.ndim not in (2, 3):
        raise InputError(f"The mask has shape {list(masks.shape)}; give {needed}.")
    return as_region(masks[None] if masks.ndim == 2 else masks)


def as_prompt(prompt: str | PromptSchedule | Mapping[float, str]) -> str | PromptSchedule:
    """A text, or texts by the seconds from which they hold."""
    if isinstance(prompt, PromptSchedule):
        return prompt
    if not isinstance(prompt, Mapping):
        return as_text(prompt, "prompt")
    texts = sorted((_seconds(start), as_text(text, f"prompt at {start!r}")) for start, text in prompt.items())
    return PromptSchedule.parse("\n".join(f"{start:f} {' '.join(text.split())}" for start, text in texts))


def _seconds(start: Any) -> float:
    try:
        return float(start)
    except (TypeError, ValueError, OverflowError) as error:
        raise InputError(
            f"A prompt's time is {described(start)}; give the seconds from which each text applies, such as "
            '{0: "a person smiles", 12.5: "a person frowns"}.'
        ) from error


def naming_of(given: object) -> AbstractContextManager:
    """Errors name the file that was given."""
    file = given if isinstance(given, str | PathLike) else getattr(given, "path", None)
    if isinstance(given, FaceMask):
        file = given.keypoints or given.dwpose or given.yunet
    return naming(None if file is None else Path(file))


def pair_of(value: Any, what: str, needed: str) -> tuple[Any, Any]:
    if not (isinstance(value, tuple | list) and len(value) == 2):
        raise InputError(f"The {what} is of type {type(value).__name__}; give a file, or a pair of {needed}.")
    first, second = value
    return first, second


def as_tensor(values: Any, what: str, needed: str) -> Tensor:
    """A tensor, or what NumPy makes an array of, such as a picture of PIL; on the CPU."""
    try:
        return values.cpu() if isinstance(values, Tensor) else torch.as_tensor(np.asarray(values))
    except (TypeError, ValueError) as error:
        raise InputError(f"The {what} is {described(values)}; give {needed}.") from error


def _in_range(pixels: Tensor, what: str, dimensions: int) -> Tensor:
    frames = "f h w 3" if dimensions == 4 else "h w 3"
    if pixels.ndim != dimensions or pixels.shape[-1] != 3 or pixels.numel() == 0:
        raise InputError(f"The {what} has shape {list(pixels.shape)}; give [{frames}].")
    values = pixels.float() / 255 if pixels.dtype == torch.uint8 else pixels.float()
    if not (values.min() >= -ROUNDING and values.max() <= 1 + ROUNDING):
        raise InputError(
            f"The {what}'s values go from {float(values.min()):g} to {float(values.max()):g}; give numbers in 0..1, or "
            "uint8 in 0..255."
        )
    return values
