"""The templates: `workflows/<name>.json` as the front end saves them, from `workflows/api/<name>.json` and a layout.

    python -m tools.make_workflows            all, or those named
    python -m tools.make_workflows --check    whether they still say what the API files say

Needs ComfyUI (COMFYUI_PATH, COMFYUI_PYTHON), Chromium and playwright; `--check` needs none of them.
"""

from __future__ import annotations

import json
import sys
import uuid

from skyreels_core import __version__
from tests.host.browser import open_front_end
from tests.nodes.workflow_files import API, NOTE, UI, differences, read

from .host import open_host
from .layout import Layout, Note, arrange, to_grid
from .layouts import LAYOUTS, REPORTS, SIZES
from .make_weights import with_links
from .weights import read_weights

PACK = {"cnr_id": "skyreels-audio", "ver": __version__}
# The oldest host that the pack runs in.
HOST = {"cnr_id": "comfy-core", "ver": "0.20.1"}
# Pixels around a note's text.
NOTE_MARGIN = 40

LOAD = """async api => {
  await app.loadApiJson(api, "workflow")
  for (const node of app.graph._nodes)
    for (const widget of node.widgets ?? [])
      if (widget.name === "control_after_generate") widget.value = "fixed"
}"""

# Id, type, and width and height that show a node's whole text: of its sockets, its title and its fields.
MEASURE = """() => {
  const pen = document.createElement("canvas").getContext("2d")
  pen.font = `${LiteGraph.NODE_SUBTEXT_SIZE}px ${LiteGraph.NODE_FONT}`
  const ARROWS = 90, CORNERS = 80
  const LINES = ["number", "combo", "text", "string", "toggle"]
  const width = widget => !LINES.includes(widget.type) ? 0
    : pen.measureText(`${widget.label ?? widget.name}${widget._displayValue ?? widget.value}`).width + ARROWS
  return app.graph._nodes.map(node => {
    const [least, height] = node.computeSize(), shown = (node.widgets ?? []).filter(widget => !widget.hidden)
    const title = pen.measureText(node.title).width * LiteGraph.NODE_TEXT_SIZE / LiteGraph.NODE_SUBTEXT_SIZE + CORNERS
    return [node.id, node.type, [Math.max(least, title, ...shown.map(width)), height]]
  })
}"""

# Adds notes of given titles, texts and widths: heights that show all their lines.
ADD_NOTES = """async notes => {
  app.canvas.ds.scale = 1
  const made = notes.map(([title, text, width], index) => {
    const node = LiteGraph.createNode("MarkdownNote")
    node.title = title
    node.pos = [0, index * 50]
    app.graph.add(node)
    node.setSize([width, 200])
    node.widgets[0].value = text
    return node
  })
  app.canvas.setDirty(true, true)
  await new Promise(done => setTimeout(done, 1500))
  return Object.fromEntries(made.map(node => {
    const lines = node.widgets[0].element.querySelectorAll(".tiptap > *")
    const [first, last] = [lines[0].getBoundingClientRect(), lines[lines.length - 1].getBoundingClientRect()]
    return [node.id, last.bottom - first.top]
  }))
}"""


def main(names: list[str]) -> int:
    chosen = [name for name in names if not name.startswith("-")] or list(LAYOUTS)
    if "--check" in names:
        return check(chosen)
    with open_host() as server:
        for name in chosen:
            with open_front_end(
                server.url
            ) as front_end:  # a fresh one: fields keep values from graph to graph
                graph = build(front_end, name, read(API / f"{name}.json"), LAYOUTS[name])
            text = with_links(json.dumps(graph), read_weights())
            (UI / f"{name}.json").write_text(text, encoding="utf-8")
    return 0


def check(names: list[str]) -> int:
    """Print what differs; 1 where anything does."""
    found = [
        f"{name}: {line}"
        for name in names
        for line in differences(read(UI / f"{name}.json"), read(API / f"{name}.json"))
    ]
    sys.stderr.writelines(f"{line}\n" for line in found)
    return int(bool(found))


def build(front_end, name: str, api: dict, layout: Layout) -> dict:
    """The workflow as the front end would save it after somebody had put its nodes in order."""
    if sorted(layout.ids) != sorted(map(int, api)):
        raise ValueError(
            f"the layout of {name} has nodes {sorted(layout.ids)}, the file {sorted(map(int, api))}"
        )
    front_end.page.evaluate(LOAD, api)
    front_end.page.wait_for_timeout(1000)
    sizes = measured(front_end, layout)
    notes = front_end.page.evaluate(ADD_NOTES, [[note.title, note.text, note.width] for note in layout.notes])
    ids = dict(zip(layout.notes, map(int, notes), strict=True))
    for note, height in zip(layout.notes, notes.values(), strict=True):
        sizes[note] = (note.width, to_grid(height + NOTE_MARGIN))
    plan = arrange(layout, sizes)
    places = {ids[item] if isinstance(item, Note) else item: place for item, place in plan.nodes.items()}
    graph = front_end.serialize()
    return finished(graph, name, places, plan.groups)


def measured(front_end, layout: Layout) -> dict:
    """Id to width and height, rounded up to the grid."""
    sizes = {}
    for node_id, node_type, least in front_end.page.evaluate(MEASURE):
        wanted = layout.sizes.get(int(node_id)) or SIZES.get(node_type, (0, 0))
        width, height = (to_grid(max(pair)) for pair in zip(least, wanted, strict=True))
        sizes[int(node_id)] = (width, height + REPORTS.get(node_type, 0))
    return sizes


def finished(graph: dict, name: str, places: dict[int, list[int]], groups: list) -> dict:
    numbers = renumbered(graph["links"])
    return {
        "id": str(uuid.uuid5(uuid.NAMESPACE_URL, f"skyreels-audio/{name}")),
        "revision": 0,
        "last_node_id": graph["last_node_id"],
        "last_link_id": len(numbers),
        "nodes": [finished_node(node, places[node["id"]], numbers) for node in in_order(graph["nodes"])],
        "links": sorted([numbers[link], *rest] for link, *rest in graph["links"]),
        "groups": [
            {
                "id": index,
                "title": group.title,
                "bounding": box,
                "color": group.colour,
                "font_size": 24,
                "flags": {},
            }
            for index, (group, box) in enumerate(groups, 1)
        ],
        "config": {},
        "extra": {},
        "version": 0.4,
    }


def in_order(nodes: list[dict]) -> list[dict]:
    return sorted(nodes, key=lambda node: node["id"])


def renumbered(links: list[list]) -> dict[int, int]:
    """The front end numbers links as it happens to make them; here by where they lead."""
    return {link[0]: index for index, link in enumerate(sorted(links, key=lambda link: link[3:5]), 1)}


def finished_node(node: dict, place: list[int], links: dict[int, int]) -> dict:
    node = {**node, "pos": place[:2], "size": place[2:]}
    for entry in node["inputs"]:
        entry.pop("localized_name", None)
        entry["link"] = links.get(entry["link"])
    for entry in node["outputs"]:
        entry.pop("localized_name", None)
        entry["links"] = sorted(links[link] for link in entry.get("links") or ())
    if node["type"] == "RecordAudio":  # the front end also counts its button
        node["widgets_values"] = node["widgets_values"][:1]
    if node["type"] != NOTE:
        node["properties"] = {**node["properties"], **origin(node["type"])}
    return node


def origin(node_type: str) -> dict[str, str]:
    return PACK if node_type.startswith("SkyReelsAudio") else HOST


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
