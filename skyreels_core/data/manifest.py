"""The manifest: a line for each shot in a Parquet file, with all that was measured and decided."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..errors import InputError
from ..files import atomic
from ..version import VERSION
from .decisions import Decided
from .stages import STAGES
from .stages.thresholds import Thresholds

MANIFEST = "manifest.parquet"
PLACE = {"id": str, "video": str, "start": float, "end": float, "error": str}
DECISION = {"keep": bool, "refused_by": str, "override": str, "note": str}


def columns() -> dict[str, type]:
    """Name and type of each: place, what every stage measured, whether it keeps the shot and why not, the decision."""
    found: dict[str, type] = dict(PLACE)
    for stage in STAGES:
        found |= {f"{stage.name}_{name}": kind for name, kind in stage.columns.items()}
        found |= {f"keep_{stage.name}": bool, f"reason_{stage.name}": str}
    return found | DECISION


def line(shot: Decided) -> dict[str, Any]:
    """None where nothing was measured or decided."""
    held: dict[str, Any] = {name: getattr(shot, name) for name in PLACE}
    held |= {"video": display_name(shot.video), "error": display_name(shot.error)}
    for stage in STAGES:
        values, reasons = shot.values.get(stage.name, {}), shot.reasons.get(stage.name)
        held |= {f"{stage.name}_{name}": values.get(name) for name in stage.columns}
        held |= {
            f"keep_{stage.name}": None if reasons is None else not reasons,
            f"reason_{stage.name}": "; ".join(reasons) if reasons else None,
        }
    override = shot.override
    decision, note = ("", "") if override is None else (override.decision, override.note)
    return {**held, "keep": shot.kept, "refused_by": shot.refused_by, "override": decision, "note": note}


def display_name(text: str) -> str:
    """A name that is no Unicode, as far as it can be written."""
    return os.fsencode(text).decode("utf-8", "replace")


def write_manifest(
    path: Path, shots: Sequence[Decided], thresholds: Thresholds, about: Mapping[str, Any]
) -> None:
    """Metadata: the version, the thresholds, and `about`, as JSON under "skyreels_audio". Raises InputError where
    pyarrow is not installed."""
    arrow, parquet = _arrow()
    kinds = {str: arrow.string(), float: arrow.float64(), bool: arrow.bool_()}
    said = {"version": VERSION, "thresholds": thresholds.sections, **about}
    metadata = {"skyreels_audio": json.dumps(said)}
    schema = arrow.schema([(name, kinds[kind]) for name, kind in columns().items()], metadata=metadata)
    table = arrow.Table.from_pylist([line(shot) for shot in shots], schema=schema)
    with atomic(path) as part:
        parquet.write_table(table, part)


def read_manifest(path: Path) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Its lines, and its metadata."""
    _, parquet = _arrow()
    table = parquet.read_table(path)
    return table.to_pylist(), json.loads((table.schema.metadata or {}).get(b"skyreels_audio", b"{}"))


def check_arrow() -> None:
    """Raises InputError where pyarrow is not installed."""
    _arrow()


def _arrow() -> tuple[Any, Any]:
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise InputError(
            'The manifest needs pyarrow. Install it: pip install "skyreels-audio[data]".'
        ) from error
    return pyarrow, pyarrow.parquet
