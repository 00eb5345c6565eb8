"""A voice longer than Whisper's 30 s: the mouth follows across the joins of the token chunks as elsewhere."""

from __future__ import annotations

import numpy as np

from skyreels_core.evaluation.agreement import correlation
from skyreels_core.evaluation.mouth import mouth_area
from skyreels_core.model.whisper import chunks
from skyreels_core.timeline import TOKEN_RATE

from .material import FPS, animated, bundle, example
from .record import Record

SECONDS, AROUND, FACES = 70.0, 4.0, 1


def run(record: Record) -> None:
    near, far = [], []
    for index in range(FACES):
        clip = example(index, SECONDS)
        record["tokens"] = len(bundle().whisper.encode(clip.voice.samples[0]))
        area = mouth_area(animated(clip).frames, clip.boxes[:1]).numpy()
        _, *others = chunks(record["tokens"])
        joins = record["joins_at_seconds"] = [start / TOKEN_RATE for _, start, _ in others]
        seconds = np.arange(len(area)) / FPS
        close = np.any([np.abs(seconds - join) < AROUND for join in joins], axis=0)
        near.append(correlation(area[close], clip.curves.area[close]))
        far.append(correlation(area[~close], clip.curves.area[~close]))
    record["near_joins"], record["elsewhere"] = np.mean(near), np.mean(far)
