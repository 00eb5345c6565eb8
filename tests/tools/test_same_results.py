"""The guard before a restructuring notices what has changed, and lets pass what may."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.append(str(Path(__file__).parents[2]))  # tools are no part of the package

from tools.same_results.context import Context
from tools.same_results.findings import Refusal, compare, load, save
from tools.same_results.media import Inputs, bytes_of
from tools.same_results.nodes import of_input
from tools.same_results.parsing import commands_in, documented
from tools.same_results.trees import Tree

REPOSITORY = Path(__file__).parents[2]
LATENT = np.linspace(-1, 1, 24, dtype=np.float32).reshape(2, 3, 4)


def verdicts(old, new):
    return {row.name: row.verdict for row in compare(old, new)}


def changed(array, by):
    return np.where(np.arange(array.size).reshape(array.shape) == 5, array + by, array).astype(array.dtype)


def test_one_number_that_differs_in_its_last_bit_is_noticed():
    nearby = changed(LATENT, np.spacing(np.float32(1)))
    assert verdicts({"latent": LATENT}, {"latent": LATENT.copy()}) == {"latent": "equal"}
    assert verdicts({"latent": LATENT}, {"latent": nearby}) == {"latent": "differs"}


@pytest.mark.parametrize("other", [LATENT[:1], LATENT.astype(np.float64), LATENT.reshape(6, 4), "a text"])
def test_another_shape_or_type_differs(other):
    assert verdicts({"latent": LATENT}, {"latent": other}) == {"latent": "differs"}


def test_the_difference_is_said_in_numbers():
    (row,) = compare({"frames": np.zeros((2, 2), np.uint8)}, {"frames": np.array([[0, 3], [0, 0]], np.uint8)})
    assert (row.difference, row.passes) == ("3", False)


def test_numbers_that_are_none_are_equal_where_both_have_them():
    assert verdicts({"a": np.array([np.nan, 1.0])}, {"a": np.array([np.nan, 1.0])}) == {"a": "equal"}
    assert verdicts({"a": np.array([np.nan, 1.0])}, {"a": np.array([1.0, np.nan])}) == {"a": "differs"}


@pytest.mark.parametrize(
    ("new", "verdict"),
    [(["a", "b"], "equal"), (["a", "b", "c"], "added"), (["b", "a"], "differs"), (["a"], "differs"),
     (["c", "a", "b"], "differs"), (["a", "c", "b"], "differs")],
)  # fmt: skip
def test_a_list_may_grow_at_its_end_alone(new, verdict):
    assert verdicts({"inputs": ["a", "b"]}, {"inputs": new}) == {"inputs": verdict}


def test_what_is_gone_fails_and_what_is_more_does_not():
    rows = {row.name: row for row in compare({"a": "1"}, {"b": "1"})}
    assert (rows["a"].verdict, rows["b"].verdict) == ("missing", "added")
    assert not rows["a"].passes and rows["b"].passes


def test_a_refusal_passes_in_one_sentence_but_not_what_is_no_longer_refused():
    assert verdicts({"a": LATENT}, {"a": Refusal("Give another one.")}) == {"a": "refused"}
    assert verdicts({"a": LATENT}, {"a": Refusal("Traceback\n  in a line")}) == {"a": "differs"}
    assert verdicts({"a": Refusal("Give another one.")}, {"a": LATENT}) == {"a": "differs"}


def test_findings_are_kept_as_they_are(tmp_path):
    found = {
        "a": LATENT,
        "b/c": "text",
        "d": ["x", "y"],
        "e": Refusal("No."),
        "f": np.zeros((0, 3), np.uint8),
    }
    assert load(tmp_path) is None
    save(found, tmp_path)
    assert set(verdicts(found, load(tmp_path)).values()) == {"equal", "refused"}


def test_a_default_of_a_field_is_compared_and_its_tooltip_is_not():
    old = of_input("Sampler.steps", ["INT", {"default": 5, "max": 10, "tooltip": "Steps."}])
    reworded = of_input("Sampler.steps", ["INT", {"default": 5, "max": 10, "tooltip": "Of the schedule."}])
    other = of_input("Sampler.steps", ["INT", {"default": 6, "max": 10, "tooltip": "Steps."}])
    assert set(verdicts(old, reworded).values()) == {"equal"}
    assert set(verdicts(old, other).values()) == {"differs"}


def test_choices_are_a_list_of_their_own_in_both_forms_that_hosts_use():
    for spec in ([["a", "b"], {"default": "a"}], ["COMBO", {"options": ["a", "b"], "default": "a"}]):
        assert of_input("Node.fit", spec)["Node.fit: choices"] == ["a", "b"]


def test_commands_are_found_in_fences_sentences_and_tables(tmp_path):
    text = (
        "`skyreels-audio inspect FILE` and\n\n```bash\nskyreels-audio demo  # first\npip install x\n"
        "skyreels-audio animate \\\n  --audio a.wav -o a.mp4\n```\n| option | when |\n|---|---|\n| `--steps 10` | x |\n"
    )
    (tmp_path / "README.md").write_text(text)
    lines = [" ".join(line.split()) for line in commands_in(tmp_path / "README.md")]
    assert lines == [
        "demo", "animate --audio a.wav -o a.mp4", "inspect file", "animate --audio a.wav -o a.mp4 --steps 10",
    ]  # fmt: skip


def test_the_commands_of_this_trees_documents_are_accepted_and_options_listed(tmp_path):
    tree = Tree(REPOSITORY)
    found = documented(Context(tree, Inputs(tmp_path), tmp_path, tmp_path, tree, None))
    assert found["demo"] == "accepted" and found["animate --audio a.wav -o a.mp4 --steps 10"] == "accepted"
    assert "default=bidirectional" in found["edit --fusion"]
    refused = [line for line, said in found.items() if said == "refused"]
    assert [line for line in refused if " " in line] == []  # a command's name alone stands in a sentence


def test_a_command_that_is_refused_says_so_without_an_end_of_the_process(tmp_path):
    accepted, refused = Tree(REPOSITORY).run(tmp_path, [["demo"], ["demo", "--no-such-option"]], parse=True)
    assert (accepted.code, refused.code) == (0, 2)
    assert refused.sentence.startswith("skyreels-audio: ")


def test_bytes_are_numbers(tmp_path):
    (tmp_path / "a").write_bytes(b"\x00\xff")
    assert bytes_of(tmp_path / "a").tolist() == [0, 255]
