"""Runs of the command line that are killed, and resumed by the same tree or by the other one."""

from __future__ import annotations

import os
import shutil
import signal
import time
from pathlib import Path

import numpy as np

from .context import Context
from .findings import Findings, Refusal, same
from .media import bytes_of
from .trees import Failed, Tree

OUTPUT, WORK = "run.mp4", "run.mp4.work"
REFUSED = 2  # exit code
PATIENCE, TICK = 300, 0.005  # seconds
TRIES = 5
STATE = 2000  # bytes: the state of a run is larger than what says which run it is


def killed(context: Context) -> Findings:
    """Bytes of a whole run, of one resumed by its own tree, and of the old tree's resumed by the tree."""
    runs, tree, found = ways(context), context.tree, {}
    places = {name: context.folder / name for name in runs}
    for place in places.values():
        (place / "whole").mkdir(parents=True)
    tree.make(
        context.folder, [[*words, "-o", places[name] / "whole" / OUTPUT] for name, words in runs.items()]
    )
    for name, words in runs.items():
        until_clean(tree, places[name] / "killed", [*words, "-o", OUTPUT])
    own = resumed(context, context.folder, "resumed")
    began = resumed(context, context.before, "begun by the old tree")
    for name, place in places.items():
        whole = found[f"{name}/whole"] = bytes_of(place / "whole" / OUTPUT)
        if not same(whole, own[name]):
            raise Failed(
                f"{name}: a run that this tree resumed has not the bytes of a whole one: {own[name]}"
            )
        found |= {f"{name}/resumed": own[name], f"{name}/begun by the old tree": began[name]}
    return found


def ways(context: Context) -> dict[str, list[object]]:
    inputs = context.inputs
    shared = ["--steps", 10, "--seed", 5, "--solver", "dpmpp_2m", "--tea-cache", 0.1]
    edit = ["--video", inputs.video, "--keypoints", inputs.video_keypoints, "--audio", inputs.second]
    return {
        "animate": ["animate", "--image", inputs.portrait, "--audio", inputs.first, *shared, "--window", 4,
                    "--overlap", 1],
        "edit": ["edit", *edit, *shared, "--text", "a person speaks", "--text-guidance", 3],
    }  # fmt: skip


def until_clean(tree: Tree, folder: Path, words: list[object]) -> None:
    """Kill a run, and once more where that fell into the writing of a file, whose unfinished part stays."""
    for _ in range(TRIES):
        shutil.rmtree(folder, ignore_errors=True)
        kill_half_way(tree, folder, words)
        if not list((folder / WORK).rglob(".tmp*")):
            return
    raise Failed(f"The run in {folder} left an unfinished file {TRIES} times.")


def kill_half_way(tree: Tree, folder: Path, words: list[object]) -> None:
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


def resumed(context: Context, began: Path, name: str) -> dict[str, np.ndarray | Refusal]:
    """Of every run that was killed in `began`; in a copy, so that every tree finds the same."""
    runs = ways(context)
    outputs = {run: context.folder / run / name / OUTPUT for run in runs}
    for run, output in outputs.items():
        shutil.copytree(began / run / "killed" / WORK, output.parent / WORK)
    commands = [[*words, "-o", outputs[run], "--resume"] for run, words in runs.items()]
    found: dict[str, np.ndarray | Refusal] = {}
    for (run, output), ended in zip(outputs.items(), context.tree.run(context.folder, commands), strict=True):
        if ended.code not in (0, REFUSED):
            raise Failed(f"A resumed run ended with {ended.code}: {ended.errors[-1000:]}")
        found[run] = Refusal(ended.sentence) if ended.code else bytes_of(output)
    return found
