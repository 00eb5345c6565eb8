"""Texts that change over time: each window's forwards are told their own, with a model of each family."""

from __future__ import annotations

import json

import pytest
import torch
from graphs import animation, changed, latent_of, node

TOLERANCE = 1e-4  # float32: branches are summed in another order, at a guidance of 4.5
FELT = 1e-3


@pytest.fixture(scope="module")
def facts(run_in_host, tmp_path_factory):
    folder = tmp_path_factory.mktemp("prompts")
    run_in_host("prompts_in_host.py", folder)
    return json.loads((folder / "found.json").read_text(encoding="utf-8"))


@pytest.fixture(params=["demo", "humo", "multitalk"])
def found(facts, request):
    return facts[request.param]


def test_each_window_predicts_what_it_would_with_its_text_alone(found):
    assert len(found["apart"]) == 6  # of three windows with text and without
    assert set(found["apart"].values()) == {0.0}
    assert found["moved"] > FELT and found["changed"] > FELT


def test_the_windows_are_fused_as_ever(found):
    assert found["fused"] <= TOLERANCE


def test_a_schedule_of_one_text_is_that_text_bit_for_bit(found):
    assert found["one"]


def test_a_text_beyond_the_end_is_said(found):
    assert "The prompt at 9 s is not used: the video ends at 1.64 s." in found["report"]


def test_conditions_are_prepared_for_a_window_and_dropped_after_the_run(found):
    assert found["longest"] in (0, 5)
    assert found["dropped"]


def test_what_other_nodes_do_to_the_first_text_holds_for_all(facts):
    wiring = facts["wiring"]
    assert wiring["first"] and wiring["text"] and wiring["joined"] and wiring["plain"]
    assert wiring["entries"] == 2 and wiring["range"] == 0.5


def test_a_text_changed_by_another_node_is_refused(facts):
    assert "Conditioning Concat" in facts["wiring"]["concatenated"]


def test_a_wrong_line_is_named(facts):
    assert "Line 2 of the prompt schedule, 'red hair', cannot be read." in facts["wiring"]["wrong line"]


def test_the_node_stands_where_clip_text_encode_does(server):
    plain = animation(text_guidance="3", window=3, overlap=1)
    caption = plain["positive"]["inputs"]["text"]

    def scheduled(text):
        entry = node("SkyReelsAudioPromptSchedule", clip=["demo", 1], text=text)
        return latent_of(server, plain | {"positive": entry})

    alone = latent_of(server, changed_text(plain, caption))
    assert torch.equal(scheduled(f"0 {caption}"), alone)
    assert (scheduled(f"0 {caption}\n0.3 blue wall") - alone).abs().max() > FELT


def changed_text(prompt, text):
    return prompt | {"positive": changed(prompt["positive"], text=text)}
