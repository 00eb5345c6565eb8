"""Runs of the command line that are killed, and resumed by the same tree or by the other one."""

from __future__ import annotations

import os
import shutil
import signal
import time
from pathlib import Path

import numpy as np

from .context import Context
from .findings import Findings, Refusal
from .media import bytes_of
from .trees import Failed, Tree

OUTPUT, WORK = "run.mp4", "run.mp4.work"
REFUSED = 2  # exit code
PATIENCE, TICK = 300, 0.005  # seconds
STATE = 2000  # bytes: the state of a run is larger than what says which run it is


def killed(context: Context) -> Findings:
    """Bytes of a whole run, of one resumed by its own tree, and of the old tree's resumed by the tree."""
    found: Findings = {}
    for name, words in ways(context).items():
        folder = context.folder / name
        context.tree.make(folder / "whole", [words])
        found[f"{name}/whole"] = bytes_of(folder / "whole" / OUTPUT)
        kill_half_way(context.tree, folder / "killed", words)
        found[f"{name}/resumed"] = resumed(context.tree, folder / "killed", folder / "resumed", words)
        if isinstance(found[f"{name}/resumed"], Refusal):
            raise Failed(f"A run that this tree began is refused by itself: {found[f'{name}/resumed']}")
        if not np.array_equal(found[f"{name}/resumed"], found[f"{name}/whole"]):
            raise Failed(f"{name}: a resumed run has other bytes than the one that was not interrupted.")
        began = context.before / name / "killed"
        found[f"{name}/begun by the old tree"] = resumed(context.tree, began, folder / "from old", words)
    return found


def ways(context: Context) -> dict[str, list[object]]:
    inputs = context.inputs
    shared = ["--steps", 10, "--seed", 5, "-o", OUTPUT, "--solver", "dpmpp_2m", "--tea-cache", 0.1]
    edit = ["--video", inputs.video, "--keypoints", inputs.video_keypoints, "--audio", inputs.second]
    return {
        "animate": ["animate", "--image", inputs.portrait, "--audio", inputs.first, *shared, "--window", 4,
                    "--overlap", 1],
        "edit": ["edit", *edit, *shared, "--text", "a person speaks", "--text-guidance", 3],
    }  # fmt: skip


def kill_half_way(tree: Tree, folder: Path, words: list[object]) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    process = tree.start(folder, [words])
    limit = time.monotonic() + PATIENCE
    while not has_state(folder / WORK):
        if process.poll() is not None or time.monotonic() > limit:
            end(process.pid)
            raise Failed(f"The run in {folder} has kept no state before its end.")
        time.sleep(TICK)
    end(process.pid)
    process.wait()
    if (folder / OUTPUT).exists():
        raise Failed(f"The run in {folder} was whole before it could be killed.")


def end(pid: int) -> None:
    """With all that it started: the group is its own."""
    os.killpg(pid, signal.SIGKILL)


def has_state(work: Path) -> bool:
    """Whether a step is kept: a file of the folder itself, as encoded conditions lie in folders below it."""
    if not work.is_dir():
        return False
    return any(path.suffix == ".safetensors" and path.stat().st_size > STATE for path in work.iterdir())


def resumed(tree: Tree, began: Path, folder: Path, words: list[object]) -> np.ndarray | Refusal:
    """In a copy, so that every tree finds the same."""
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(began, folder)
    (ended,) = tree.run(folder, [[*words, "--resume"]])
    if ended.code == REFUSED:
        return Refusal(ended.sentence)
    if ended.code:
        raise Failed(f"A resumed run ended with {ended.code}: {ended.errors[-1000:]}")
    return bytes_of(folder / OUTPUT)
