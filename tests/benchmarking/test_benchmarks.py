"""A benchmark makes each cell once, whatever ends it early, and one that fails does not end the others."""

from __future__ import annotations

import os
import shutil
import signal
import time
from dataclasses import replace
from multiprocessing import get_all_start_methods, get_context

import pytest
import torch
from safetensors.torch import save_file
from spec_files import SMALL, held, noise, run_of, voice, write_inputs, write_spec

from skyreels_core.audio.reading import write_wav
from skyreels_core.benchmarking import local
from skyreels_core.benchmarking.estimate import estimate
from skyreels_core.benchmarking.folder import Folder
from skyreels_core.benchmarking.run import Choice
from skyreels_core.cli import main
from skyreels_core.errors import InputError
from skyreels_core.media.reading import read_video
from skyreels_core.media.writing import write_picture


@pytest.fixture
def folder(tmp_path):
    return write_inputs(tmp_path / "inputs")


@pytest.fixture
def made(monkeypatch):
    """Labels of the cells that a model makes, and how often one is loaded, while the test runs."""
    seen, whole, opened = [], local.LocalCells._made, local.open_model

    def counting(self, cell, *rest):
        seen.append(cell.label)
        return whole(self, cell, *rest)

    def opening(files):
        seen.append("load")
        return opened(files)

    monkeypatch.setattr(local.LocalCells, "_made", counting)
    monkeypatch.setattr(local, "open_model", opening)
    return seen


@pytest.fixture
def small(folder, bundle_folder):
    """Fields of a specification: a random model, two combinations."""
    return {"model": {"model": str(bundle_folder)}, "portraits": ["portraits/anna.png", "portraits/ben.png"]}


def test_a_cell_is_made_once_and_again_only_when_what_it_is_made_from_has_changed(
    folder, small, tmp_path, made
):
    settings = {"plain": {}, "stated": {"fusion": "bidirectional"}, "two": {"steps": 2}}
    fields = {**small, "settings": settings, "baseline": "plain"}
    first = run_of(folder, tmp_path / "out", Choice(limit=1), **fields).run()
    assert first.cells == 3  # of which two are the same video
    assert made == ["load", "plain, anna x hello, seed 0", "two, anna x hello, seed 0"]
    page = first.page.read_text()
    run_of(folder, tmp_path / "out", Choice(limit=1), **fields).run()
    assert len(made) == 3 and first.page.read_text() == page

    write_wav(folder / "voices" / "welcome.wav", voice(9))
    shutil.move(folder / "portraits" / "anna.png", folder / "portraits" / "anne.png")  # the same picture
    fields |= {"portraits": ["portraits/anne.png", "portraits/ben.png"], "settings": {"renamed": {}}}
    run_of(folder, tmp_path / "out", **{**fields, "baseline": "renamed"}).run()
    assert made[3:] == ["load", "renamed, ben x welcome, seed 0"]
    write_wav(folder / "voices" / "welcome.wav", voice(10))
    run = run_of(folder, tmp_path / "out", **{**fields, "baseline": None})
    known = run.record(next(run.cells(run.settings[0])))
    run.folder.keep(replace(known, seconds=6.0, forwards=2))
    left = estimate(run, run.settings[0])
    assert (left.cells, left.finished, left.forwards, left.time_left) == (2, 1, 1, 3.0)


def test_a_lora_is_a_setting_of_its_own_and_of_its_strength(folder, small, tmp_path, made):
    rank = {half: torch.full(shape, 0.1) for half, shape in (("up", (160, 2)), ("down", (2, 160)))}
    halves = {f"diffusion_model.blocks.0.self_attn.v.lora_{half}.weight": rank[half] for half in rank}
    save_file(halves, folder / "style.safetensors")
    forms = {"plain": None, "text": "style.safetensors", "pair": ["style.safetensors", 0.5], "none": []}
    settings = {
        name: {} if form is None else {"model": {"lora": form}} for name, form in forms.items()
    } | {"list": {"model": {"lora": ["style.safetensors:0.5"]}}}  # fmt: skip
    report = run_of(
        folder, tmp_path / "out", Choice(limit=1), **small, settings=settings, baseline="plain"
    ).run()
    assert report.failed == 0
    assert [label.partition(",")[0] for label in made if label != "load"] == ["plain", "text", "pair"]
    assert f"{folder / 'style.safetensors'}:0.5" in str(held(tmp_path / "out"))
    settings = {"bad": {"model": {"lora": "style.safetensors:strong"}}}
    with pytest.raises(
        InputError, match=r"spec\.yaml: .*strength after .*style\.safetensors must be a number"
    ):
        run_of(folder, tmp_path / "out", **small, settings=settings, baseline=None)


