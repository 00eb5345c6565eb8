"""A voice longer than Whisper's 30 s: the mouth follows across the joins of the token chunks as elsewhere."""

from __future__ import annotations

import numpy as np

from skyreels_core.evaluation.agreement import correlation
from skyreels_core.model.whisper import chunks
from skyreels_core.timeline import TOKEN_RATE

from .material import FPS, animated, bundle, driving, example, mouth
from .record import Record

SECONDS, AROUND, FACES = 70.0, 4.0, 1


def run(record: Record) -> None:
    near, far = [], []
    for index in range(FACES):
        clip = example(index, SECONDS)
        record["tokens"] = len(bundle().whisper.encode(clip.voice.samples[0]))
        opening, wanted = mouth(animated(clip).frames, clip), driving(clip)
        _, *others = chunks(record["tokens"])
        joins = record["joins_at_seconds"] = [start / TOKEN_RATE for _, start, _ in others]
        seconds = np.arange(len(opening)) / FPS
        close = np.any([np.abs(seconds - join) < AROUND for join in joins], axis=0)
        near.append(correlation(opening[close], wanted[close]))
        far.append(correlation(opening[~close], wanted[~close]))
    record["near_joins"], record["elsewhere"] = np.mean(near), np.mean(far)
