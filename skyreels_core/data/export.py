"""What is kept, as the lines of JSON that training reads, with landmarks for each shot where a face can be found."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from ..conditioning.pose import Keypoints, to_pose_keypoint
from ..conditioning.yunet import YuNet
from ..evaluation.metrics.faces import YUNET
from ..evaluation.metrics.weights import Weights
from ..files import atomic
from .decisions import Decided
from .stages.shot import Recording, Shot

CLIPS, KEYPOINTS = "clips.jsonl", "keypoints"


def export(folder: Path, kept: Sequence[Decided], weights: Weights) -> Iterator[Path]:
    """Writes CLIPS once all shots have their landmarks; gives each video when its shots are done."""
    (folder / KEYPOINTS).mkdir(exist_ok=True)
    lines = []
    for shot in kept:
        lines.append(json.dumps(_line(shot, _landmarks(folder, shot, weights), folder)))
        yield Path(shot.video)
    with atomic(folder / CLIPS) as part:
        part.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


def _line(shot: Decided, landmarks: Path | None, folder: Path) -> dict[str, Any]:
    line = {"video": shot.video, "start": shot.start, "end": shot.end, "caption": shot.caption}
    return line if landmarks is None else {**line, "keypoints": str(landmarks.relative_to(folder))}


def _landmarks(folder: Path, shot: Decided, weights: Weights) -> Path | None:
    """POSE_KEYPOINT of each frame of the shot: what lies beside the video, or YuNet's five points as 68."""
    path = folder / KEYPOINTS / f"{shot.id}.json"
    if path.is_file():
        return path
    recording = Recording(Path(shot.video))
    first, last = (round(time * recording.video.fps) for time in (shot.start, shot.end))
    frames = Shot(recording, first, last - first)
    found: Keypoints | None = frames.landmarks
    if found is None and (detector := weights.find(YUNET)):
        found = YuNet(detector)(frames)
    if found is None:
        return None
    with atomic(path) as part:
        part.write_text(json.dumps(to_pose_keypoint(found)), encoding="utf-8")
    return path
