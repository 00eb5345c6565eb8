"""What the families' weights.toml say is what the README, the guide, the templates and the sentences say."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from sources import NODES, PACK, sentences

from tools.make_weights import FAMILIES, MODELS, README, between, model_table, table, texts, with_links
from tools.weights import File, read_weights

NAMED = re.compile(r"(\S+\.safetensors) (?:in|from) models/(\w+)")
WEIGHTS = read_weights()


def test_generated_tables_and_links_are_up_to_date():
    """`python -m tools.make_weights` writes them."""
    stale = [str(path.relative_to(PACK)) for path, text in texts(WEIGHTS) if path.read_text("utf-8") != text]
    assert stale == []


def test_every_family_says_what_its_weights_are():
    folders = {path.parent for path in (NODES / "families").glob("*/family.py")}
    assert [folder.name for folder in folders if not (folder / "weights.toml").is_file()] == []


@pytest.mark.parametrize("file", WEIGHTS.files.values(), ids=lambda file: file.name)
def test_a_file_has_a_link_a_folder_and_a_size(file):
    assert file.link.startswith("https://huggingface.co/") and "/resolve/" in file.link
    assert re.fullmatch(r"[a-z_]+", file.folder) and file.size.endswith("GB")


def test_a_sentence_that_asks_for_a_file_names_its_folder():
    named = {found for sentence in sentences() for found in NAMED.findall(sentence)}
    assert len(named) >= 2
    assert {(name, WEIGHTS.files[name].folder) for name, _ in named} == named


def test_another_link_shows_in_the_readme_and_in_the_templates():
    name = "humo_17B_fp8_e4m3fn.safetensors"
    moved = replace(
        WEIGHTS, files=WEIGHTS.files | {name: replace(WEIGHTS.files[name], url="https://hub.example")}
    )
    changed = {path.name for path, text in texts(moved) if path.read_text("utf-8") != text}
    assert changed == {"README.md", "weights.md", "humo.json"}


def test_a_node_that_names_no_file_links_none():
    graph = (
        '{"nodes": [{"widgets_values": ["own.safetensors"], "properties": {"models": [{"name": "old"}]}}]}'
    )
    assert '"models"' not in with_links(graph, WEIGHTS)


def test_a_text_without_its_marks_is_refused():
    with pytest.raises(ValueError, match="families:begin"):
        between(README.read_text("utf-8").replace("families:end", "end"), "families", "")


def test_a_table_has_a_column_for_each_head():
    for lines, head in ((model_table(WEIGHTS), MODELS), (table(FAMILIES, [FAMILIES]), FAMILIES)):
        assert all(line.count(" | ") == len(head) - 1 for line in lines.splitlines() if "---" not in line)


def test_the_name_of_a_file_ends_its_link():
    assert File("a.safetensors", "https://hub.example/folder", "vae", "a", "1 GB").link.endswith(
        "/folder/a.safetensors"
    )
