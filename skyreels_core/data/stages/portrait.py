"""The person: one face, large enough, seen from the front, without a jump."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from ...conditioning.pose import LEFT_EYE, NOSE_TIP, RIGHT_EYE
from ...conditioning.yunet import YuNet
from ...evaluation.metrics.faces import FOREHEAD, YUNET
from .shot import SAMPLED, Shot
from .stage import Rule, Ruled, Tools, Value, Values

Places = tuple[NDArray, NDArray]  # boxes [p 4] (left, top, right, bottom) and eyes and nose [p 3 2], pixels


class Portrait(Ruled):
    """`one_face`: share of the sampled frames with exactly one face. The others describe the largest one."""

    name: ClassVar = "portrait"
    version: ClassVar = 1
    columns: ClassVar[Mapping[str, type]] = {
        "one_face": float, "no_face": float, "faces": float, "face_pixels": float, "face_height": float,
        "body": float, "turn": float, "jump": float, "found_by": str,
    }  # fmt: skip
    rules: ClassVar[Sequence[Rule]] = (
        Rule("one_face", "least_one_face", "not one person"),
        Rule("face_pixels", "least_face_pixels", "a small face"),
        Rule("face_height", "least_face_height", "a small face"),
        Rule("face_height", "most_face_height", "too close"),
        Rule("body", "least_body", "the chin is not in the picture"),
        Rule("turn", "most_turn", "a profile"),
        Rule("jump", "most_jump", "the face jumps"),
    )

    def uses(self, tools: Tools) -> Sequence[Path | str | None]:
        return [tools.weights.find(YUNET)]

    def measure(self, shot: Shot, tools: Tools) -> Values:
        path = tools.weights.find(YUNET)
        if path is None and shot.landmarks is None:
            return {"found_by": f"nothing: put {YUNET} into {tools.weights}, or landmarks beside the video"}
        frames = list(detected(shot, path) if path is not None else given(shot))
        counts = np.array([len(boxes) for boxes, _ in frames])
        found_by = "YuNet" if path is not None else "landmarks"
        shares = {
            "one_face": float((counts == 1).mean()), "no_face": float((counts == 0).mean()),
            "faces": float(counts.mean()), "found_by": found_by,
        }  # fmt: skip
        largest = [_largest(places) for places in frames if len(places[0])]
        return {**shares, **(_of_the_largest(largest, shot) if largest else {})}


def detected(shot: Shot, path: Path) -> Iterator[Places]:
    detector = _detector(path)
    for _, frame in shot.sampled():
        boxes, points = detector.find_places((frame * 255).round().clamp(0, 255).byte().numpy())
        yield boxes.double().numpy(), points[:, :3].double().numpy()


def given(shot: Shot) -> Iterator[Places]:
    """The same from landmarks, whose faces end at the brows."""
    assert shot.landmarks is not None
    step = max(1, round(shot.fps / SAMPLED))
    for faces in shot.landmarks.faces[::step]:
        points = faces[..., :2].double().numpy()  # [p 68 2]
        low, high = points.min(1), points.max(1)
        low[:, 1] -= FOREHEAD * (high[:, 1] - low[:, 1])
        eyes = [points[:, RIGHT_EYE].mean(1), points[:, LEFT_EYE].mean(1), points[:, NOSE_TIP]]
        yield np.concatenate([low, high], axis=1), np.stack(eyes, axis=1)


@lru_cache(maxsize=1)
def _detector(path: Path) -> YuNet:
    return YuNet(path)


def _largest(places: Places) -> tuple[NDArray, NDArray]:
    boxes, points = places
    best = int((boxes[:, 3] - boxes[:, 1]).argmax())
    return boxes[best], points[best]


def _of_the_largest(faces: list[tuple[NDArray, NDArray]], shot: Shot) -> dict[str, Value]:
    boxes, points = (np.stack(part) for part in zip(*faces, strict=True))
    heights = boxes[:, 3] - boxes[:, 1]
    height = float(np.median(heights))
    apart = np.linalg.norm(points[:, 1] - points[:, 0], axis=1)
    turned = np.abs(points[:, 2, 0] - points[:, :2, 0].mean(1)) / np.maximum(apart, 1)
    centres = (boxes[:, :2] + boxes[:, 2:]) / 2
    moved = np.linalg.norm(np.diff(centres, axis=0), axis=1)
    return {
        "face_pixels": height,
        "face_height": height / shot.size[1],
        "body": float((shot.size[1] - np.median(boxes[:, 1])) / height),
        "turn": float(np.median(turned)),
        "jump": float(moved.max() / height * SAMPLED) if len(moved) else None,
    }
