"""Places where no video can be written, and work folders that cannot be gone on with."""

from __future__ import annotations

import json
import math
import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from bad_input import EARLIER, Case, CommandLine, cases, contents
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from skyreels_core.cli import INTERRUPTED, main
from skyreels_core.cli.progress import Bars

PLACES: dict[str, Case] = {
    "a folder that is not there": (lambda desk: ("-o", desk.folder / "none" / "a.mp4"), "is not a folder"),
    "a file as folder": (lambda desk: ("-o", desk.folder / "mine.txt" / "a.mp4"), "is not a folder"),
    "a folder itself": (lambda desk: ("-o", desk.folder), "is a folder"),
    "another kind of file": (lambda desk: ("-o", desk.folder / "a.txt"), ".mp4"),
    "no kind of file": (lambda desk: ("-o", desk.folder / "a"), ".mp4"),
    "nothing": (lambda desk: ("-o", ""), ".mp4"),
    "a folder of the system": (lambda desk: ("-o", "/proc/a.mp4"), "/proc"),
    "a name too long": (lambda desk: ("-o", desk.folder / f"{'a' * 300}.mp4"), "name"),
    "WebM in H.264": (lambda desk: ("-o", desk.folder / "a.webm", "--codec", "h264"), "webm"),
    "a file as work folder": (lambda desk: ("--work", desk.folder / "mine.txt"), "mine.txt is a file"),
    "a work folder of others": (lambda desk: ("--work", desk.folder), "not a run state"),
    "a work folder of the system": (lambda desk: ("--work", "/proc/none/work"), "--work"),
    "a work folder below a file": (lambda desk: ("--work", desk.folder / "mine.txt" / "work"), "--work"),
    "a report in no folder": (lambda desk: ("--report", desk.folder / "none" / "a.json"), "none"),
    "a report of another kind": (lambda desk: ("--report", desk.folder / "a.mp4"), ".json"),
}  # fmt: skip


if sys.platform != "linux":  # others have no folder in which not even root can make a file
    PLACES = {name: case for name, case in PLACES.items() if "of the system" not in name}


@cases(PLACES)
def test_a_place_that_takes_no_video_is_one_sentence(desk, case):
    options, needle = case
    desk.refuses(desk.animation(*options(desk)), needle)


@pytest.mark.parametrize("linked", [False, True], ids=["itself", "by another name"])
@pytest.mark.parametrize("option", ["--video", "--audio", "--mask"])
def test_an_output_that_is_an_input_is_one_sentence(desk, option, linked):
    path = Path(shutil.copy(desk.whole.video, desk.folder / "mine.mkv"))
    output = desk.folder / "link.mkv" if linked else path
    if linked:
        os.link(path, output)
    line = desk.refuses(desk.editing("--mask", desk.whole.mask, option, path, "-o", output), "would replace")
    assert option in line and "--output" in line


def test_a_report_that_is_an_input_is_one_sentence(desk):
    poses = Path(shutil.copy(desk.whole.keypoints, desk.folder / "keypoints.json"))
    desk.refuses(desk.editing("--keypoints", poses, "--report", poses), "--keypoints")


def test_a_demo_into_a_file_is_one_sentence(desk):
    desk.refuses(["demo", "-o", str(desk.folder / "mine.txt")], "is a file")


class Stop:
    """Ctrl-C when the first frame is decoded: the state of the last step is on the disk."""

    def __call__(self, bars: Bars, stage: str, *rest: object) -> None:
        if stage == "decoding":
            raise KeyboardInterrupt


@pytest.fixture(scope="session")
def stopped(whole, tmp_path_factory):
    """The work folder of a run that was stopped."""
    desk = CommandLine(tmp_path_factory.mktemp("stopped"), whole, lambda: None)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Bars, "__call__", lambda bars, *words: Stop()(bars, *words))
        assert main(desk.animation()) == INTERRUPTED
    assert [path.name for path in desk.folder.iterdir()] == ["result.mp4.work"]
    return desk.folder / "result.mp4.work"


@pytest.fixture
def work(desk, stopped):
    return Path(shutil.copytree(stopped, f"{desk.output}.work"))


def state(work: Path, tensors: dict[str, torch.Tensor] | None = None, **values: object) -> None:
    """Change what was saved."""
    path = work / "state.safetensors"
    with safe_open(path, "pt") as file:
        metadata = file.metadata() | {name: json.dumps(value) for name, value in values.items()}
    save_file(load_file(path) | (tensors or {}), path, metadata)


