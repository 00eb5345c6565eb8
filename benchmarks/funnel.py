"""Does each stage of the data pipeline find its own faults? 400 drawn clips, 180 as they are and 20 with each of 11
faults. The face comes from their landmarks: YuNet overlooks drawn faces now and then. With real clips (REAL_CLIPS), the
same faults are planted in those, and YuNet finds the face."""

from __future__ import annotations

import os
import tempfile
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import torch
from torch import Tensor

from skyreels_core.audio.reading import mono_16k
from skyreels_core.conditioning.landmarks import of_mesh
from skyreels_core.data.collect import Collected, collect
from skyreels_core.data.decisions import Decided
from skyreels_core.media.footage import collect as all_frames
from skyreels_core.media.sound import Audio

from .funnel_material import FAULTS, OF_TWO, Raw, whole
from .real_clips import RealClip, real_clips
from .record import NotMeasured, Record

WHOLE, OF_EACH = 180, 20
AS_IT_WAS = "nothing"
THRESHOLDS = "quality:\n  least_side: 150\nportrait:\n  least_face_pixels: 60\n"  # drawn clips are small
OF_REAL = "shots:\n  least_seconds: 2\nquality:\n  least_side: 200\n"  # theirs are 3 s of 360x288


def run(record: Record) -> None:
    clips, of_each = (int(os.environ.get(name, n)) for name, n in (("WHOLE", WHOLE), ("OF_EACH", OF_EACH)))
    planted = [fault for fault in FAULTS for _ in range(of_each)]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with ProcessPoolExecutor(os.cpu_count()) as pool:
            faults = [planted[index::clips] for index in range(clips)]
            list(pool.map(write_drawn, [folder] * clips, range(clips), faults))
        record |= judged(measured(folder, THRESHOLDS, ()))
    record["real"] = of_real_clips()


def write_drawn(folder: Path, index: int, faults: Sequence[str]) -> None:
    """A clip as it is, and with each of the faults."""
    torch.set_num_threads(1)
    clip, other = whole(2 * index), None
    clip.write(folder, named(index, AS_IT_WAS))
    for number, fault in enumerate(faults):
        if other is None and fault in OF_TWO:
            other = whole(2 * index + 1)
        FAULTS[fault][1](clip, other or clip).write(folder, named(1000 * (number + 1) + index, fault))


def named(index: int, fault: str) -> str:
    return f"{index:04} {fault}"


def measured(folder: Path, thresholds: str, weights: Sequence[Path]) -> Collected:
    changes = folder / "thresholds.yaml"
    changes.write_text(thresholds, encoding="utf-8")
    return collect(
        [folder],
        folder / "out",
        thresholds=changes,
        weights=weights,
        workers=os.cpu_count() or 1,
    )


def judged(found: Collected) -> dict:
    """Which stages refuse the clips with each fault, how many are kept; precision and recall of each stage."""
    clips: Mapping[str, list[Decided]] = defaultdict(list)
    for shot in found.shots:
        clips[Path(shot.video).stem].append(shot)
    table: dict[str, Counter[str]] = {fault: Counter() for fault in (AS_IT_WAS, *FAULTS)}
    for name, shots in clips.items():
        row = table[name.split(" ", 1)[1]]
        row["clips"] += 1
        row["kept"] += any(shot.kept for shot in shots)
        row.update({stage for shot in shots for stage, reasons in shot.reasons.items() if reasons})
    stages = {stage for stage, _ in FAULTS.values()}
    return {
        "refused": {fault: dict(row) for fault, row in table.items()},
        "stage_of": {fault: stage for fault, (stage, _) in FAULTS.items()},
        "recall": {
            fault: table[fault][stage] / table[fault]["clips"] for fault, (stage, _) in FAULTS.items()
        },
        "precision": {stage: precision(table, stage) for stage in sorted(stages)},
    }


def precision(table: Mapping[str, Counter[str]], stage: str) -> float:
    """Of the clips that the stage refuses, how many have one of its faults. What is refused before, it never sees."""
    own = sum(table[fault][stage] for fault, (of, _) in FAULTS.items() if of == stage)
    refused = sum(row[stage] for row in table.values())
    return own / refused if refused else 0.0


def of_real_clips() -> dict | None:
    """The same of every real clip with each fault; None where there are none."""
    try:
        clips, weights = list(real_clips()), (Path(os.environ["REAL_CLIPS"]),)
    except (NotMeasured, KeyError):
        return None
    raw = [raw_of(clip) for clip in clips]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for index, (fault, clip) in enumerate(
            (fault, clip) for fault in (AS_IT_WAS, *FAULTS) for clip in range(len(raw))
        ):
            one, other = raw[clip], raw[(clip + 1) % len(raw)]
            made = one if fault == AS_IT_WAS else FAULTS[fault][1](one, other)
            made.write(folder, named(index, fault))
        return judged(measured(folder, OF_REAL, weights))


def raw_of(clip: RealClip) -> Raw:
    frames = all_frames(clip.video)
    voice = clip.video.audio or Audio(torch.zeros(1, 16000), 16000)
    return Raw(frames, mono_16k(voice), (landmarks_of(clip),))


def landmarks_of(clip: RealClip) -> Tensor:
    """[f 68 2]"""
    return torch.stack([of_mesh(mesh)[:, :2] for mesh in clip.points])
