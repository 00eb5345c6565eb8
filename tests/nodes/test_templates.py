"""What the front end opens is what the API files queue; the rest is that somebody can read it."""

from __future__ import annotations

import itertools

import pytest
from workflow_files import API, NAMES, NOTE, UI, differences, loose_ends, read

FOLDERS = (
    "diffusion_models", "model_patches", "text_encoders", "audio_encoders", "clip_vision", "vae", "loras",
)  # fmt: skip
TITLE = 30  # pixels of a node's title, above its position


@pytest.fixture(params=NAMES)
def name(request):
    return request.param


@pytest.fixture
def ui(name):
    return read(UI / f"{name}.json")


def outline(node):
    (left, top), (width, height) = node["pos"], node["size"]
    return left, top - TITLE, left + width, top + height


def overlap(one, other):
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


def within(inner, outer):
    return inner[0] >= outer[0] and inner[1] >= outer[1] and inner[2] <= outer[2] and inner[3] <= outer[3]


def test_each_template_has_an_api_file_and_a_picture():
    assert NAMES
    assert sorted(path.stem for path in UI.glob("*.json")) == NAMES
    assert sorted(path.stem for path in UI.glob("*.jpg")) == NAMES


def test_a_template_says_what_its_api_file_says(name, ui):
    assert differences(ui, read(API / f"{name}.json")) == []


def test_a_difference_is_found(name, ui):
    api = read(API / f"{name}.json")
    first = next(
        key for key, node in api.items() if any(isinstance(value, list) for value in node["inputs"].values())
    )
    entry = next(key for key, value in api[first]["inputs"].items() if isinstance(value, list))
    api[first]["inputs"][entry] = [first, 7]
    (line,) = differences(ui, api)
    assert line.startswith(f"node {first}: {entry} is")


def test_every_link_joins_sockets_of_its_type(ui):
    assert loose_ends(ui) == []


def test_ids_are_counted_as_the_front_end_counts(ui):
    assert ui["last_node_id"] == max(node["id"] for node in ui["nodes"])
    assert [link[0] for link in ui["links"]] == list(range(1, ui["last_link_id"] + 1))


def test_no_two_nodes_overlap(ui):
    outlines = {node["id"]: outline(node) for node in ui["nodes"]}
    pairs = itertools.combinations(outlines, 2)
    assert [pair for pair in pairs if overlap(*(outlines[key] for key in pair))] == []


def test_each_node_stands_in_one_group(ui):
    boxes = [(left, top, left + width, top + height) for left, top, width, height in
             (group["bounding"] for group in ui["groups"])]  # fmt: skip
    for node in ui["nodes"]:
        assert sum(within(outline(node), box) for box in boxes) == 1, node["title"]


def test_the_values_by_name_are_the_values_by_place(ui):
    for node in ui["nodes"]:
        if node["type"] != NOTE:
            by_place = [value for value in node.get("widgets_values", ()) if value is not None]
            assert by_place == list(node.get("widgets_values_named", {}).values())


def test_files_to_load_are_named_with_folder_and_link_where_one_is_public(ui):
    for node in ui["nodes"]:
        for model in node["properties"].get("models", ()):
            assert model["name"] in node["widgets_values"]
            assert model["url"].startswith("https://huggingface.co/")
            assert model["url"].endswith(f"/{model['name']}")
            assert model["directory"] in FOLDERS
