"""Four seconds of silence: the mouth stays shut."""

from __future__ import annotations

import numpy as np
import torch

from skyreels_core.media.sound import Audio

from .material import animated, example, mouth, shut
from .record import Record

FACES, SECONDS = 4, 4.0


def run(record: Record) -> None:
    shares = []
    for index in range(FACES):
        clip = example(index, SECONDS)
        closed = mouth(clip.frames, clip, edited=True)[shut(clip)]
        floor = float(closed.mean()) if len(closed) else 0.0  # hair or shirt in the box
        silent = animated(clip, Audio(torch.zeros_like(clip.voice.samples), 16000)).frames
        opening = [float(mouth(frames, clip).mean()) - floor for frames in (silent, animated(clip).frames)]
        shares.append(opening[0] / opening[1])
    record["share_median"], record["share_worst"] = np.median(shares), max(shares)