def written(work: Path, name: str, content: bytes | str) -> None:
    (work / name).write_bytes(content.encode() if isinstance(content, str) else content)


def run(work: Path, **changes: object) -> None:
    content = json.loads((work / "run.json").read_text(encoding="utf-8"))
    written(work, "run.json", json.dumps(content | changes))


def half(work: Path, name: str) -> None:
    content = (work / name).read_bytes()
    (work / name).write_bytes(content[: len(content) // 2])


DAMAGES = {
    "a state that is cut": (lambda work: half(work, "state.safetensors"), "state.safetensors is damaged"),
    "a state of nothing": (lambda work: written(work, "state.safetensors", b""), "state.safetensors is damaged"),
    "a state of noise": (lambda work: written(work, "state.safetensors", b"\x01" * 999), "is damaged"),
    "a state of text": (lambda work: written(work, "state.safetensors", "hello"), "state.safetensors is damaged"),
    "a state with NaN": (
        lambda work: state(work, {"x": torch.full_like(load_file(work / "state.safetensors")["x"], math.nan)}),
        "state.safetensors is damaged",
    ),
    "a state of another shape": (lambda work: state(work, {"x": torch.zeros(1, 16, 2, 8, 8)}), "does not fit"),
    "a state without its step": (lambda work: state(work, step=None), "does not fit"),
    "a state of a step that is not there": (lambda work: state(work, step=99), "does not fit"),
    "a state of a step of text": (lambda work: state(work, step="first"), "does not fit"),
    "a state of other windows": (lambda work: state(work, computed={"77 full video": 1}), "does not fit"),
    "a description that is cut": (lambda work: half(work, "run.json"), "run.json is damaged"),
    "a description of nothing": (lambda work: written(work, "run.json", ""), "run.json is damaged"),
    "a description that is a list": (lambda work: written(work, "run.json", "[]"), "run.json is damaged"),
    "a description without end": (lambda work: written(work, "run.json", "[" * 100_000), "run.json is damaged"),
    "a description of other things": (lambda work: run(work, inputs=[1]), "run.json is damaged"),
    "another release": (lambda work: run(work, version=99), "another release"),
    "other inputs": (lambda work: run(work, inputs={"the seed": "5"}), "run with other inputs"),
}  # fmt: skip


@pytest.mark.parametrize("case", DAMAGES.values(), ids=DAMAGES.keys())
def test_a_work_folder_that_is_damaged_is_one_sentence_and_stays(desk, work, case):
    damage, needle = case
    damage(work)
    desk.refuses(desk.animation("--resume"), needle, "--restart")


OTHERS = {
    "another seed": (lambda desk: ("--seed", 7), "seed"),
    "another size": (lambda desk: ("--width", 48), "48"),
    "more steps": (lambda desk: ("--steps", 2), "steps"),
    "another text": (lambda desk: ("--prompt", "a person"), "prompt"),
    "another picture": (lambda desk: ("--image", desk.whole.mask), "picture"),
    "another voice": (lambda desk: ("--audio", hushed(desk)), "voice"),
}


def hushed(desk: CommandLine) -> Path:
    content = bytearray(desk.whole.voice.read_bytes())
    content[-8:] = bytes(8)
    return desk.file("other.wav", bytes(content))


@cases(OTHERS)
def test_an_unfinished_run_of_something_else_is_named(desk, work, case):
    options, needle = case
    desk.refuses(desk.animation("--resume", *options(desk)), needle, "--restart")


def test_an_unfinished_run_is_not_begun_again_in_silence(desk, work):
    desk.refuses(desk.animation(), "--resume", "--restart")


def test_an_unfinished_run_goes_on_and_leaves_nothing(desk, work):
    assert main(desk.animation("--resume")) == 0
    assert sorted(contents(desk.folder)) == ["mine.txt", "result.mp4"]
    assert desk.output.read_bytes() != EARLIER


HOLD = """
import sys, time
from skyreels_core.run.resume import WorkFolder
with WorkFolder(sys.argv[1], "resume"):
    print("held", flush=True)
    time.sleep(600)
"""


def test_a_work_folder_in_use_names_the_computer_and_the_process(desk, work):
    holder = subprocess.Popen([sys.executable, "-c", HOLD, str(work)], stdout=subprocess.PIPE, text=True)
    try:
        assert holder.stdout.readline() == "held\n"
        for choice in ("--resume", "--restart"):
            desk.refuses(desk.animation(choice), f"process {holder.pid} on {platform.node()}", "--work")
    finally:
        holder.kill()
        holder.wait()
    assert main(desk.animation("--resume")) == 0  # a process that was killed holds nothing