def test_a_failing_cell_is_a_sentence_and_the_others_are_made(folder, small, tmp_path, made, monkeypatch):
    portrait, fields = folder / "portraits" / "anna.png", {**small, "settings": {"a": {}}, "baseline": None}
    portrait.write_bytes(b"no picture")
    with monkeypatch.context() as broken:
        broken.setattr(local, "open_model", lambda files: 1 / 0)
        assert run_of(folder, tmp_path / "out", **fields).run().failed == 2
        assert held(tmp_path / "out")["cells"][1]["problem"] == "ZeroDivisionError: division by zero."
    done = run_of(folder, tmp_path / "out", **fields).run()
    problems = [cell["problem"] for cell in held(tmp_path / "out")["cells"]]
    assert done.failed == 1 and problems[1] is None and "anna.png cannot be read as a picture" in problems[0]
    assert "anna.png cannot be read as a picture" in done.page.read_text()
    made.clear()
    write_picture(portrait, noise(32, 32, 3))
    assert run_of(folder, tmp_path / "out", **fields).run().failed == 0
    assert made == ["load", "a, anna x hello, seed 0"]


def test_an_option_that_cannot_be_used_is_said_before_anything_is_made(folder, small, tmp_path):
    with pytest.raises(InputError, match="in the setting 'a': The solver 'heun' is unknown"):
        run_of(folder, tmp_path / "out", settings={"a": {"solver": "heun"}}, baseline=None, **small)
    with pytest.raises(InputError, match=r"There is no metric lip\. Choose from lips, sync"):
        run_of(folder, tmp_path / "out", metrics=["lip"], **small)
    with pytest.raises(InputError, match=r"spec\.yaml: The quality \(crf\) is 99"):
        run_of(folder, tmp_path / "out", save={"crf": 99}, **small)
    with pytest.raises(InputError, match="there is no figure 'sync' for columns"):
        run_of(folder, tmp_path / "out", columns=["sync"], **small)
    with pytest.raises(InputError, match=r"columns names fvd, a figure of fvd\. Add fvd to metrics"):
        run_of(folder, tmp_path / "out", columns=["sharpness", "fvd"], **small)
    with pytest.raises(InputError, match=r"There is no setting 'two'\. Choose from 'one step'"):
        run_of(folder, tmp_path / "out", Choice(("two",)), **small)


def test_a_metric_without_weights_is_said_before_the_cells_are_made(folder, small, tmp_path, caplog):
    (folder / "weights").mkdir(exist_ok=True)
    run_of(folder, tmp_path / "out", weights="weights", **small)
    assert "sync is left out. Put SyncNet" in caplog.text and f"into {folder / 'weights'}." in caplog.text
    caplog.clear()
    run_of(folder, tmp_path / "out", **small)
    assert "name that with --weights-dir (weights in a benchmark's specification)" in caplog.text


def test_a_damaged_measure_is_measured_again_and_hidden_files_of_others_stay(folder, small, tmp_path):
    fields = {**small, "settings": {"a": {}}, "baseline": None, "metrics": ["sharpness", "flicker"]}
    page = run_of(folder, tmp_path / "out", Choice(limit=1), **fields).run().page.read_text()
    hidden = tmp_path / "out" / "inputs" / "mine" / ".git"
    hidden.mkdir(parents=True)
    for text, path in zip(("{", "[]"), (tmp_path / "out" / "measured").glob("*/*.json"), strict=True):
        path.write_text(text)
    assert run_of(folder, tmp_path / "out", Choice(limit=1), **fields).run().page.read_text() == page
    assert hidden.is_dir()


def test_a_dub_keeps_what_lies_outside_its_mask(folder, tmp_path, bundle_folder):
    fields = {
        "task": "edit", "portraits": None, "clips": "clips", "voices": "next", "masks": "own",
        "options": {**SMALL, "length": "shortest"}, "metrics": ["outside", "sharpness"], "prompts": None,
        "model": {"model": str(bundle_folder)}, "settings": {"masks": {}}, "baseline": None, "save": {"lossless": True},
    }  # fmt: skip
    done = run_of(folder, tmp_path / "out", Choice(limit=1), **fields).run()
    (cell,) = held(tmp_path / "out")["cells"]
    assert done.failed == 0 and cell["inputs"] == "first x second" and cell["figures"]["outside_psnr"] == 120
    clip, video = read_video(folder / "clips" / "first.mkv"), read_video(tmp_path / "out" / cell["video"])
    assert (video.frames[:, :8] == clip.frames[: len(video.frames), :8]).all()
    other = run_of(folder, tmp_path / "out", **{**fields, "masks": None, "keypoints": "own"})
    with pytest.raises(InputError, match="There is no file with the keypoints of"):
        other.maker.mask(next(other.cells(other.settings[0])))


