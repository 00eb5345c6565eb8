"""A page for a person to look at: the funnel, and samples of what each stage refused and of what is kept."""

from __future__ import annotations

import random
from collections.abc import Sequence
from html import escape
from itertools import islice
from pathlib import Path

from ..errors import InputError
from ..files import atomic
from ..media.writing import write_picture
from .decisions import Decided
from .funnel import BAD, BadCases, Level, levels
from .stages.shot import Recording

PAGE, SAMPLES = "index.html", "samples"
SHOWN = 12  # of each stage
WIDEST = 240  # pixels

STYLE = """
:root { color-scheme: light dark; --line: #8884; --soft: #8882; --bar: #3a7bd5; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 70rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.6rem; } h2 { font-size: 1.2rem; margin-top: 2.5rem; }
table { border-collapse: collapse; width: 100%; } td, th { padding: .4rem .7rem; text-align: left; }
tr { border-bottom: 1px solid var(--line); }
.number { text-align: right; font-variant-numeric: tabular-nums; }
.bar { background: var(--bar); height: .7rem; border-radius: .35rem; min-width: 2px; }
.shots { display: grid; grid-template-columns: repeat(auto-fill, minmax(13rem, 1fr)); gap: 1rem; }
figure { margin: 0; background: var(--soft); border-radius: .6rem; overflow: hidden; }
figure img { width: 100%; aspect-ratio: 16 / 9; object-fit: contain; background: #000; display: block; }
figcaption { padding: .6rem .8rem; font-size: .8rem; overflow-wrap: anywhere; } figcaption b { display: block; }
"""


def write_page(folder: Path, shots: Sequence[Decided], bad: BadCases) -> None:
    (folder / SAMPLES).mkdir(exist_ok=True)
    stages = levels(shots)
    parts = [
        f"<h1>What is left of {len(shots)} shots</h1>",
        _funnel(stages, len(shots)),
        f"<p>Bad among the kept: {escape(str(bad))}. Answer yes or no behind the ids in <code>{BAD}</code>, and run "
        "the command again. To keep or refuse a shot whatever was measured, write <code>id,keep,why</code> or "
        "<code>id,refuse,why</code> into <code>overrides.csv</code>.</p>",
    ]
    for level in stages:
        refused = [shot for shot in shots if shot.refused_by == level.stage]
        parts.append(_samples(folder, f"Refused by {level.stage}", refused))
    parts.append(_samples(folder, "Kept", [shot for shot in shots if shot.kept]))
    page = (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f"<title>Data funnel</title><style>{STYLE}</style><body>{''.join(parts)}</body></html>"
    )
    with atomic(folder / PAGE) as part:
        part.write_text(page, encoding="utf-8", errors="replace")


def _funnel(stages: Sequence[Level], count: int) -> str:
    numbers = "".join(f'<th class="number">{name}</th>' for name in ("refused", "left", "hours"))
    head = f"<tr><th>stage</th>{numbers}<th></th></tr>"
    lines = [
        f'<tr><td>{escape(one.stage)}</td><td class="number">{one.refused}</td><td class="number">{one.left}</td>'
        f'<td class="number">{one.hours:.2f}</td>'
        f'<td style="width:40%"><div class="bar" style="width:{100 * one.left / max(count, 1):.1f}%"></div></td></tr>'
        for one in stages
    ]
    return f"<table>{head}{''.join(lines)}</table>"


def _samples(folder: Path, title: str, shots: Sequence[Decided]) -> str:
    if not shots:
        return ""
    chosen = random.Random(title).sample(list(shots), min(SHOWN, len(shots)))
    figures = "".join(_figure(folder, shot) for shot in chosen)
    return f'<h2>{escape(title)} ({len(shots)})</h2><div class="shots">{figures}</div>'


def _figure(folder: Path, shot: Decided) -> str:
    picture = _picture(folder, shot)
    why = [shot.error] if shot.error else [reason for reasons in shot.reasons.values() for reason in reasons]
    if shot.override:
        why.append(f"{shot.override.decision}: {shot.override.note}")
    place = f"{Path(shot.video).name}, {shot.start:.1f} to {shot.end:.1f} s"
    image = f'<img src="{SAMPLES}/{escape(picture.name)}" alt="" loading="lazy">' if picture else ""
    lines = "<br>".join(escape(text) for text in [place, *why, *([shot.caption] if shot.caption else [])])
    return f"<figure>{image}<figcaption><b>{escape(shot.id)}</b>{lines}</figcaption></figure>"


def _picture(folder: Path, shot: Decided) -> Path | None:
    """Its middle frame; None where it cannot be read."""
    path = folder / SAMPLES / f"{shot.id}.png"
    if path.is_file():
        return path
    try:
        video = Recording(Path(shot.video)).video
        middle = min(round((shot.start + shot.end) / 2 * video.fps), len(video) - 1)
        frame = next(islice(video.stream(middle), 1))
    except (InputError, OSError, StopIteration):
        return None
    step = max(1, frame.shape[1] // WIDEST)
    write_picture(path, frame[::step, ::step])
    return path
