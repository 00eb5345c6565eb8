"""Commands of the documentation, and every option with what it takes."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

from .context import Context
from .findings import Findings

COMMAND = "skyreels-audio "
FENCED = re.compile(r"^```(?:bash|sh)\n(.*?)^```", re.MULTILINE | re.DOTALL)
INLINE = re.compile(r"`([^`\n]+(?:\n[^`\n]+)?)`")
ROW = re.compile(r"^\| *(.+?) *(?<!\\)\|", re.MULTILINE)
ANIMATE, EDIT = "animate --audio a.wav -o a.mp4", "edit --video v.mp4 --audio a.wav -o a.mp4"
OWNERS = {
    "mask|keypoints|dwpose|face|gaps|length|editing|denoise|crop|yunet": EDIT,
    "set|csv|server|wait|workflow": "queue --workflow w.json",
    "only|limit|dry-run": "benchmark demo",
    "thresholds|workers|ray|every-stage": "data a.mp4 -o b",
}


def documented(context: Context) -> Findings:
    """Whether the old tree's documented commands are parsed; options by command, with defaults and choices."""
    texts = [context.old.path / "README.md", *sorted((context.old.path / "docs").glob("*.md"))]
    lines = list(dict.fromkeys(line for path in texts for line in commands_in(path)))
    parsed = context.tree.run(context.folder, [shlex.split(line) for line in lines], parse=True)
    pairs = zip(lines, parsed, strict=True)
    found: Findings = {line: "refused" if ended.code else "accepted" for line, ended in pairs}
    options = next(ended.options for ended in parsed if ended.options)
    for command, known in options.items():
        found |= {f"{command} {option}": described for option, described in known.items()}
    return found


def commands_in(path: Path) -> Iterator[str]:
    """Without the name of the program; where only an option is shown, with what its command needs."""
    text = path.read_text(encoding="utf-8")
    for block in FENCED.findall(text):
        for line in block.replace("\\\n", " ").splitlines():
            if line.strip().startswith(COMMAND):
                yield line.strip().removeprefix(COMMAND).split(" #")[0]
    for span in INLINE.findall(FENCED.sub("", text)):
        if (line := " ".join(span.split())).startswith(COMMAND):
            yield line.removeprefix(COMMAND).replace("FILE", "file")
    for cell in ROW.findall(text):
        for options in INLINE.findall(cell.replace("` `", " ")):
            if options.startswith("--"):
                yield f"{owner(options)} {with_value(options)}"


def owner(options: str) -> str:
    """The command that knows an option of a table, with what it needs."""
    return next((line for names, line in OWNERS.items() if re.match(rf"--({names})\b", options)), ANIMATE)


def with_value(options: str) -> str:
    """An option that is named without its value, as in a table of what may be given."""
    return f"{options} x" if re.fullmatch("--(mask|keypoints|dwpose|yunet)", options) else options
