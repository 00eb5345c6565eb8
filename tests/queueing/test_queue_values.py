"""Values for the inputs of a workflow: which input is meant, and what a text stands for in it."""

from __future__ import annotations

import json

import pytest

from skyreels_core.errors import InputError
from skyreels_core.queueing.workflow import Workflow, read_workflow

PROMPT = {
    "1": {"class_type": "LoadImage", "inputs": {"image": "a.png"}, "_meta": {"title": "Portrait v1.5"}},
    "2": {
        "class_type": "CLIPTextEncode",
        "inputs": {"text": "", "clip": ["9", 0]},
        "_meta": {"title": "Words"},
    },
    "3": {"class_type": "CLIPTextEncode", "inputs": {"text": "7", "clip": ["9", 0]}},
    "4": {
        "class_type": "Sampler",
        "inputs": {"seed": ["8", 0], "steps": 20, "cfg": 5, "tiled": True, "codec.quality": 3, "words": "x"},
        "_meta": {"title": "Sampler"},
    },
    "8": {"class_type": "Foreign", "inputs": {"count": 3, "flag": False, "link": ["4", 0]}},
}
SAMPLER = {
    "required": {
        "seed": ["INT", {}], "steps": ["INT", {}], "cfg": ["FLOAT", {}], "tiled": ["BOOLEAN", {}],
        "words": ["STRING", {}], "size": [["small", "large"], {}],
    },
    "optional": {"scale": ["INT,FLOAT", {}], "mask": ["MASK", {}]},
}  # fmt: skip
LOAD_IMAGE = {"required": {"image": [["a.png"], {"image_upload": True}]}}
INFO = {"Sampler": {"input": SAMPLER}, "LoadImage": {"input": LOAD_IMAGE}}

WORKFLOW = Workflow(PROMPT, INFO.get)


@pytest.mark.parametrize(
    ("target", "place"),
    [
        ("1.image", ("1", "image")),
        ("Portrait v1.5.image", ("1", "image")),
        ("LoadImage.image", ("1", "image")),
        ("Words.text", ("2", "text")),
        ("Sampler.codec.quality", ("4", "codec.quality")),
        ("4.scale", ("4", "scale")),
        ("Foreign.count", ("8", "count")),
    ],
)
def test_a_node_is_found_by_id_title_or_class(target, place):
    assert WORKFLOW.find(target) == place


@pytest.mark.parametrize(
    ("target", "sentence"),
    [
        ("CLIPTextEncode.clips", "node 2 or 3; name the node by its id"),
        ("Voice.audio", '1 "Portrait v1.5" (LoadImage), 2 "Words" (CLIPTextEncode), 3 "CLIPTextEncode", '),
        ("image", "write node.input"),
        ("Words.txt", "Node 2 \"Words\" (CLIPTextEncode) has no input 'txt'; it has clip, text."),
        ("Sampler.codec.speed", "has no input 'codec.speed'"),
    ],
)
def test_what_is_not_found_is_said_with_what_there_is(target, sentence):
    with pytest.raises(InputError) as error:
        WORKFLOW.find(target)
    assert sentence in str(error.value)


@pytest.mark.parametrize(
    ("node", "name", "text", "value"),
    [
        ("4", "steps", "12", 12),
        ("4", "steps", "12.0", 12),
        ("4", "steps", "12,0", 12),
        ("4", "steps", "1E+05", 100_000),
        ("4", "steps", "\u00a012 ", 12),
        ("4", "seed", "18446744073709551615", 2**64 - 1),
        ("4", "cfg", "2.5", 2.5),
        ("4", "cfg", "2", 2),
        ("4", "cfg", "2,5", 2.5),
        ("4", "cfg", "1.000,5", 1000.5),
        ("4", "cfg", "1,000.5", 1000.5),
        ("4", "cfg", "0,125", 0.125),
        ("4", "cfg", "50%", 0.5),
        ("4", "cfg", "1e-1", 0.1),
        ("4", "tiled", "TRUE", True),
        ("4", "tiled", " False ", False),
        ("4", "tiled", "WAHR", True),
        ("4", "tiled", "faux", False),
        ("4", "tiled", "1", True),
        ("4", "tiled", "1.0", True),
        ("4", "tiled", "0,0", False),
        ("4", "tiled", "N", False),
        ("4", "tiled", "S\u00ec", True),
        ("4", "tiled", "no", False),
        ("4", "size", " large", "large"),
        ("4", "tiled", "false", False),
        ("4", "codec.quality", "0.5", 0.5),
        ("4", "size", "large", "large"),
        ("4", "words", "3", "3"),
        ("2", "text", '"quoted", {a|b}', '"quoted", {a|b}'),
        ("3", "text", "8", "8"),
        ("8", "count", "-1", -1),
        ("8", "flag", "true", True),
    ],
)
def test_a_text_becomes_what_the_input_takes(node, name, text, value):
    read = WORKFLOW.read(node, name, text)
    assert read == value and type(read) is type(value)


@pytest.mark.parametrize(
    ("node", "name", "text", "sentence"),
    [
        ("4", "steps", "1.5", "'steps' of node 4 \"Sampler\" is a whole number; '1.5' is not."),
        ("4", "steps", "true", "a whole number"),
        ("4", "cfg", "NaN", "a number; 'NaN'"),
        ("4", "cfg", "Infinity", "a number"),
        ("4", "cfg", "1,000", "a number; '1,000' is not (it may mean 1 or 1000)"),
        ("4", "cfg", "05.02.2024", "It looks like a date that a spreadsheet made of it"),
        ("4", "steps", "01. Mai", "It looks like a date"),
        ("4", "steps", "1.000", "may mean 1 or 1000"),
        ("4", "seed", "1.23457E+14", "a spreadsheet shortened it"),
        ("4", "tiled", "2", "true or false; '2'"),
        ("4", "tiled", "maybe", "true or false; 'maybe'"),
        ("4", "mask", "face.png", "takes the output of another node (MASK), not a value"),
    ],
)
def test_a_text_that_the_input_cannot_take_is_refused(node, name, text, sentence):
    with pytest.raises(InputError) as error:
        WORKFLOW.read(node, name, text)
    assert sentence in str(error.value)


def test_values_leave_the_workflow_itself_as_it_was():
    changed = WORKFLOW.with_values({("4", "steps"): 1, ("4", "scale"): 2})
    assert (changed["4"]["inputs"]["steps"], changed["4"]["inputs"]["scale"]) == (1, 2)
    assert PROMPT["4"]["inputs"]["steps"] == 20 and "scale" not in PROMPT["4"]["inputs"]
    assert changed["1"] == PROMPT["1"]


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b'{"nodes": [], "links": [], "version": 0.4}', "save it with Workflow > Export (API)"),
        (b'{"1": {"class_type": "A"}}', "is not a workflow"),
        (b"{}", "is not a workflow"),
        (b"[]", "is not a workflow"),
        (b'{"1": ', "cannot be read as a JSON file"),
        (b"\x89PNG\r\n", "cannot be read as a JSON file"),
    ],
)
def test_what_is_no_api_workflow_is_refused(tmp_path, content, sentence):
    path = tmp_path / "talk.json"
    path.write_bytes(content)
    with pytest.raises(InputError) as error:
        read_workflow(path, INFO.get)
    assert sentence in str(error.value) and str(path) in str(error.value)


def test_a_byte_order_mark_is_no_obstacle(tmp_path):
    path = tmp_path / "talk.json"
    path.write_text(json.dumps(PROMPT), encoding="utf-8-sig")
    assert read_workflow(path, INFO.get).prompt == PROMPT
