"""The tables of weights in the README and in docs/weights.md, and the templates' links, from each weights.toml.

python -m tools.make_weights            writes them
python -m tools.make_weights --check    names what differs
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from .weights import PACK, Weights, read_weights

README, GUIDE, TEMPLATES = PACK / "README.md", PACK / "docs" / "weights.md", PACK / "workflows"
MODELS = (
    "family", "quality", "VRAM (estimated)", "10 s of video on an RTX 4090 (estimated)", "licence of the weights",
    "download",
)  # fmt: skip
FAMILIES = ("family", "file, size", "licence of the weights", "nodes")
FILES = ("file", "contents", "folder in `ComfyUI/models`", "size", "licence", "verified")


def main(arguments: list[str]) -> int:
    different = [path for path, text in texts(read_weights()) if path.read_text(encoding="utf-8") != text]
    if "--check" in arguments:
        sys.stderr.writelines(
            f"{path.relative_to(PACK)} is not what weights.toml says\n" for path in different
        )
        return int(bool(different))
    for path, text in texts(read_weights()):
        path.write_text(text, encoding="utf-8")
    return 0


def texts(weights: Weights) -> Iterator[tuple[Path, str]]:
    """Every file with generated parts, and what it has to hold."""
    readme, guide = (path.read_text(encoding="utf-8") for path in (README, GUIDE))
    yield README, between(readme, "families", model_table(weights))
    yield GUIDE, between(between(guide, "families", family_table(weights)), "files", file_table(weights))
    for path in sorted(TEMPLATES.glob("*.json")):
        yield path, with_links(path.read_text(encoding="utf-8"), weights)


def between(text: str, name: str, part: str) -> str:
    begin, end = f"<!-- {name}:begin -->\n", f"<!-- {name}:end -->"
    before, _, rest = text.partition(begin)
    _, found, after = rest.partition(end)
    if not found:
        raise ValueError(f"There is no {begin.strip()} with {end} behind it.")
    return f"{before}{begin}{part}{end}{after}"


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    head = list(head)
    lines = [head, ["---"] * len(head), *rows]
    ruled = (
        "|" + "|".join(line) + "|" if line[0] == "---" else f"| {' | '.join(line)} |"
        for line in map(list, lines)
    )
    return "".join(f"{line}\n" for line in ruled)


def model_table(weights: Weights) -> str:
    return table(MODELS, (
        (model.name, model.quality, model.memory, model.time, model.licence, weights.linked(model.download))
        for model in weights.models
    ))  # fmt: skip


def family_table(weights: Weights) -> str:
    return table(FAMILIES, ((one.name, one.size, one.licence, one.nodes) for one in weights.families))


def file_table(weights: Weights) -> str:
    return table(FILES, (
        (f"[{file.name}]({file.link})", file.what, f"`{file.folder}`", file.size, file.licence,
         "yes" if file.verified else "no")
        for file in weights.files.values()
    ))  # fmt: skip


def with_links(text: str, weights: Weights) -> str:
    """A template whose nodes link the files that their fields name."""
    graph = json.loads(text)
    for node in graph["nodes"]:
        values = node.get("widgets_values", ())
        if links := [weights.files[value].property for value in values if value in weights.files]:
            node["properties"]["models"] = links
        else:
            node["properties"].pop("models", None)
    return f"{json.dumps(graph, indent=2, ensure_ascii=False)}\n"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
