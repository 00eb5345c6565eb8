"""Does each metric notice what it should? Faults are planted in unseen drawn clips, and every figure is compared with
that of the clip as it was. A figure notices a fault when it is worse in every clip.

Sync-C and Sync-D, FID and FVD need weights that are not part of the project. Identity is measured with a stand-in, the
layout of an aligned face's colours.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import onnx
import torch
from onnx import TensorProto, helper
from torch import Tensor
from torch.nn.functional import avg_pool2d

from skyreels_core.conditioning.pose import Keypoints
from skyreels_core.demo.unseen import SIZE
from skyreels_core.evaluation.metrics.faces import faces_of
from skyreels_core.evaluation.metrics.identity import Identity
from skyreels_core.evaluation.metrics.lips import Lips
from skyreels_core.evaluation.metrics.metric import HIGHER, LOWER, Clip, Figure, Metric
from skyreels_core.evaluation.metrics.picture import Flicker, Sharpness
from skyreels_core.evaluation.metrics.run import measure_clip
from skyreels_core.evaluation.metrics.weights import Weights
from skyreels_core.evaluation.metrics.whole import Continuity, Outside
from skyreels_core.media.footage import InMemoryFrames
from skyreels_core.media.reading import Video
from skyreels_core.media.region import feather
from skyreels_core.media.sound import Audio

from .material import FPS, Example, drawn_example
from .record import Record

CLIPS, SECONDS = 6, 2.92
SEED = 5
SMALLEST = 0.02  # relative change of a figure that counts


def run(record: Record) -> None:
    with tempfile.TemporaryDirectory() as folder:
        _write_stand_in(Path(folder) / "arcface.onnx")
        weights = Weights([Path(folder)])
        kinds: tuple[type[Metric], ...] = (Lips, Identity, Continuity, Outside, Sharpness, Flicker)
        metrics: list[Metric] = [kind(weights) for kind in kinds]
        figures = [
            figure for metric in metrics for figure in metric.figures if figure.better in (HIGHER, LOWER)
        ]
        clips = [(drawn_example(i, SECONDS), drawn_example(i + CLIPS, SECONDS)) for i in range(CLIPS)]
        clean = [_measured(encoded(clip_of(one), SEED), metrics, weights) for one, _ in clips]
        found = {
            name: [
                _measured(encoded(plant(clip_of(one), one, other), SEED + 1), metrics, weights)
                for one, other in clips
            ]
            for name, plant in FAULTS.items()
        }
    record["clips"] = CLIPS
    record["expected"] = EXPECTED
    record["noticed"] = {
        name: {f.name: all(worse(f, c, s) for c, s in zip(clean, spoilt, strict=True)) for f in figures}
        for name, spoilt in found.items()
    }


def _measured(clip: Clip, metrics: list[Metric], weights: Weights) -> dict[str, float]:
    found = measure_clip(clip, metrics, weights)
    return {name: value for one in found.values() for name, value in one.figures.items()}


def worse(figure: Figure, clean: dict[str, float], spoilt: dict[str, float]) -> bool:
    before, after = clean[figure.name], spoilt.get(figure.name, clean[figure.name])
    change = after - before if figure.better == LOWER else before - after
    return change > SMALLEST * max(abs(before), 0.1)


def clip_of(one: Example) -> Clip:
    """A drawn clip as an edit of itself."""
    assert one.landmarks is not None
    video = Video(one.frames, FPS, one.voice)
    keypoints = Keypoints.of_one_face(one.landmarks, SIZE, SIZE)
    faces = faces_of(keypoints)
    return Clip("clip", video, one.voice, video, keypoints, InMemoryFrames(one.boxes), faces, faces)


def with_frames(clip: Clip, frames: Tensor) -> Clip:
    return replace(clip, video=Video(frames.clamp(0, 1), FPS, clip.voice))


def encoded(clip: Clip, seed: int) -> Clip:
    """As another encoder would give it: noise of half a step of 8 bits."""
    frames = torch.stack(list(clip.video.stream()))
    noise = torch.rand(frames.shape, generator=torch.Generator().manual_seed(seed)) - 0.5
    return with_frames(clip, frames + noise / 255)


def as_it_was(clip: Clip, one: Example, other: Example) -> Clip:
    return clip


def frozen_mouth(clip: Clip, one: Example, other: Example) -> Clip:
    assert one.landmarks is not None
    inside = feather(one.boxes, 3)[..., None]
    frames = one.frames * (1 - inside) + one.frames[:1] * inside
    points = one.landmarks.clone()
    points[:, 48:] = points[:1, 48:] + (points[:, 30:31] - points[:1, 30:31])  # it moves with the nose
    return replace(with_frames(clip, frames), landmarks=Keypoints.of_one_face(points, SIZE, SIZE))


def silence(clip: Clip, one: Example, other: Example) -> Clip:
    return replace(clip, voice=Audio(torch.zeros_like(one.voice.samples), one.voice.sample_rate))


def another_voice(clip: Clip, one: Example, other: Example) -> Clip:
    return replace(clip, voice=other.voice)


def colour_drift(clip: Clip, one: Example, other: Example) -> Clip:
    gains = 1 - torch.linspace(0, 1, len(one.frames))[:, None, None, None] * torch.tensor([0.05, 0.2, 0.25])
    return with_frames(clip, one.frames * gains)


def seam(clip: Clip, one: Example, other: Example) -> Clip:
    frames = one.frames.clone()
    half = len(frames) // 2
    frames[half:] = frames[half:].roll(4, 2)
    return with_frames(clip, frames)


def another_person(clip: Clip, one: Example, other: Example) -> Clip:
    assert other.landmarks is not None
    keypoints = Keypoints.of_one_face(other.landmarks, SIZE, SIZE)
    return replace(with_frames(clip, other.frames), landmarks=keypoints, faces=faces_of(keypoints))


def blur(clip: Clip, one: Example, other: Example) -> Clip:
    blurred = avg_pool2d(one.frames.permute(0, 3, 1, 2), 5, 1, 2, count_include_pad=False)
    return with_frames(clip, blurred.permute(0, 2, 3, 1))


def flicker(clip: Clip, one: Example, other: Example) -> Clip:
    gains = torch.ones(len(one.frames), 1, 1, 1)
    gains[::2] = 0.97
    return with_frames(clip, one.frames * gains)


def changed_outside(clip: Clip, one: Example, other: Example) -> Clip:
    frames = one.frames.clone()
    frames[:, :12] = frames[:, :12] * 0.9
    return with_frames(clip, frames)


def step_at_the_edge(clip: Clip, one: Example, other: Example) -> Clip:
    return with_frames(clip, one.frames * (1 - 0.15 * (one.boxes > 0.5).float()[..., None]))


FAULTS: dict[str, Callable[[Clip, Example, Example], Clip]] = {
    "nothing but other noise of half a step": as_it_was,
    "a frozen mouth": frozen_mouth,
    "silence": silence,
    "another voice": another_voice,
    "colour drift": colour_drift,
    "a seam": seam,
    "another person": another_person,
    "blur": blur,
    "flicker": flicker,
    "a change outside the mask": changed_outside,
    "a step at the mask's edge": step_at_the_edge,
}
# what each fault must be noticed by
EXPECTED = {
    "a frozen mouth": ("lips_r",),
    "silence": ("lips_r",),
    "another voice": ("lips_r",),
    "colour drift": ("colour_drift",),
    "a seam": ("jump",),
    "another person": ("identity", "likeness"),
    "blur": ("sharpness",),
    "flicker": ("flicker",),
    "a change outside the mask": ("outside_psnr",),
    "a step at the mask's edge": ("edge_step",),
}


def _write_stand_in(path: Path) -> None:
    taken = helper.make_tensor_value_info("input", TensorProto.FLOAT, [1, 3, 112, 112])
    given = helper.make_tensor_value_info("embedding", TensorProto.FLOAT, [1, 192])
    nodes = [
        helper.make_node("AveragePool", ["input"], ["cells"], kernel_shape=[14, 14], strides=[14, 14]),
        helper.make_node("Flatten", ["cells"], ["embedding"]),
    ]
    graph = helper.make_graph(nodes, "stand_in", [taken], [given])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
