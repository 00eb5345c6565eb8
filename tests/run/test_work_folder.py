from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from skyreels_core.errors import InputError
from skyreels_core.run.resume import WorkFolder, digest
from skyreels_core.run.resume.fingerprint import differences, digest_frames, digest_weights

INPUTS = {"the voice": digest("a voice"), "the seed": "3", "the steps": "20"}
STATE = {"x": torch.arange(6.0).reshape(2, 3)}

HOLD = """
import sys, time
from skyreels_core.run.resume import WorkFolder
with WorkFolder(sys.argv[1]) as work:
    print("held", flush=True)
    time.sleep(600)
"""


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "clip.mp4.work"


def unfinished(folder: Path) -> None:
    """A run that was killed after its second step."""
    work = WorkFolder(folder)
    work.begin(INPUTS)
    work.save(STATE, {"step": 2})
    work.lock.release()


def test_a_state_comes_back_as_it_was_saved(folder):
    unfinished(folder)
    with WorkFolder(folder, "resume") as work:
        work.begin(INPUTS)
        tensors, values = work.load()
    assert torch.equal(tensors["x"], STATE["x"]) and values == {"step": 2}


def test_a_new_run_has_no_state(folder):
    with WorkFolder(folder) as work:
        assert work.load() is None and not work.unfinished


def test_an_unfinished_run_is_not_begun_again_in_silence(folder):
    unfinished(folder)
    with pytest.raises(InputError, match=r"unfinished run\. Resume it \(--resume\)"):
        WorkFolder(folder)
    with WorkFolder(folder, "resume") as work:
        assert work.unfinished and work.load() is not None


def test_restart_forgets_what_there_was(folder):
    unfinished(folder)
    with WorkFolder(folder, "restart") as work:
        work.begin({"the seed": "4"})
        assert work.load() is None


def test_other_inputs_are_named(folder):
    unfinished(folder)
    with (
        pytest.raises(InputError, match=r"the seed was 3 and is now 4; the voice has changed\."),
        WorkFolder(folder, "resume") as work,
    ):
        work.begin({**INPUTS, "the seed": "4", "the voice": digest("another")})
    with WorkFolder(folder, "resume") as work:
        work.begin(INPUTS)
        assert work.keeps


def test_what_ends_before_anything_was_saved_leaves_nothing(folder):
    with pytest.raises(KeyboardInterrupt), WorkFolder(folder) as work:
        work.begin(INPUTS)
        work.tensors("conditions")["0-9-video"] = STATE["x"]
        raise KeyboardInterrupt
    assert not folder.exists()


def test_what_ends_after_a_step_keeps_it(folder):
    with pytest.raises(KeyboardInterrupt), WorkFolder(folder) as work:
        work.begin(INPUTS)
        work.save(STATE, {"step": 1})
        raise KeyboardInterrupt
    assert WorkFolder(folder, "resume").load()[1] == {"step": 1}


def test_a_whole_video_leaves_no_folder(folder):
    with WorkFolder(folder) as work:
        work.begin(INPUTS)
        work.save(STATE, {"step": 1})
        work.tensors("conditions")["0-9-video"] = STATE["x"]
        work.finish()
    assert not folder.exists()


def test_files_of_others_are_neither_used_nor_removed(tmp_path):
    (tmp_path / "thesis.txt").write_text("the only copy")
    with pytest.raises(InputError, match=r"holds thesis\.txt, so it is not a run state"):
        WorkFolder(tmp_path, "restart")
    assert os.listdir(tmp_path) == ["thesis.txt"]


def test_a_file_that_came_later_stays(folder):
    with WorkFolder(folder) as work:
        (folder / "notes.txt").write_text("mine")
        work.finish()
    assert os.listdir(folder) == ["notes.txt"]


def test_parts_that_a_killed_run_left_are_cleared(folder):
    unfinished(folder)
    (folder / "conditions").mkdir()
    left = [folder / "state.safetensors.part", folder / "conditions" / "4-9-first.safetensors.part"]
    left += [folder / ".tmpfGA6ov", folder / "conditions" / ".tmpb3_XyZ"]  # safetensors' own
    for part in left:
        part.write_bytes(b"half")
    with WorkFolder(folder, "resume") as work:
        assert not any(part.exists() for part in left) and work.load() is not None


