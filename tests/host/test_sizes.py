"""A picture of another shape than the size: kept, cropped or padded, as the node says; old API files crop."""

from __future__ import annotations

import json

import pytest
from graphs import altered, animation, latent_of, node

KEPT = [48, 192]  # height and width: the picture is four times as wide as it is high
ASKED = [96, 96]


@pytest.fixture(scope="module")
def facts(run_in_host, tmp_path_factory):
    folder = tmp_path_factory.mktemp("sizes")
    run_in_host("sizes_in_host.py", folder)
    return json.loads((folder / "found.json").read_text(encoding="utf-8"))


@pytest.fixture(params=["demo", "humo", "multitalk"])
def found(facts, request):
    return facts[request.param]


def test_a_picture_keeps_its_shape_at_the_area_that_is_asked_for(found):
    assert found["keep_shape"]["size"] == KEPT
    assert "The video is 192x48." in found["keep_shape"]["report"]
    assert (
        "The size 96x96 becomes 192x48: about its area, in the picture's aspect ratio."
        in found["keep_shape"]["report"]
    )


def test_it_is_cropped_or_padded_to_exactly_the_size_where_that_is_chosen(found):
    assert found["crop"]["size"] == found["pad"]["size"] == ASKED
    assert "Picture: 256x64 scaled to 384x96, cropped to 96x96." in found["crop"]["report"]
    assert "Picture: 256x64 scaled to 96x24, padded with black to 96x96." in found["pad"]["report"]


def test_a_graph_of_before_the_choice_crops_as_it_did(found):
    assert found["none"] == found["crop"]


def test_a_size_of_0_is_the_pictures_whatever_the_fit(facts):
    assert {tuple(found["size"]) for found in facts["own"].values()} == {(64, 256)}


def test_humo_encodes_its_reference_at_the_size_of_the_video(facts):
    sizes = {fit: [8 * side for side in shape] for fit, shape in facts["humo reference"].items()}
    assert sizes == {"none": ASKED, "keep_shape": KEPT, "crop": ASKED, "pad": ASKED}
    assert facts["humo padded"] and facts["humo as before"]


def test_a_padded_picture_and_the_masks_of_its_speakers_stay_whole_and_together(facts):
    assert facts["whole"]
    # the picture is 24 px high in the middle of 96: two of six rows of tokens, 12 px of 16 in each
    assert facts["two speakers"] == [0, 0, 1, 1, 0, 0]


@pytest.mark.parametrize(("fit", "size"), [({}, (8, 8)), ({"fit": "keep_shape"}, (6, 12))])
def test_a_wide_picture_is_sampled_at_the_size_that_the_node_says(server, fit, size):
    wide = node(
        "ImageScale", image=["inputs", 0], upscale_method="area", width=128, height=64, crop="disabled"
    )
    prompt = altered(animation(), "scene", picture=["wide", 0], **fit) | {"wide": wide}
    assert latent_of(server, prompt).shape[3:] == size
