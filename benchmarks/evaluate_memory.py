"""Many clips through every metric that needs no weights: the peak memory of few against many and of a short one
against a long one, and a run killed in the middle and taken up again."""

from __future__ import annotations

import json
import os
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

from torch import Tensor
from torch.nn.functional import interpolate

from skyreels_core.conditioning.pose import to_pose_keypoint
from skyreels_core.evaluation.metrics.report import JSON
from skyreels_core.media.writing import write_video

from .long_material import DrawnSpeaker, Speaker
from .material import FPS
from .record import Record
from .watching import Command, measured

FEW, MANY, DRAWN = 10, 100, 20
SECONDS, LONG_SECONDS = 10.0, 120.0
SIDE = 256  # NIQE takes nothing smaller than 193


def run(record: Record) -> None:
    many = int(os.environ.get("CLIPS", MANY))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for index in range(DRAWN):
            write_clip(folder / "many", f"{index:03}", DrawnSpeaker.draw(index, SECONDS))
        for index in range(
            DRAWN, many
        ):  # the same again, which nothing can know: each has a place of its own
            for ending in (".mp4", ".json"):
                drawn = folder / "many" / f"{index % DRAWN:03}{ending}"
                drawn.with_stem(f"{index:03}").hardlink_to(drawn)
        write_clip(folder / "long", "long", DrawnSpeaker.draw(0, LONG_SECONDS))
        few = sorted((folder / "many").glob("*.mp4"))[:FEW]
        runs = {
            "short": measured(words(few[:1], folder / "of_short")),
            "long": measured(words([folder / "long" / "long.mp4"], folder / "of_long")),
            "few": measured(words(few, folder / "of_few")),
            "many": measured(words([folder / "many"], folder / "of_many")),
        }
        record["killed_after"], record["measured_again"] = disturbed(folder, many)
        reports = [json.loads((folder / of / JSON).read_text()) for of in ("of_many", "of_killed")]
    record["same_report"] = reports[0] == reports[1]
    record["figures"] = sorted(reports[0]["figures"])
    record["clips"] = {"few": len(few), "many": many}
    record["seconds_of_each"], record["seconds_of_the_long"] = SECONDS, LONG_SECONDS
    record["peak_gb"] = {name: one.peak_gb for name, one in runs.items()}
    record["took"] = {name: one.seconds for name, one in runs.items()}


def words(videos: list[Path], output: Path) -> list[str | Path]:
    landmarks = videos[0] if videos[0].is_dir() else videos[0].parent
    return ["evaluate", *videos, "--keypoints", landmarks, "-o", output]


def disturbed(folder: Path, many: int) -> tuple[int, int]:
    """How many clips were ready when the run was killed at about a half, and how many of these the next one measured
    again."""
    output = folder / "of_killed"
    with Command(words([folder / "many"], output)) as command:
        while not command.ended() and len(ready(output)) < many // 2:
            pass
        command.send(signal.SIGKILL)
        command.wait()
    kept = ready(output)
    measured(words([folder / "many"], output))
    return len(kept), sum(after != kept[clip] for clip, after in ready(output).items() if clip in kept)


def ready(output: Path) -> dict[str, int]:
    """When the last file of each clip was written, in ns, but for the one that may not be complete."""
    clips = sorted((output / "clips").glob("*"), key=lambda path: path.stat().st_mtime_ns)[:-1]
    written = {clip.name: [file.stat().st_mtime_ns for file in clip.glob("*.json")] for clip in clips}
    return {name: max(times) for name, times in written.items() if times}


def write_clip(folder: Path, name: str, speaker: Speaker) -> None:
    """NAME.mp4, and NAME.json with its landmarks."""
    folder.mkdir(exist_ok=True)
    landmarks: list[Tensor] = []

    def frames() -> Iterator[Tensor]:
        for drawn, points in speaker.pieces():
            landmarks.append(points)
            yield from interpolate(drawn.permute(0, 3, 1, 2), SIDE, mode="bilinear").permute(0, 2, 3, 1)

    write_video(folder / f"{name}.mp4", frames(), FPS, speaker.audio())
    keypoints = json.dumps(to_pose_keypoint(speaker.keypoints(landmarks)))
    (folder / f"{name}.json").write_text(keypoints, encoding="utf-8")
