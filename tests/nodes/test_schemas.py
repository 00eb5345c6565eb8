"""What the nodes promise in the menu, the tooltips and the help pages, read from their source: no host is needed."""

from __future__ import annotations

import ast
import importlib.util
import re
from pathlib import Path

import pytest
from locale_files import SPECIAL, read
from sources import NODES, PACK, VARIABLE, Module, Schema, schemas, sentences

PREFIX = "SkyReelsAudio"
PAGES = NODES / "web" / "docs"
LANGUAGES = ("en", "zh")
SECTIONS = {
    "en": ["## Outputs", "## Typical use", "## When something is wrong"],
    "zh": ["## 输出", "## 典型用法", "## 出现问题时"],
}
DETECTORS = ("DWPose", "YuNet", "MediaPipe", "OpenPose")
NUMBERS = ("io.Int.Input", "io.Float.Input")
QUOTED = re.compile(r'^\| "([^"]+)" \|', re.MULTILINE)  # what a node says, in the first column of a table
CHINESE = re.compile(r"[\u4e00-\u9fff]")

each_node = pytest.mark.parametrize("schema", schemas(), ids=lambda schema: schema.node_id or schema.place)
each_language = pytest.mark.parametrize("language", LANGUAGES)


def page(node_id: str, language: str) -> Path:
    return PAGES / f"{node_id}.md" if language == "en" else PAGES / node_id / f"{language}.md"


def sockets(schema: Schema):
    return [*schema.inputs, *schema.outputs]


def told(sentence: str, where: set[str]) -> bool:
    """Whether one of the strings says it, whatever stands for the variable parts."""
    parts = (part.strip() for part in sentence.split(VARIABLE))
    pattern = ".*".join(re.escape(part) for part in parts if part.strip(" .,;:()"))
    return any(re.search(pattern, text, re.DOTALL) for text in where)


def test_node_ids_are_literals_with_our_prefix_and_each_is_there_once():
    ids = [schema.node_id for schema in schemas()]
    assert all(name and re.fullmatch(rf"{PREFIX}\w+", name) for name in ids)
    assert len(set(ids)) == len(ids) > 0


@each_node
def test_a_node_has_a_name_a_place_and_a_description(schema):
    assert {"display_name", "category", "description"} <= schema.options.keys()


@each_node
@each_language
def test_a_node_that_takes_faces_from_several_detectors_is_not_named_after_one(schema, language):
    taken = {name for name in DETECTORS for socket in schema.inputs if name in socket.tooltip}
    shown = read(language, "nodeDefs")[schema.node_id]["display_name"]
    heading = page(schema.node_id, language).read_text("utf-8").split("\n")[0]
    assert heading == f"# {shown}"
    if len(taken) > 1:
        assert not any(name in shown for name in DETECTORS)
        assert all(name.lower() in ast.unparse(schema.options["search_aliases"]) for name in taken)


@each_node
def test_every_socket_has_a_name_and_a_tooltip(schema):
    assert [socket.name for socket in sockets(schema) if not socket.tooltip] == []
    assert all(socket.name for socket in sockets(schema))


@each_node
def test_every_number_has_a_default_and_bounds(schema):
    for socket in schema.inputs:
        if socket.kind in NUMBERS:
            assert {"default", "min", "max"} <= socket.options.keys(), socket.name


FILES = sorted([*NODES.glob("*.py"), *(NODES / "families").glob("*/*.py")])


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(NODES)))
def test_every_node_of_a_file_is_listed(path):
    module = Module(path)
    made = {schema.place.rpartition(" ")[2]: schema.node_id for schema in module.schemas()}
    assert set(module.listed()) == made.keys()
    assert set(made.values()) <= {schema.node_id for schema in schemas()}, "its file is not in STEPS"


@each_language
def test_help_pages_are_those_of_the_nodes(language):
    found = (
        PAGES.glob("*.md") if language == "en" else (path.parent for path in PAGES.glob(f"*/{language}.md"))
    )
    assert sorted(path.stem for path in found) == sorted(schema.node_id for schema in schemas())


