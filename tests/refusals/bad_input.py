"""What is given to the command line in these tests, and what every refusal of it has in common."""

from __future__ import annotations

import hashlib
import json
import re
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
import torch

from skyreels_core.audio.reading import write_wav
from skyreels_core.cli import REFUSED, main
from skyreels_core.media.encoding import Encoding
from skyreels_core.media.sound import Audio
from skyreels_core.media.writing import write_picture, write_video

WIDTH, HEIGHT, FRAMES, FPS = 48, 34, 9, 12.5  # of the video
SMALL = ("--width", "32", "--height", "32", "--steps", "1", "--window", "3", "--overlap", "1")
REMEDY = re.compile(
    r"\b(attach|check|choose|close|convert|cut|detect|download|draw|export|find|free|give|make|needed|paint|record|remove|resume|save|"
    r"scale|shows?|split|start|try|use|wait|write)\b",
    re.IGNORECASE,
)
EARLIER = b"an earlier result"


def noise(*shape: int, seed: int = 1) -> torch.Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed))


def pixels(height: int = 64, width: int = 64, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


@dataclass(frozen=True)
class Whole:
    """Files that can be used."""

    voice: Path
    portrait: Path
    video: Path
    mask: Path
    keypoints: Path
    model: Path

    @classmethod
    def made_in(cls, folder: Path, model: Path) -> Whole:
        names = ("voice.wav", "portrait.png", "video.mkv", "mask.png", "keypoints.json")
        files = cls(*(folder / name for name in names), model)
        write_wav(files.voice, Audio(noise(1, 11200) - 0.5, 16000))
        write_picture(files.portrait, noise(40, 40, 3))
        write_video(files.video, noise(FRAMES, HEIGHT, WIDTH, 3), FPS, encoding=Encoding(lossless=True))
        mask = torch.zeros(HEIGHT, WIDTH, 3)
        mask[14:28, 16:32] = 1
        write_picture(files.mask, mask)
        files.keypoints.write_text(json.dumps(keypoints()))
        return files


def keypoints(face: Any = ..., frames: int = FRAMES, **canvas: Any) -> list[dict]:
    """POSE_KEYPOINT of one face in every frame."""
    if face is ...:
        points = [(20 + point % 8 * 1.5, 12 + point // 8 * 1.5, 1.0) for point in range(70)]
        face = [number for point in points for number in point]
    sizes = {"canvas_width": WIDTH, "canvas_height": HEIGHT} | canvas
    return [{"people": [{"face_keypoints_2d": face}], **sizes}] * frames


def clip(path: Path, frames: int = 12, size: tuple[int, int] = (HEIGHT, WIDTH), **options: Any) -> Path:
    """A video of noise, written by FFmpeg itself; options: times, rate, unit, muxing."""
    rate, unit = options.get("rate", 25), options.get("unit", Fraction(1, 25))
    with av.open(str(path), "w", options=options.get("muxing", {})) as container:
        stream = container.add_stream("libx264", rate=rate)
        stream.height, stream.width = size
        stream.pix_fmt = "yuv420p"
        for index in range(frames):
            picture = av.VideoFrame.from_ndarray(pixels(*size, seed=index), format="rgb24")
            picture.pts, picture.time_base = options.get("times", range(frames))[index], unit
            container.mux(stream.encode(picture))
        container.mux(stream.encode())
    return path


def sound(path: Path, codec: str, seconds: float = 1.0, rate: int = 16000, cover: bool = False) -> Path:
    """A voice of noise, written by FFmpeg, with a picture of its cover or without."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=rate, layout="mono")
        picture = (
            container.add_stream("png", rate=25, width=64, height=64, pix_fmt="rgb24") if cover else None
        )
        if picture is not None:
            picture.disposition = av.stream.Disposition.attached_pic.value  # PyAV 16 takes no flag
            container.mux(picture.encode(av.VideoFrame(64, 64, "rgb24")))
        samples = np.random.default_rng(0).uniform(-0.3, 0.3, (1, round(seconds * rate))).astype(np.float32)
        frame = av.AudioFrame.from_ndarray(samples, format="fltp", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = rate, 0, Fraction(1, rate)
        resampler = av.AudioResampler(stream.codec_context.format, "mono", rate)
        for part in resampler.resample(frame):
            container.mux(stream.encode(part))
        container.mux(stream.encode())
    return path


def weights(header: Any, content: bytes = b"", length: int | None = None) -> bytes:
    """A .safetensors file with this header, whatever it is."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text) if length is None else length) + text + content


def tensor(first: int = 0, last: int = 8, shape: Any = (2,), dtype: Any = "F32") -> dict:
    return {"dtype": dtype, "shape": shape, "data_offsets": [first, last]}


@dataclass(frozen=True)
class CommandLine:
    """A folder with what a case needs, an earlier result, and somebody's own file."""

    folder: Path
    whole: Whole
    read_output: Callable[[], Any]  # of capsys

    @property
    def output(self) -> Path:
        return self.folder / "result.mp4"

    def file(self, name: str, content: bytes | str | Any) -> Path:
        path = self.folder / name
        text = (
            content
            if isinstance(content, str)
            else None
            if isinstance(content, bytes)
            else json.dumps(content)
        )
        path.write_bytes(content if text is None else text.encode("utf-8", "surrogatepass"))
        return path

    def part_of(self, whole: Path, share: float) -> Path:
        """The first part of a file, as of a download that was cut."""
        content = whole.read_bytes()
        return self.file(f"cut{whole.suffix}", content[: int(len(content) * share)])

    def animation(self, *options: object) -> list[str]:
        whole = self.whole
        given = ("--image", whole.portrait, "--audio", whole.voice, "--fps", "8", "--model", whole.model)
        return [str(word) for word in ("animate", *given, "-o", self.output, *SMALL, *options)]

    def editing(self, *options: object) -> list[str]:
        given = ("--video", self.whole.video, "--audio", self.whole.voice, "--model", self.whole.model)
        return [str(word) for word in ("edit", *given, "-o", self.output, *SMALL, *options)]

    def refuses(self, words: list[str], *needles: str, changed: tuple[str, ...] = ()) -> str:
        """The sentence of the refusal; `changed` are names that may be new or other afterwards."""
        before = contents(self.folder)
        code = main(words)
        shown = self.read_output()
        assert code == REFUSED, shown.err[-500:]
        assert shown.out == "" and "Traceback" not in shown.err
        *log, line = re.sub(r"\r", "\n", shown.err).strip().split("\n")
        assert line.startswith("skyreels-audio: "), shown.err
        assert not any(other.startswith("skyreels-audio: ") for other in log)
        assert all(needle in line for needle in needles), line
        assert REMEDY.search(line), f"no remedy: {line}"
        after = contents(self.folder)
        assert {name: after[name] for name in after if name not in changed} == before
        return line


def contents(folder: Path) -> Mapping[str, str]:
    """Every file and folder below, with a digest of what is in it."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        if path.is_file()
        else "folder"
        for path in sorted(folder.rglob("*"))
    }


Case = tuple[Callable[[CommandLine], tuple], str]  # the options that are bad, and what the sentence names


def cases(table: Mapping[str, Case]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("case", table.values(), ids=table.keys())
