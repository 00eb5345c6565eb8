"""Sound files of the kinds that people have, made by FFmpeg's own encoders."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

RATE = 48000


def voice(seconds: float = 1.0, rate: int = RATE, pitch: float = 220.0) -> np.ndarray:
    """[n]: bursts of a tone, with pauses between them, at an RMS of about 0.15."""
    time = np.arange(round(seconds * rate)) / rate
    return (0.3 * np.sin(2 * np.pi * pitch * time) * (np.sin(2 * np.pi * 3 * time) > -0.5)).astype(np.float32)


def encode(
    path: Path,
    codec: str,
    samples: np.ndarray,
    layout: str = "mono",
    rate: int = RATE,
    format: str | None = None,
    options: dict[str, str] | None = None,
    moved: Callable[[float], float | None] = lambda seconds: 0.0,
    pictures: float = 0.0,
) -> Path:
    """`samples` [c n] at `rate`; `moved`: seconds by which a packet comes later, None where it is lost;
    `pictures`: seconds of them."""
    with av.open(str(path), "w", format=format, options=options or {}) as container:
        stream = container.add_stream(codec, rate=rate, layout=layout)
        if pictures:
            add_pictures(container, pictures)
        resampler = av.AudioResampler(stream.codec_context.format.name, layout, rate)
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples), format="fltp", layout=layout)
        frame.sample_rate, frame.pts, frame.time_base = rate, 0, Fraction(1, rate)
        parts = [*resampler.resample(frame), *resampler.resample(None), None]
        for packet in [packet for part in parts for packet in stream.encode(part) if packet.size]:
            later = moved(float(packet.pts * packet.time_base))
            if later is not None:
                packet.pts += round(later / packet.time_base)
                packet.dts = packet.pts
                container.mux(packet)
    return path


def add_pictures(container: av.container.OutputContainer, seconds: float) -> None:
    stream = container.add_stream("libx264", rate=25, width=32, height=32, options={"bf": "0"})
    for index in range(round(seconds * 25)):
        frame = av.VideoFrame.from_ndarray(np.full((32, 32, 3), index % 256, np.uint8))
        frame.pts = index
        container.mux(stream.encode(frame))
    container.mux(stream.encode(None))


def joined(path: Path, *files: Path, between: bytes = b"") -> Path:
    path.write_bytes(between.join(file.read_bytes() for file in files))
    return path


def rms(samples) -> float:
    return float(np.sqrt(np.mean(np.square(np.asarray(samples, np.float64)))))
