"""Ten minutes in one run of the command line: length, sound, sync at the end, memory, colours, seams.

The run lies in a folder of its own under the system's temporary one. If it is interrupted, the next one resumes there.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice, pairwise
from pathlib import Path

import av
import numpy as np
import torch
from torch import Tensor

from skyreels_core.evaluation.agreement import correlation
from skyreels_core.evaluation.seams import change
from skyreels_core.evaluation.sheets import Curve, Row, contact_sheet
from skyreels_core.media.colour import thinned
from skyreels_core.media.footage import open_video
from skyreels_core.media.sound import read_audio

from .long_material import Speaker
from .material import FPS, measured_seams
from .record import PICTURES, Record
from .watching import Command, highest_of_each_span

MINUTES = float(os.environ.get("SKYREELS_MINUTES", "10"))
MINUTE = 60 * min(1.0, MINUTES / 2)  # seconds; a shorter try has shorter ones
SHOWN = round(4 * FPS)  # frames of the first and of the last seconds
CHUNK = 100  # frames read together
LOG_SECONDS = 10.0


def run(record: Record) -> None:
    folder = Path(tempfile.gettempdir()) / f"skyreels-{MINUTES:g}-minutes"
    folder.mkdir(exist_ok=True)
    speaker = Speaker.draw(0, 60 * MINUTES)
    output, attempts = folder / "hello.mp4", Attempts(folder / "attempts.jsonl")
    if not output.exists() or output.with_name(output.name + ".work").exists():
        words = [*speaker.animate(folder), "-o", output, "--report", folder / "report.json", "--resume"]
        attempts.make(words)
    record.update(attempts.figures())
    record["minutes"], record["fps"] = MINUTES, FPS
    record.update(lengths(output))
    seen = Seen.of(output, speaker)
    record["r_of_each_minute"] = seen.sync(speaker)
    contact_sheet(PICTURES / "ten_minutes.png", seen.rows(speaker))
    found = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    record.update(one_take(found))
    record.update(seen.between_joins([round(join["seconds"] * FPS) for join in found["joins"]]))
    shutil.copyfile(folder / "report.png", PICTURES / "drift.png")


@dataclass(frozen=True)
class Attempts:
    """What was seen of every attempt at the run, in a file that outlives it: a line each few seconds."""

    log: Path

    def make(self, words: Sequence[str | Path]) -> None:
        began, logged = time.time(), 0.0
        with self.log.open("a", encoding="utf-8") as file, Command(words) as command:
            while not command.ended():
                if command.curve and command.running - logged >= LOG_SECONDS:
                    logged, gb = command.curve[-1]
                    stage, percent = command.stage
                    line = {"began": began, "seconds": logged, "gb": gb, "stage": stage, "percent": percent}
                    file.write(json.dumps(line) + "\n")
                    file.flush()
                    sys.stderr.write(f"{stage} {percent} % after {logged / 60:.1f} min, {gb:.2f} GB\n")
            command.finish()
            last = {"began": began, "seconds": command.seconds, "gb": command.peak_gb, "stage": "end"}
            file.write(json.dumps(last) + "\n")

    def figures(self) -> dict:
        """All attempts as one: seconds, peak, and memory over time."""
        lines = [json.loads(line) for line in self.log.read_text(encoding="utf-8").splitlines()]
        curve, before = [], 0.0
        for began in dict.fromkeys(line["began"] for line in lines):
            spans = [(line["seconds"], line["gb"]) for line in lines if line["began"] == began]
            curve += [(before + seconds, gb) for seconds, gb in spans]
            before = curve[-1][0]
        sampled = [point for point, line in zip(curve, lines, strict=True) if line["stage"] != "end"]
        return {
            "attempts": len({line["began"] for line in lines}),
            "seconds": before,
            "peak_gb": max(gb for _, gb in curve),
            "memory_over_time": highest_of_each_span(sampled or curve, 60),
        }


def lengths(output: Path) -> dict:
    """Frames counted one by one, and how long picture and sound of the file are, in seconds."""
    with av.open(str(output)) as container:
        frames = sum(1 for _ in container.decode(video=0))
        rate = container.streams.video[0].average_rate
    return {"frames": frames, "video_seconds": frames / rate, "audio_seconds": read_audio(output).seconds}


def one_take(found: dict) -> dict:
    """What the run's own report found in seams, colours and the likeness to the portrait."""
    seams = [join["seam"] for join in found["joins"] if join["seam"] is not None]
    windows = [window for window in found["windows"] if window["identity"] is not None]
    end = windows[-1]["end"]
    likeness = {
        "first": [window["identity"] for window in windows if window["start"] < MINUTE],
        "last": [window["identity"] for window in windows if window["end"] > end - MINUTE],
    }
    return {
        "joins": len(seams),
        "seam_largest": max(seams),
        "seam_95": float(np.percentile(seams, 95)),
        "colour_slope": found["colours"]["slope_per_minute"],
        "colour_change": found["colours"]["last_minus_first"],
        "identity_least": min(window["identity"] for window in windows),
        **{f"identity_{name}": float(np.mean(values)) for name, values in likeness.items()},
    }


@dataclass(frozen=True)
class Seen:
    """A video watched once from end to end."""

    mouth: np.ndarray  # [f]
    changes: list[float]  # from each frame to the next
    first: Tensor  # [f h w 3]
    last: Tensor

    @classmethod
    def of(cls, output: Path, speaker: Speaker) -> Seen:
        stream, openings, changes = open_video(output).stream(), [], []
        first, last = [], deque(maxlen=SHOWN)
        while chunk := list(islice(stream, CHUNK)):
            openings.append(speaker.mouth(torch.stack(chunk)))
            before = [last[-1]] if last else []
            changes += [change(thinned(a), thinned(b)) for a, b in pairwise(before + chunk)]
            first += chunk[: SHOWN - len(first)]
            last.extend(chunk)
        return cls(np.concatenate(openings), changes, torch.stack(first), torch.stack(list(last)))

    def sync(self, speaker: Speaker) -> list[float]:
        """Pearson's r at lag 0 of the mouth and what drives it, minute by minute."""
        minute = round(MINUTE * FPS)
        spans = [slice(first, first + minute) for first in range(0, len(self.mouth) - minute // 2, minute)]
        driving = speaker.driving()
        return [correlation(self.mouth[span], driving[span]) for span in spans]

    def between_joins(self, joins: list[int]) -> dict:
        """The figure of a join where there is none, midway between two: the face alone makes it."""
        seams = measured_seams(self.changes, [(a + b) // 2 for a, b in pairwise(joins)], FPS)
        return {"between_95": float(np.percentile(seams, 95)), "between_largest": max(seams)}

    def rows(self, speaker: Speaker) -> list[Row]:
        ends = {"first": (self.first, slice(None, SHOWN)), "last": (self.last, slice(-SHOWN, None))}
        return [
            Row(
                f"{name} {SHOWN / FPS:g} s",
                frames,
                SHOWN / FPS,
                tuple(
                    Curve(label, torch.from_numpy(np.ascontiguousarray(values[span])))
                    for label, values in (("voice", speaker.driving()), ("mouth", self.mouth))
                ),
            )
            for name, (frames, span) in ends.items()
        ]
