"""What a running host says of the pack: its nodes with all their texts, in both languages, and the help pages."""

from __future__ import annotations

import urllib.request

import pytest
from locale_files import read, texts_of

PACK = "skyreels-audio"
CATEGORIES = ("loaders", "audio", "masks", "conditioning", "guidance", "sampling", "video")
# Node ids stand in saved workflows: they are never renamed.
NODES = {
    "SkyReelsAudioApplyInfiniteTalk", "SkyReelsAudioApplyLayers", "SkyReelsAudioCFGScheduler",
    "SkyReelsAudioColorUnify", "SkyReelsAudioComposite", "SkyReelsAudioCreateVideo", "SkyReelsAudioDemoInputs",
    "SkyReelsAudioEvaluate", "SkyReelsAudioFaceCrop", "SkyReelsAudioFaceMask", "SkyReelsAudioGuider",
    "SkyReelsAudioHuMo",
    "SkyReelsAudioImageAnimation", "SkyReelsAudioJoinShots", "SkyReelsAudioKeyFrames",
    "SkyReelsAudioLoadDWPose", "SkyReelsAudioLoadDemo", "SkyReelsAudioLoadModel", "SkyReelsAudioLoadV3",
    "SkyReelsAudioLoadWav2Vec", "SkyReelsAudioLoadWhisper", "SkyReelsAudioLoadYuNet",
    "SkyReelsAudioMagCache", "SkyReelsAudioMotionFrames", "SkyReelsAudioMultiTalk", "SkyReelsAudioPreset",
    "SkyReelsAudioPromptSchedule", "SkyReelsAudioS2V", "SkyReelsAudioS2VSampler", "SkyReelsAudioSampler",
    "SkyReelsAudioSaveVideo", "SkyReelsAudioSpeaker", "SkyReelsAudioTeaCache", "SkyReelsAudioTokens",
    "SkyReelsAudioVideoEdit", "SkyReelsAudioWindows",
}  # fmt: skip

each_node = pytest.mark.parametrize("node_id", sorted(NODES))
each_language = pytest.mark.parametrize("language", ["en", "zh"])


@pytest.fixture(scope="module")
def listed(server):
    """The pack's entries of /object_info."""
    everything = server.client.ask("GET", "/object_info")
    return {key: node for key, node in everything.items() if node["python_module"] == f"custom_nodes.{PACK}"}


@pytest.fixture(scope="module")
def texts(server):
    """Of all packs, by language."""
    return server.client.ask("GET", "/api/i18n")


def test_the_pack_is_there_whole(listed, server):
    assert listed.keys() == NODES
    failed = [line for line in server.log.splitlines() if "IMPORT FAILED" in line]
    assert not any(PACK in line for line in failed)  # other packs of the host are no matter of this one


@each_node
def test_a_node_has_its_names_and_its_place(listed, node_id):
    node = listed[node_id]
    pack, _, step = node["category"].partition("/")
    assert pack == "SkyReels-Audio" and step in CATEGORIES
    assert node["display_name"] != node_id and node["description"].endswith(".")
    assert not node.get("deprecated") and not node.get("experimental")


@each_node
def test_every_input_and_output_has_a_tooltip(listed, node_id):
    node = listed[node_id]
    # hidden ones are nobody's to see
    kinds = [node["input"].get(kind, {}) for kind in ("required", "optional")]
    inputs = {name: options for kind in kinds for name, (_, options) in kind.items()}
    tooltips = {name: options.get("tooltip") for name, options in inputs.items()}
    tooltips |= dict(zip(node["output_name"], node["output_tooltips"], strict=True))
    assert [name for name, tooltip in tooltips.items() if not tooltip] == []


@each_node
def test_the_english_texts_are_the_schemas(listed, node_id):
    assert read("en", "nodeDefs")[node_id] == texts_of(listed[node_id])


@each_language
def test_the_host_serves_the_texts_of_both_languages(texts, language):
    for part, expected in {"nodeDefs": read(language, "nodeDefs"), **read(language, "main")}.items():
        served = texts[language][part]
        assert {key: served[key] for key in expected} == expected


@each_language
@each_node
def test_the_host_serves_the_help_pages(server, node_id, language):
    """Under the addresses that the front end asks for: one for a language, and one for all others."""
    page = f"{node_id}.md" if language == "en" else f"{node_id}/{language}.md"
    with urllib.request.urlopen(f"{server.url}/extensions/{PACK}/docs/{page}") as answer:
        assert "html" not in answer.headers["Content-Type"]
        heading = answer.read().decode().splitlines()[0]
    assert heading == f"# {read(language, 'nodeDefs')[node_id]['display_name']}"
