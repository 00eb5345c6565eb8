"""What the README says about ComfyUI is there."""

from __future__ import annotations

import json
import re

from sources import PACK, schemas

README = (PACK / "README.md").read_text(encoding="utf-8")
WORKFLOWS = PACK / "workflows"


def first_cells(heading: str) -> list[str]:
    """The first column of the table that follows these words."""
    rows = re.findall(r"^\|(.+)\|$", README[README.index(heading) :].split("\n\n#")[0], re.MULTILINE)
    return [row.split("|")[0].strip() for row in rows[2:]]


def test_every_node_is_in_the_table():
    named = {name.strip() for cell in first_cells("### Nodes") for name in cell.split(", ")}
    assert named == {schema.option("display_name") for schema in schemas()}


def test_every_template_is_in_the_table():
    named = {cell.strip("`") for cell in first_cells("Then open *Templates*")}
    assert named == {path.stem for path in WORKFLOWS.glob("*.json")}


def test_the_table_of_a_batch_fits_its_workflow():
    header = next(line for line in README.splitlines() if line.startswith("name,"))
    workflow = json.loads((WORKFLOWS / "api" / "image_animation_own_weights.json").read_text(encoding="utf-8"))
    fields = {f"{node['_meta']['title']}.{name}" for node in workflow.values() for name in node["inputs"]}
    assert set(header.split(",")) - {"name"} <= fields


def test_every_link_into_the_repository_leads_somewhere():
    links = re.findall(r"\]\((?!http)([^)#]+)", README)
    assert links and [link for link in links if not (PACK / link).exists()] == []
