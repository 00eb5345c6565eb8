"""What was asked, what was made and what it is like, as a JSON file with a picture beside it."""

from __future__ import annotations

import json
from argparse import Namespace
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from .. import __version__
from ..api.video import Video
from ..evaluation.continuity import Continuity
from ..evaluation.drift_plot import draw_drift
from ..files import atomic
from ..media.writing import check_output

DIGITS = 4  # after the point, of everything that was measured


def check_report(path: Path | None) -> None:
    """Raises InputError where no report can be written. Call it before the work."""
    if path is not None:
        check_output(path, (".json",))
        check_output(path.with_suffix(".png"), (".png",))


def write_report(args: Namespace, device: torch.device, video: Video) -> None:
    """FILE.json, and FILE.png with the curves of the meters; once all frames were read."""
    text = json.dumps(plain(contents(args, device, video)), indent=2, ensure_ascii=False, allow_nan=False)
    with atomic(args.report) as part:
        part.write_text(f"{text}\n", encoding="utf-8")
    with atomic(args.report.with_suffix(".png")) as part:
        draw_drift(measured(video)).save(part)


def contents(args: Namespace, device: torch.device, video: Video) -> dict[str, Any]:
    report, found = video.report, measured(video)
    return {
        "version": __version__,
        "torch": torch.__version__,
        "command": {name: value for name, value in vars(args).items() if value not in (None, "")},
        "sampling": report.plan.settings.recommendation(),
        "device": device,
        "dtype": report.plan.model.dtype,
        "video": {
            "made_at": report.size,
            "frames": report.frames,
            "fps": report.fps,
            "seconds": report.frames / report.fps,
            "voice_seconds": video.audio.seconds,
        },
        "forwards": {"planned": report.planned, "computed": report.computed, "reused": report.reused},
        "stages_seconds": dict(report.seconds),
        "windows": found.windows,
        "worst_window": found.worst_window,
        "joins": found.joins,
        "worst_join": found.worst_join,
        "colours": {
            "seconds": found.colours,
            "slope_per_minute": found.slope,
            "last_minus_first": found.change,
        },
        **({} if report.edit is None else {"edit": report.edit}),
        "lines": report.lines,
    }


def measured(video: Video) -> Continuity:
    found = video.report.continuity
    assert found is not None  # all frames were read
    return found


def plain(value: Any) -> Any:
    """As JSON has it."""
    if hasattr(value, "__dataclass_fields__"):
        return plain(asdict(value))
    if isinstance(value, dict):
        return {str(key): plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [plain(inner) for inner in value]
    if isinstance(value, float):
        return round(value, DIGITS)
    return value if value is None or isinstance(value, str | int) else str(value)