def test_a_dry_run_counts_and_writes_nothing(folder, small, tmp_path, capsys):
    spec = str(write_spec(folder, **small))
    assert main(["benchmark", spec, "--dry-run", "-o", str(tmp_path / "out")]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines == [
        "one step: 2 cells, 0 finished; 2 forward passes for 1.2 s of video left",
        "two <steps>: 2 cells, 0 finished; 4 forward passes for 1.2 s of video left",
        "all: 4 cells, 0 finished",
    ]
    assert not (tmp_path / "out").exists()


def test_names_of_all_kinds_are_shown_and_the_command_says_that_cells_failed(tmp_path, bundle_folder, capsys):
    folder = write_inputs(tmp_path / "inputs")
    odd = "a <b> & 'ä' 话" if os.name == "nt" else "a <b>\n& 'ä' 话 %41"
    shutil.move(folder / "portraits" / "anna.png", folder / "portraits" / f"{odd}.png")
    (folder / "portraits" / "ben.png").write_bytes(b"")
    words = [
        "benchmark",
        str(write_spec(folder, model={"model": str(bundle_folder)}, settings={"a": {}}, baseline=None)),
    ]
    assert main([*words, "--limit=2", "-o", str(tmp_path / "out")]) == 1
    shown = capsys.readouterr()
    assert shown.out == f"{tmp_path / 'out' / 'index.html'}\n"
    assert "1 of 2 cells failed; the page says why." in shown.err
    assert "a &lt;b&gt;" in (tmp_path / "out" / "index.html").read_text(encoding="utf-8")
    assert f"{odd} x hello" in {cell["inputs"] for cell in held(tmp_path / "out")["cells"]}


def test_the_included_demo_runs_with_one_command(tmp_path, capsys):
    assert main(["benchmark", "demo", "--only", "draft, 2 steps", "--limit", "1", "-o", str(tmp_path)]) == 0
    (cell,) = held(tmp_path)["cells"]
    assert {"mouth_r", "likeness", "sharpness", "flicker"} <= cell["figures"].keys()
    assert main(["benchmark", "--list"]) == 0
    assert "table_3: Audio guidance, and audio RoPE\n" in capsys.readouterr().out


def test_two_benchmarks_cannot_have_one_folder(folder, small, tmp_path):
    run = run_of(folder, tmp_path / "out", **small)
    with Folder(tmp_path / "out").held(), pytest.raises(InputError, match="in use by another benchmark"):
        run.run()


@pytest.mark.skipif("fork" not in get_all_start_methods(), reason="needs fork, which starts without imports")
def test_a_killed_benchmark_makes_no_cell_twice_and_leaves_the_same_page(folder, small, tmp_path, made):
    fields = {
        **small, "portraits": "portraits/ben.png", "voices": "voices/hello.wav", "prompts": None, "seeds": [0, 1, 2],
        "settings": {"a": {}}, "baseline": None,
    }  # fmt: skip
    child = get_context("fork").Process(target=alone, args=(folder, tmp_path / "killed", fields))
    child.start()
    cells = tmp_path / "killed" / "cells"
    while child.is_alive() and not list(cells.glob("[!.]*.json")):
        time.sleep(0.005)
    os.kill(child.pid, signal.SIGKILL)
    child.join()
    ended = [path for path in cells.glob("*.mp4") if path.with_suffix(".json").is_file()]
    before = {path: path.stat().st_mtime_ns for path in ended}
    (cells / ".0123456789abcdef.json").write_text("{")
    assert 1 <= len(before) < 3 and not (tmp_path / "killed" / "index.html").exists()
    resumed = run_of(folder, tmp_path / "killed", **fields).run()
    assert len(made) == 1 + 3 - len(before)
    assert all(path.stat().st_mtime_ns == time for path, time in before.items())
    assert not list(cells.glob("*.work")) and not list(cells.glob(".*"))
    whole = run_of(folder, tmp_path / "whole", **fields).run()
    assert figures(tmp_path / "killed") == figures(tmp_path / "whole")
    assert timeless(resumed.page) == timeless(whole.page)


def alone(folder, output, fields):
    torch.set_num_threads(1)  # a forked process has none of its parent's threads
    run_of(folder, output, **fields).run()


def figures(output):
    return [(cell["id"], cell["figures"]) for cell in held(output)["cells"]]


def timeless(page):
    """Without the seconds that a cell took, in the last table."""
    return page.read_text().rpartition("<tbody>")[0]