@each_language
@each_node
def test_a_help_page_tells_of_every_socket(schema, language):
    text, texts = page(schema.node_id, language).read_text(encoding="utf-8"), read(language, "nodeDefs")
    assert text.startswith(f"# {texts[schema.node_id]['display_name']}\n")
    assert [section for section in SECTIONS[language] if section not in text] == []
    assert [socket.name for socket in sockets(schema) if f"`{socket.name}`" not in text] == []


@each_node
def test_a_chinese_help_page_calls_the_sockets_what_the_front_end_calls_them(schema):
    text, texts = (
        page(schema.node_id, "zh").read_text(encoding="utf-8"),
        read("zh", "nodeDefs")[schema.node_id],
    )
    names = [texts["inputs"][socket.name]["name"] for socket in schema.inputs]
    names += [texts["outputs"][str(index)]["name"] for index in range(len(schema.outputs))]
    called = zip(names, sockets(schema), strict=True)
    assert [name for name, socket in called if f"{name} `{socket.name}`" not in text] == []


@each_language
@each_node
def test_what_a_help_page_quotes_is_said(schema, language):
    quoted = QUOTED.findall(page(schema.node_id, language).read_text(encoding="utf-8"))
    known = sentences()
    assert [sentence for sentence in quoted if not told(sentence, known)] == []


@each_node
def test_the_english_texts_are_those_of_the_schema(schema):
    """Values in a tooltip are known to a host only: `tests/host` compares with them."""
    texts = read("en", "nodeDefs")[schema.node_id]
    assert texts["display_name"] == schema.option("display_name")
    assert told(schema.option("description"), {texts["description"]})
    names = {socket.name for socket in schema.inputs}
    assert names == texts["inputs"].keys()
    assert [socket.name for socket in schema.outputs] == [
        entry["name"] for entry in texts["outputs"].values()
    ]
    written = [*(texts["inputs"][socket.name] for socket in schema.inputs), *texts["outputs"].values()]
    for socket, entry in zip(sockets(schema), written, strict=True):
        if "tooltip" in entry or VARIABLE not in socket.tooltip:
            assert told(socket.tooltip, {entry["tooltip"]}), socket.name


@each_node
def test_the_chinese_texts_are_complete(schema):
    texts = read("zh", "nodeDefs")[schema.node_id]
    assert texts["inputs"].keys() == read("en", "nodeDefs")[schema.node_id]["inputs"].keys()
    assert list(texts["outputs"]) == [str(index) for index in range(len(schema.outputs))]
    tooltips = [texts["inputs"][socket.name]["tooltip"] for socket in schema.inputs]
    tooltips += [entry["tooltip"] for entry in texts["outputs"].values()]
    assert [text for text in (texts["description"], *tooltips) if not CHINESE.search(text)] == []
    assert all(entry["name"] for entry in (*texts["inputs"].values(), *texts["outputs"].values()))


@each_language
def test_texts_hold_nothing_that_the_front_end_takes_for_a_formula(language):
    assert read(language, "nodeDefs").keys() == {schema.node_id for schema in schemas()}
    for part in ("main", "nodeDefs"):
        assert not SPECIAL & set("".join(leaves(read(language, part))))


def leaves(texts: dict) -> list[str]:
    return [
        leaf for value in texts.values() for leaf in (leaves(value) if isinstance(value, dict) else [value])
    ]


def test_both_languages_name_the_same_categories_and_types():
    english, chinese = (read(language, "main") for language in LANGUAGES)
    assert {key: value.keys() for key, value in english.items()} == {
        key: value.keys() for key, value in chinese.items()
    }
    used = " ".join(sentences())
    assert [name for names in english.values() for name in names if name not in used] == []


def test_the_pack_is_imported_without_a_host():
    spec = importlib.util.spec_from_file_location(
        "pack_without_a_host", PACK / "__init__.py", submodule_search_locations=[str(PACK)]
    )
    pack = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(pack)
    assert callable(pack.comfy_entrypoint)
    assert (PACK / pack.WEB_DIRECTORY).resolve() == PAGES.parent
    assert not hasattr(pack, "NODE_CLASS_MAPPINGS")  # with it, a host ignores the entry point
