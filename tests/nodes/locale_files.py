"""The texts of the nodes in the languages that the host serves."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

LOCALES = Path(__file__).resolve().parents[2] / "locales"
SPECIAL = set("@{}|")  # vue-i18n reads a message with one of these as a formula; some front ends, not others

Texts = dict[str, Any]


def read(language: str, part: str) -> Texts:
    return json.loads((LOCALES / language / f"{part}.json").read_text(encoding="utf-8"))


def write(language: str, part: str, texts: Texts) -> None:
    text = json.dumps(texts, indent=2, ensure_ascii=False)
    (LOCALES / language / f"{part}.json").write_text(f"{text}\n", encoding="utf-8")


def texts_of(node: Texts) -> Texts:
    """The texts of an entry of /object_info, as nodeDefs.json holds them. What vue-i18n would misread is left
    out: the front end then shows what the schema says."""
    inputs = {**node["input"].get("required", {}), **node["input"].get("optional", {})}
    named = {name: (name, options.get("tooltip")) for name, (_, options) in inputs.items()}
    outputs = zip(node["output_name"], node["output_tooltips"], strict=True)
    return {
        "display_name": node["display_name"],
        "description": node["description"],
        "inputs": {key: plain(*texts) for key, texts in named.items()},
        "outputs": {str(index): plain(*texts) for index, texts in enumerate(outputs)},
    }


def plain(name: str, tooltip: str | None) -> Texts:
    texts = {"name": name, "tooltip": tooltip}
    return {key: text for key, text in texts.items() if text and not SPECIAL & set(text)}
