"""One report of an evaluation: JSON, a Markdown table, a plot."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from PIL import Image

from ...files import atomic
from ..plots import Line, Panel, draw
from .metric import Figure
from .registry import FIGURES
from .run import ClipResult
from .summary import Summary

JSON, MARKDOWN, PLOT = "report.json", "report.md", "report.png"
DIGITS = 4
PANEL_HEIGHT = 170  # pixels
MOST_NAMED = 6  # clips whose number stands at the axis


@dataclass(frozen=True)
class Report:
    clips: tuple[ClipResult, ...]
    summaries: dict[str, Summary]
    lines: tuple[str, ...]  # what is left out, and why

    def markdown(self) -> str:
        parts = [self._figures()]
        if len(self.clips) > 1:
            parts.append(self._clips())
        if self.lines:
            parts.append("\n".join(f"- {line}" for line in self.lines))
        return "\n\n".join(parts) + "\n"

    def _figures(self) -> str:
        rows = ["| figure | unit | better | value | 95 % interval | clips |", "|---|---|---|---|---|---|"]
        for name, figure in self._measured():
            one = self.summaries[name]
            between = (
                ""
                if one.low is None or one.high is None
                else f"{one.low:.{DIGITS}g} to {one.high:.{DIGITS}g}"
            )
            rows.append(
                f"| {name} | {figure.unit} | {figure.better} | {one.value:.{DIGITS}g} | {between} | {one.count} |"
            )
        return "\n".join(rows)

    def _clips(self) -> str:
        names = [name for name, _ in self._measured() if any(name in clip.figures for clip in self.clips)]
        rows = [f"| clip | {' | '.join(names)} |", "|---" * (len(names) + 1) + "|"]
        for clip in self.clips:
            values = (f"{clip.figures[n]:.{DIGITS}g}" if n in clip.figures else "" for n in names)
            name = clip.name.replace("|", "\\|")
            rows.append(f"| {name} | {' | '.join(values)} |")
        return "\n".join(rows)

    def _measured(self) -> list[tuple[str, Figure]]:
        """In the order of the registry."""
        return [(name, figure) for name, figure in FIGURES.items() if name in self.summaries]

    def contents(self) -> dict[str, Any]:
        figures = {name: asdict(figure) | asdict(self.summaries[name]) for name, figure in self._measured()}
        clips = [{"name": c.name, "figures": c.figures, "notes": c.notes} for c in self.clips]
        return {"figures": figures, "clips": clips, "lines": self.lines}

    def plot(self) -> Image.Image:
        """Of one clip its curves over time, if it has any; then each figure, clip by clip."""
        panels = curve_panels(self.clips[0]) if len(self.clips) == 1 else []
        panels += [
            figure_panel(figure, self.clips) for name, figure in self._measured() if name in self._of_clips()
        ]
        return draw(
            panels or [Panel([Line("nothing was measured", [])], [(0, ""), (1, "")])], height=PANEL_HEIGHT
        )

    def _of_clips(self) -> set[str]:
        return {name for clip in self.clips for name in clip.figures}

    def write(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        text = json.dumps(self.contents(), indent=1, ensure_ascii=False, allow_nan=False)
        for name, content in ((JSON, text + "\n"), (MARKDOWN, self.markdown())):
            with atomic(folder / name) as part:
                part.write_text(content, encoding="utf-8")
        with atomic(folder / PLOT) as part:
            self.plot().save(part)


def figure_panel(figure: Figure, clips: Sequence[ClipResult]) -> Panel:
    """A stem for each clip."""
    stems = [
        point
        for index, clip in enumerate(clips)
        if (value := clip.figures.get(figure.name)) is not None
        for point in ((index + 1, 0.0), (index + 1, value), (index + 1, None))
    ]
    step = -(-len(clips) // MOST_NAMED)
    numbers = [(index, str(index)) for index in range(1, len(clips) + 1, step)]
    unit = f" ({figure.unit})" if figure.unit else ""
    better = f", {figure.better} is better" if figure.better else ""
    label = f"{figure.name}{unit}{better}"
    highest = max((abs(y) for _, y in stems if y is not None), default=1.0) or 1.0
    return Panel([Line(label, stems)], [(0, ""), *numbers, (len(clips) + 1, "")], top=highest)


def curve_panels(clip: ClipResult) -> list[Panel]:
    """What was measured over the time of the clip, in shares of it."""
    ticks = [(share / 4, f"{share / 4:.0%}") for share in range(5)]
    lines = [
        Line(label, [((i + 0.5) / len(curve), value) for i, value in enumerate(curve)])
        for label, curve in clip.curves.items()
        if len(curve) > 1
    ]
    return [Panel(lines, ticks)] if lines else []
