"""What the README and the documents say about the repository is there."""

from __future__ import annotations

import json
import re

import pytest
from documents import CONTRIBUTING, PAGES, README, first_cells, links, rows, text_of
from sources import PACK, schemas
from workflow_files import API, UI

BATCHES, NODES = PACK / "docs" / "batches.md", PACK / "docs" / "nodes.md"
TESTS = "python -m pytest -n 2 --dist loadfile"
TWO_COMMANDS = ['pip install -c .ci/constraints.txt ".[test]"', TESTS]
LINT = ["ruff check", "ruff format", "basedpyright --level error"]
FRONT_PAGE = 200  # lines


def linked_models():
    """The links of the files that the templates name."""
    graphs = [json.loads(path.read_text(encoding="utf-8")) for path in UI.glob("*.json")]
    nodes = [node for graph in graphs for node in graph["nodes"]]
    return {model["url"] for node in nodes for model in node["properties"].get("models", ())}


def test_the_readme_is_a_front_page():
    assert len(text_of(README).splitlines()) < FRONT_PAGE


def test_the_two_commands_of_a_developer_are_those_that_every_change_passes():
    _, section = text_of(README).split("\n## Development\n")
    block = re.search(r"```bash\n(.*?)```", section, re.DOTALL)[1]
    assert block.splitlines() == TWO_COMMANDS
    script = (PACK / ".ci" / "run").read_text(encoding="utf-8").splitlines()
    workflow = (PACK / ".github" / "workflows" / "tests.yml").read_text(encoding="utf-8")
    assert [line for line in script if line in TWO_COMMANDS] == TWO_COMMANDS
    assert all(f"- run: {command}\n" in workflow for command in TWO_COMMANDS)


def test_every_change_passes_the_linter_the_formatter_and_the_type_checker_of_contributing():
    script = (PACK / ".ci" / "run").read_text(encoding="utf-8").splitlines()
    workflow = (PACK / ".github" / "workflows" / "tests.yml").read_text(encoding="utf-8")
    asked = [f"{command} --check" if command == "ruff format" else command for command in LINT]
    run = [line.removesuffix(" &") for line in script]  # one may run beside the tests
    assert [line for line in run if line in (*asked, TESTS)] == [*asked, TESTS]
    assert all(f"- run: {command}\n" in workflow for command in asked)
    assert "\n".join(LINT) in text_of(CONTRIBUTING)


def test_every_node_is_in_the_table():
    named = {name.strip() for cell in first_cells(NODES, "node") for name in cell.split(", ")}
    assert named == {schema.option("display_name") for schema in schemas()}


def test_every_template_is_in_the_table():
    named = {cell.strip("`") for cell in first_cells(README, "template")}
    assert named == {path.stem for path in UI.glob("*.json")}


def test_the_table_of_families_stands_between_its_markers():
    text = text_of(README)
    assert text.count("<!-- families:begin -->\n| family |") == 1
    assert text.count("|\n<!-- families:end -->") == 1


def test_every_family_says_how_good_how_large_how_fast_under_which_licence_and_where_from():
    families = list(rows(README, "family"))
    assert {"HuMo 1.7B", "HuMo 17B", "SkyReels-V3 A2V 19B"} <= {family[0] for family in families}
    assert [family for family in families if len(family) != 6 or not all(family)] == []


def test_the_readme_links_to_the_files_that_the_templates_download():
    """Or to another size of one, in the same folder."""
    known = {url.rpartition("/")[0] for url in linked_models()}
    weights = [link for link in links(README) if link.endswith(".safetensors")]
    assert weights and {link.rpartition("/")[0] for link in weights} <= known


def test_the_table_of_a_batch_fits_its_workflow():
    header = next(line for line in text_of(BATCHES).splitlines() if line.startswith("name,"))
    workflow = json.loads((API / "image_animation_own_weights.json").read_text(encoding="utf-8"))
    fields = {f"{node['_meta']['title']}.{name}" for node in workflow.values() for name in node["inputs"]}
    assert set(header.split(",")) - {"name"} <= fields


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_into_the_repository_leads_somewhere(page):
    local = [link for link in links(page) if not re.match(r"https?:", link)]
    assert [link for link in local if not (page.parent / link).exists()] == []


def test_the_readme_leads_to_every_document():
    named = {(README.parent / link).resolve() for link in links(README)}
    others = {page for page in PAGES if page.name not in ("README.md", "publishing.md")}
    assert {page.name for page in others - named} == set()
