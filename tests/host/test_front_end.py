"""What a user meets in the browser: templates that open whole, the Run button, the help pages."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from browser import NoBrowser, open_front_end, read_json, read_text

from skyreels_core import assets
from skyreels_core.media.reading import read_video

PACK, PREFIX = "skyreels-audio", "SkyReelsAudio"
WORKFLOWS = Path(__file__).resolve().parents[2] / "workflows"
NAMES = sorted(path.stem for path in WORKFLOWS.glob("*.json"))
# zoom: the front end draws no text of fewer pixels than 8, where it has 14 at 100 %
SMALLEST_WITH_TEXT = 8 / 14
LARGEST = {"conversation": 0.5}  # two of most nodes: whole, it needs a window of 1920x1080 to be read
LIMIT = 300  # seconds for a run


def template(name):
    return json.loads((WORKFLOWS / f"{name}.json").read_text(encoding="utf-8"))


def models(graph):
    """Files with a link that ComfyUI offers to download."""
    return [model["name"] for node in graph["nodes"] for model in node["properties"].get("models", ())]


def put_inputs(server, graph):
    """What the loaders of pictures and voices name, from what comes with the pack."""
    sources = {"LoadImage": assets.portrait(), "LoadAudio": assets.voice(1), "LoadVideo": assets.video()}
    for node in graph["nodes"]:
        if source := sources.get(node["type"]):
            shutil.copy(source, server.input / node["widgets_values"][0])


@pytest.fixture(scope="module")
def front_end(server):
    try:
        with open_front_end(server.url) as front_end:
            yield front_end
    except NoBrowser as missing:
        pytest.skip(str(missing))


@pytest.mark.parametrize("name", NAMES)
def test_a_template_opens_whole_with_text_that_can_be_read(server, front_end, name):
    graph = template(name)
    put_inputs(server, graph)
    front_end.open(graph, name)
    assert front_end.missing_nodes() == []
    assert front_end.wrong_sockets() == []
    assert front_end.zoom() > LARGEST.get(name, SMALLEST_WITH_TEXT)


@pytest.mark.parametrize("name", [name for name in NAMES if not models(template(name))])
def test_a_template_for_the_demo_has_nothing_that_keeps_it_from_running(front_end, name):
    front_end.open(template(name), name)
    assert front_end.problems() == []


@pytest.mark.parametrize("name", [name for name in NAMES if models(template(name))])
def test_weights_that_are_missing_are_listed_with_their_folders(server, front_end, name):
    graph = template(name)
    put_inputs(server, graph)
    front_end.open(graph, name)
    listed = front_end.missing_models()
    for node in graph["nodes"]:
        for model in node["properties"].get("models", ()):
            assert model["name"] in listed
            assert model["directory"] in listed
    assert "Download" in listed


def test_the_quick_start_runs_from_the_run_button_to_a_video_on_its_node(server, front_end):
    front_end.open_template(PACK, "quick_start")
    ended = front_end.run(LIMIT)
    assert ended["status"]["completed"], ended["status"]["messages"][-1]
    (saved,) = (file for out in ended["outputs"].values() for file in out.get("images", ()))
    video = read_video(server.output / saved["subfolder"] / saved["filename"])
    assert len(video.frames) == 122
    assert front_end.page.locator("video").first.evaluate("video => video.videoWidth") == 96
    assert front_end.overlaps() == []


def test_the_pack_has_its_templates_with_pictures_in_the_browser(front_end):
    assert front_end.browse_templates(PACK) == NAMES
    assert [front_end.template_picture(name) for name in NAMES] == [[512, 512]] * len(NAMES)


def test_every_node_has_a_help_page_in_both_languages(server):
    nodes = [name for name in read_json(f"{server.url}/object_info") if name.startswith(PREFIX)]
    assert nodes
    for name in nodes:
        for page in (f"{name}.md", f"{name}/zh.md"):
            assert len(read_text(f"{server.url}/extensions/{PACK}/docs/{page}")) > 200


@pytest.mark.parametrize("node", ["SkyReelsAudioSampler", "SkyReelsAudioCFGScheduler"])
def test_the_info_button_shows_the_help_page_of_the_node(server, front_end, node):
    heading = read_text(f"{server.url}/extensions/{PACK}/docs/{node}.md").splitlines()[0].lstrip("# ")
    assert front_end.help_of(node).startswith(heading)
