"""A specification: what is wrong with it is a sentence, and what it combines is what it says."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from spec_files import specified, write_inputs, write_spec

from skyreels_core.api.options import settings_of
from skyreels_core.benchmarking.cells import cells_of, combinations, indices
from skyreels_core.benchmarking.material import Material, pieces_of
from skyreels_core.benchmarking.measures import FIGURES, choose
from skyreels_core.benchmarking.reading import CALLS, find, included, read
from skyreels_core.benchmarking.spec import Combine
from skyreels_core.errors import InputError
from skyreels_core.evaluation.metrics.weights import Weights
from skyreels_core.media.sound import Audio, read_audio
from skyreels_core.run.settings import Settings

DOCUMENT = Path(__file__).parents[2] / "docs" / "benchmark.md"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_inputs(tmp_path_factory.mktemp("inputs"))


EDIT = {"task": "edit", "portraits": None, "clips": "clips"}
WRONG = {
    "no field": ({"setings": {}}, "there is no field setings: did you mean 'settings'?"),
    "no settings": ({"settings": None}, "settings is missing: the rows of the table"),
    "no metrics": ({"metrics": None}, "metrics is missing; give the names of metrics"),
    "another task": ({"task": "dub"}, "task is 'dub', of type str; give one of animate, edit"),
    "a missing folder": ({"portraits": "photos"}, "photos, which does not exist. Make that folder"),
    "an empty pattern": ({"voices": "voices/*.mp3"}, "voices/*.mp3 matches no voices (.wav, .flac"),
    "no portraits": ({"portraits": None}, "the animate task needs portraits or drawn_faces"),
    "both": ({"drawn_faces": 2}, "the animate task needs portraits or drawn_faces"),
    "a seed twice": ({"seeds": [1, 1]}, "seeds is [1, 1], of type list; give a random seed from 0"),
    "a seed beyond all": ({"seeds": 2**64}, "seeds is [18446744073709551616], of type list"),
    "a fit": ({"options": {"fit": "squash"}}, "give one of keep_shape, crop, pad"),
    "a setting without a name": ({"settings": {"": {}}, "baseline": None}, "a setting has an empty name"),
    "a seed as text": ({"seeds": ["1"]}, "seeds is ['1'], of type list"),
    "an option": (
        {"settings": {"a": {"audio_guidence": 3}}},
        "no field settings.a.audio_guidence: did you mean 'audio_g",
    ),
    "a seed as an option": ({"options": {"seed": 3}}, "options.seed has a field of its own: seeds"),
    "a setting's value": ({"settings": {"a": 3}}, "settings.a is 3, of type int; give its options by name"),
    "an unknown baseline": ({"baseline": "x"}, "the baseline 'x' is no setting; choose one of one step"),
    "how they combine": (
        {"combine": "all"},
        "combine is 'all', of type str; give zip, product, or {sample: N, seed: S}",
    ),
    "no sample": ({"combine": {"sample": 0}}, "combine is {'sample': 0}, of type dict"),
    "pieces of nothing": ({"voice_pieces": 0}, "voice_pieces is 0, of type int; give the seconds of the pieces"),
    "pieces of no samples": ({"voice_pieces": 0.00001}, "voice_pieces is 1e-05, of type float; give the seconds"),
    "pieces as an answer": ({"voice_pieces": True}, "voice_pieces is True, of type bool"),
    "prompts that are gone": ({"prompts": "said.txt"}, "said.txt, which does not exist. Write one prompt"),
    "two ways to mark": ({**EDIT, "masks": "own", "yunet": "y"}, "2 are given"),
    "an edit without a mask": (EDIT, "an edit needs one of masks, keypoints"),
    "a model's field": ({"model": {"modell": "x"}}, "there is no field model.modell: did you mean 'model'?"),
    "rope": ({"model": {"audio_rope": 0}}, "model.audio_rope is 0, of type int; give true or false"),
    "a server without a workflow": ({"server": {"url": "x"}}, "server needs a workflow, of ComfyUI's Export (API)"),
    "pieces of own voices": ({"voices": "own", "voice_pieces": 1}, "leave it out where voices is own"),
    "an animation with a mask": ({"masks": "own"}, "masks marks what an edit regenerates; the task is animate"),
    "an empty name": ({"voices": [""]}, "voices holds an empty name. Give a file, a folder or a pattern"),
    "clips to animate": ({"clips": "clips"}, "clips are for task: edit; the task is animate. Give portraits"),
    "portraits to edit": (
        {**EDIT, "portraits": "portraits", "masks": "own"},
        "portraits are for task: animate; the task is edit. Give clips",
    ),
    "voices of pictures": ({"voices": "own"}, "portraits holds no portraits (.mp4, "),
    "the voice of a picture": (
        {"voices": "own", "portraits": "portraits/anna.png"},
        "voices is own, and ",
    ),
    "voices of drawings": (
        {"portraits": None, "drawn_faces": 2, "voices": "next"},
        "drawn faces have no voices. Name sound files",
    ),
    "prompts in a missing file among texts": (
        {"prompts": ["a person talks", "Said.TXT"]},
        "Said.TXT, which does not exist. Write one prompt",
    ),
    "a number for a text": ({"title": 2024}, "title is 2024, of type int; give a text, in quotes"),
    "a comma for metrics": ({"metrics": ","}, "metrics holds no name; give the names of metrics"),
    "a file of weights": (
        {"weights": "voices/hello.wav"},
        "hello.wav, a file. Give its folder, ",
    ),
    "a model's path": ({"model": {"model": ["x"]}}, "model.model is ['x'], of type list; give a path"),
    "a mask that is gone": ({**EDIT, "masks": "masks"}, "masks, which does not exist. Check the path; it starts at"),
    "a server's misspelt field": ({"server": {"workflw": "x"}}, "no field server.workflw: did you mean 'workflow'?"),
    "a server that is away for no time": (
        {"server": {"workflow": "x", "inputs": {"voice": "A.audio"}, "wait": -1}},
        "server.wait is -1, of type int; give seconds from 0 on",
    ),
    "a server's empty place": ({"server": {"workflow": "x", "inputs": {"voice": None}}}, "server needs a workflow"),
    "a face": ({"face": "left"}, "face is 'left', of type str; give \"largest\""),
}  # fmt: skip


@pytest.mark.parametrize("case", WRONG)
def test_what_is_wrong_is_a_sentence_with_the_file_and_the_field(folder, case):
    fields, sentence = WRONG[case]
    with pytest.raises(InputError) as error:
        specified(folder, **fields)
    assert str(folder / "spec.yaml") in str(error.value) and sentence in str(error.value)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("settings: {a: 1, a: 2}", "spec.yaml, line 1, column 18, is not YAML ('a' is given twice). Correct it"),
        ("settings: [", "is not YAML"),
        ("settings:\n\ta: {}", "line 2, column 1, is not YAML (found character '\\t' that cannot start any token; "),
        ("a: *b", "(found undefined alias 'b'). Correct it there."),
        ("title: \x01", "is not YAML (unacceptable character #x0001: special characters are not"),
        ("- a", "holds no fields"),
        ("settings: {yes: {}}\nvoices: voices\nportraits: portraits\nmetrics: sync", "True in settings is no text"),
    ],
)  # fmt: skip
def test_what_yaml_would_silently_change_is_refused(folder, tmp_path, text, sentence):
    path = tmp_path / "spec.yaml"
    path.write_text(text)
    with pytest.raises(InputError, match=r"spec\.yaml") as error:
        read(path, folder)
    assert sentence in str(error.value)


@pytest.mark.parametrize("encoding", ["utf-16", "latin-1"])
def test_a_specification_in_another_encoding_is_told_to_be_saved_in_utf_8(folder, tmp_path, encoding):
    path = tmp_path / "spec.yaml"
    path.write_text("title: für mich\n", encoding=encoding)
    with pytest.raises(InputError, match=r"spec\.yaml is not in UTF-8; save it as UTF-8 again"):
        read(path, folder)


def test_anchors_byte_order_marks_and_line_ends_of_windows_are_read(folder, tmp_path):
    lines = (
        "portraits: portraits", "voices: voices", "metrics: sharpness", "baseline: 4",
        "settings:", "  4: &four {steps: 4}", "  5: {<<: *four, width: 64}",
    )  # fmt: skip
    (tmp_path / "spec.yaml").write_bytes("\r\n".join(lines).encode("utf-8-sig"))
    found = read(tmp_path / "spec.yaml", folder)
    assert {setting.name: setting.options for setting in found.settings} == {
        "4": {"steps": 4},
        "5": {"steps": 4, "width": 64},
    }
    assert found.baseline == "4"


def test_prompts_are_texts_and_the_lines_of_text_files(folder, tmp_path):
    (folder / "said.txt").write_text("a person nods\n\na person sings\n")
    found = specified(folder, prompts=["a person talks", "said.txt"])
    assert found.inputs.prompts == ("a person talks", "a person nods", "a person sings")


def test_a_voice_that_cannot_be_cut_stays_whole_so_that_its_cells_fail_alone(folder, tmp_path):
    (tmp_path / "broken.wav").write_bytes(b"RIFF")
    found = specified(folder, voices=[str(tmp_path / "broken.wav"), "voices/hello.wav"], voice_pieces=0.3)
    assert [path.stem for path in Material(found.inputs, tmp_path / "made").voices] == [
        "broken",
        "hello_01",
        "hello_02",
    ]


def test_lists_are_files_folders_and_patterns_in_order(folder):
    found = specified(folder, portraits=["portraits/cleo.png", "portraits/[ab]*.png"], voices="voices")
    assert [path.stem for path in found.inputs.shown] == ["cleo", "anna", "ben"]
    assert [path.stem for path in found.inputs.voices] == ["hello", "welcome"]


def labels(benchmark, tmp_path):
    found = combinations(benchmark, Material(benchmark.inputs, tmp_path))
    return [(one.shown.stem, one.voice.stem, one.prompt.split()[-1]) for one in found]


def test_a_zip_starts_shorter_lists_again(folder, tmp_path):
    assert labels(specified(folder), tmp_path) == [
        ("anna", "hello", "talks"),
        ("ben", "welcome", "sings"),
        ("cleo", "hello", "talks"),
    ]


def test_a_product_has_each_with_each_and_a_sample_is_a_part_of_it_that_its_seed_decides(folder, tmp_path):
    whole = labels(specified(folder, combine="product"), tmp_path)
    assert len(set(whole)) == 3 * 2 * 2
    drawn = labels(specified(folder, combine={"sample": 5, "seed": 3}), tmp_path)
    assert len(set(drawn)) == 5 and set(drawn) < set(whole)
    assert drawn == labels(specified(folder, combine={"sample": 5, "seed": 3}), tmp_path)
    assert drawn != labels(specified(folder, combine={"sample": 5, "seed": 4}), tmp_path)
    assert len(list(indices(Combine("sample", 300), (50, 30, 20)))) == 300


def test_a_clip_speaks_with_its_own_voice_or_with_the_next_ones(folder, tmp_path):
    own = specified(folder, portraits="clips/*.mkv", voices="own", prompts=None)
    assert labels(replaced(own), tmp_path) == [("first", "first", "x"), ("second", "second", "x")]
    following = specified(folder, portraits="clips/*.mkv", voices="next", prompts=None)
    assert labels(replaced(following), tmp_path) == [("first", "second", "x"), ("second", "first", "x")]


def replaced(benchmark):
    """With a prompt, so that it has a last word."""
    return replace(benchmark, inputs=replace(benchmark.inputs, prompts=("x",)))


def test_drawn_faces_come_with_captions_and_keypoints(folder, tmp_path):
    benchmark = specified(folder, portraits=None, drawn_faces=2, keypoints="own", prompts="own")
    cells = list(cells_of(benchmark, benchmark.settings[0], Material(benchmark.inputs, tmp_path)))
    assert [cell.inputs.keypoints for cell in cells] == [tmp_path / "face_0.json", tmp_path / "face_1.json"]
    assert all("person with" in cell.inputs.prompt for cell in cells)
    assert cells[0].inputs.prompt != cells[1].inputs.prompt


def test_a_voice_is_cut_into_whole_pieces():

    def lengths(seconds):
        return [
            part.samples.shape[1] for part in pieces_of(Audio(torch.zeros(1, round(seconds * 100)), 100), 1.0)
        ]

    assert lengths(3.95) == [100, 100, 100, 95] and lengths(3.5) == [100, 100, 100]
    assert lengths(0.4) == [40] and lengths(1.0) == [100]


def test_pieces_that_are_cut_again_have_the_same_bytes_and_samples(folder, tmp_path):
    inputs = specified(folder, voice_pieces=0.2).inputs
    pieces = Material(inputs, tmp_path).voices
    assert [piece.stem for piece in pieces[:3]] == ["hello_01", "hello_02", "hello_03"] and len(pieces) == 6
    cut = [read_audio(piece).samples for piece in pieces[:3]]
    assert torch.equal(torch.cat(cut, 1), read_audio(folder / "voices" / "hello.wav").samples)
    assert b"PEAK" not in pieces[0].read_bytes()  # where libsndfile writes the time


@pytest.mark.parametrize("path", included(), ids=lambda path: path.stem)
def test_an_included_specification_can_be_read_once_its_folders_are_there(path, tmp_path, monkeypatch):
    monkeypatch.chdir(write_inputs(tmp_path))
    (tmp_path / "prompts.txt").write_text("a person talks\n")
    (tmp_path / "weights").mkdir()
    (tmp_path / "weights" / "face_detection_yunet_2023mar.onnx").touch()
    found = find(path.stem)
    assert (found.settings and found.title != found.name and "paper" in found.about) or found.name in (
        "demo",
        "hdtf_100_dubbing",
    )
    choose(found.metrics, Weights())
    assert set(found.columns) <= set(FIGURES)


DOCUMENTED = re.findall(r"```yaml\n(.*?)```", DOCUMENT.read_text(encoding="utf-8"), re.DOTALL)


@pytest.mark.parametrize("text", [text for text in DOCUMENTED if "metrics:" in text])
def test_a_documented_specification_can_be_read(text, tmp_path):
    folder = write_inputs(tmp_path)
    for name in ("hello.wav", "more/a.mp3", "weights/face_detection_yunet_2023mar.onnx"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).touch()
    (folder / "documented.yaml").write_text(text)
    found = read(folder / "documented.yaml", folder)
    assert choose(found.metrics, Weights()) and len(found.settings) > 1
    for setting in found.settings if found.server is None else ():
        settings_of(
            Settings(), {n: value for n, value in setting.options.items() if n not in CALLS[found.task]}
        )


def test_an_included_specification_says_which_folder_is_missing(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError) as error:
        find("portraits_50_30_20")
    assert f"portraits names {tmp_path / 'portraits'}, which does not exist. Make that folder" in str(
        error.value
    )
    (tmp_path / "portraits").mkdir()
    with pytest.raises(InputError, match=r"portraits holds no portraits \(\.png"):
        find("portraits_50_30_20")


def test_a_name_that_is_neither_a_file_nor_included_is_said_with_those_that_are(tmp_path):
    with pytest.raises(InputError, match="one of demo, figure_7, hdtf_100, "):
        find("table_4")
    assert find(str(write_spec(write_inputs(tmp_path)))).base == Path(tmp_path)