def test_a_second_process_is_refused_and_told_who_holds_it(folder):
    first = subprocess.Popen([sys.executable, "-c", HOLD, str(folder)], stdout=subprocess.PIPE, text=True)
    try:
        assert first.stdout.readline() == "held\n"
        with pytest.raises(InputError, match=f"in use by process {first.pid} on "):
            WorkFolder(folder, "resume")
    finally:
        first.kill()
        first.wait()
    with WorkFolder(folder, "resume") as work:  # a lock dies with its holder
        assert work.lock.is_locked


@pytest.mark.parametrize("content", [b"", b"no state", b"\xff" * 64])
def test_a_damaged_state_is_one_sentence(folder, content):
    unfinished(folder)
    (folder / "state.safetensors").write_bytes(content)
    with (
        WorkFolder(folder, "resume") as work,
        pytest.raises(InputError, match=r"state.safetensors is damaged .*--restart"),
    ):
        work.load()


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"version": 1, "inputs": 3}', '{"version": 1, "inputs": {"a": 1}}']
)
def test_a_damaged_description_is_one_sentence(folder, text):
    unfinished(folder)
    (folder / "run.json").write_text(text)
    with (
        WorkFolder(folder, "resume") as work,
        pytest.raises(InputError, match=r"run.json is damaged .*--restart"),
    ):
        work.begin(INPUTS)


def test_a_folder_of_another_release_says_so(folder):
    unfinished(folder)
    (folder / "run.json").write_text(json.dumps({"version": 99, "inputs": INPUTS}))
    with WorkFolder(folder, "resume") as work, pytest.raises(InputError, match="another release"):
        work.begin(INPUTS)


def test_a_state_that_is_not_finite_is_refused(folder):
    unfinished(folder)
    work = WorkFolder(folder, "resume")
    work.begin(INPUTS)
    work.save({"x": torch.tensor([1.0, float("nan")])}, {"step": 3})
    with work, pytest.raises(InputError, match="NaN"):
        work.load()


def test_a_file_in_the_place_of_the_folder_is_refused(folder):
    folder.write_text("a file")
    with pytest.raises(InputError, match="is a file; give a folder"):
        WorkFolder(folder)


def test_tensors_lie_in_files_and_come_back(folder):
    with WorkFolder(folder) as work:
        kept = work.tensors("conditions")
        kept["12-9-video"] = STATE["x"].T
        assert list(kept) == ["12-9-video"] and len(kept) == 1 and "12-9-first" not in kept
        assert torch.equal(work.tensors("conditions")["12-9-video"], STATE["x"].T)


def test_digests_see_values_shapes_types_and_files(tmp_path):
    x = torch.zeros(2, 3)
    (tmp_path / "a").write_bytes(b"1")
    (tmp_path / "b").write_bytes(b"2")
    seen = [digest(v) for v in (x, x.T, x + 1, x.half(), 3, "4", tmp_path / "a", tmp_path / "b")]
    assert len(set(seen)) == len(seen)
    assert digest(x, "a") == digest(torch.zeros(2, 3), "a")


def test_one_changed_frame_is_another_video():
    frames = [torch.full((2, 2, 3), value) for value in (0.1, 0.2, 0.3)]
    changed = [*frames[:2], frames[2] + 1e-6]
    assert digest_frames(frames) == digest_frames(iter(frames)) != digest_frames(changed)


def test_weights_after_training_are_others():
    weights = {"w": torch.randn(300, 40, generator=torch.Generator().manual_seed(0))}
    assert digest_weights(weights) == digest_weights({"w": weights["w"].clone()})
    assert digest_weights(weights) != digest_weights({"w": weights["w"] * (1 + 1e-6)})


def test_differences_are_words():
    assert differences({"the seed": "1", "gone": "x"}, {"the seed": "2"}) == [
        "gone was x and is now empty", "the seed was 1 and is now 2",
    ]  # fmt: skip
