"""The templates in both formats, and whether they say the same."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

UI = Path(__file__).resolve().parents[2] / "workflows"
API = UI / "api"
NAMES = sorted(path.stem for path in API.glob("*.json"))
NOTE = "MarkdownNote"
ANY = "*"
BUTTONS = ("upload",)  # fields without a value


def read(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text(encoding="utf-8"))


def nodes_of(ui: dict) -> dict[str, dict]:
    """By id, as API files write it; without the notes."""
    return {str(node["id"]): node for node in ui["nodes"] if node["type"] != NOTE}


def differences(ui: dict, api: dict) -> list[str]:
    """A line for every node, link and value in which the two formats of a workflow differ."""
    nodes = nodes_of(ui)
    lines = [f"only in the API file: node {key}" for key in api.keys() - nodes.keys()]
    lines += [f"not in the API file: node {key}" for key in nodes.keys() - api.keys()]
    for key in sorted(api.keys() & nodes.keys(), key=int):
        found = said(nodes[key], ui["links"])
        expected = {"class": api[key]["class_type"], **api[key]["inputs"]}
        lines += [
            f"node {key}: {name} is {found.get(name)!r}, in the API file {expected.get(name)!r}"
            for name in sorted(found.keys() | expected.keys())
            if found.get(name) != expected.get(name)
        ]
    return lines


def said(node: dict, links: list) -> dict[str, Any]:
    """What an API file says of a node of a UI file: its class, its values, and where its links come from."""
    sources = {link: [str(origin), slot] for link, origin, slot, *_ in links}
    linked = {entry["name"]: sources[entry["link"]] for entry in node["inputs"] if entry["link"] is not None}
    fields = {entry["name"] for entry in node["inputs"] if "widget" in entry}
    named = node.get("widgets_values_named", {}).items()
    # in 0.33 `format.codec`, in 0.20 and in API files `codec`
    values = {name.rpartition(".")[2]: value for name, value in named if name in fields.difference(BUTTONS)}
    return {"class": node["type"], **values, **linked}


def loose_ends(ui: dict) -> list[str]:
    """A line for every link whose two sockets do not know it or have other types than it says."""
    nodes, lines = nodes_of(ui), []
    for link, origin, slot, target, place, kind in ui["links"]:
        source, entry = nodes[str(origin)]["outputs"][slot], nodes[str(target)]["inputs"][place]
        if link not in source["links"] or entry["link"] != link:
            lines.append(f"link {link}: {origin} and {target} do not both know it")
        if kind != source["type"] or not takes(entry["type"], kind):
            lines.append(f"link {link} is {kind}, from {source['type']} to {entry['type']}")
    return lines


def takes(entry: str, kind: str) -> bool:
    return ANY in (entry, kind) or kind in entry.split(",")
