"""Whether the lips follow the voice: by SyncNet where its weights are given, and by the gap between the lips where
landmarks are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import ClassVar

from ...evaluation.metrics.faces import YUNET
from ...evaluation.metrics.metric import DETECTOR, POSE, Clip, Metric
from ...evaluation.metrics.registry import choose
from ...evaluation.metrics.run import measure_clip
from ...evaluation.metrics.sync import Sync as SyncMetric
from ...evaluation.metrics.weights import Weights
from .shot import Shot
from .stage import Rule, Ruled, Tools, Values

NAMES = {
    "lips_p": "p", "lips_r": "r", "lips_lag": "lag", "sync_c": "confidence", "sync_d": "distance",
    "sync_offset": "offset",
}  # fmt: skip


class Sync(Ruled):
    name: ClassVar = "sync"
    version: ClassVar = 1
    columns: ClassVar[Mapping[str, type]] = {
        **dict.fromkeys((*NAMES.values(), "lateness"), float),
        "not_measured": str,
    }
    rules: ClassVar[Sequence[Rule]] = (
        Rule("p", "most_p", "the lips do not follow the voice"),
        Rule("confidence", "least_confidence", "the lips do not follow the voice"),
        Rule("lateness", "most_offset", "lips and voice are apart"),
    )

    def uses(self, tools: Tools) -> Sequence[Path | str | None]:
        return [tools.weights.find(file) for file in (*SyncMetric.needs.files, YUNET, DETECTOR, POSE)]

    def measure(self, shot: Shot, tools: Tools) -> Values:
        clip = Clip("shot", shot, shot.audio, landmarks=shot.landmarks)
        found = measure_clip(clip, _metrics(tools.weights), tools.weights)
        figures = {
            NAMES[name]: value
            for one in found.values()
            for name, value in one.figures.items()
            if name in NAMES
        }
        if "offset" in figures:
            figures["lateness"] = abs(figures["offset"])
        notes = [f"{name} {one.note}" for name, one in found.items() if one.note]
        return {**figures, "not_measured": "; ".join(notes) or None}


@lru_cache(maxsize=1)
def _metrics(weights: Weights) -> tuple[Metric, ...]:
    return choose(["lips", "sync"], weights).metrics
