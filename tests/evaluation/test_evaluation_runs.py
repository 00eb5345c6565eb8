"""A run over clips: restartable, in one pass over each, with what is missing named and the rest measured."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import torch
from PIL import Image

from skyreels_core.api.evaluation import ClipFiles, Given, evaluate_files, matching
from skyreels_core.cli import main
from skyreels_core.errors import InputError
from skyreels_core.evaluation.metrics import run
from skyreels_core.evaluation.metrics.landmark_files import read_landmarks
from skyreels_core.evaluation.metrics.registry import FIGURES, KINDS, NAMES, choose
from skyreels_core.evaluation.metrics.results import ResultsFolder
from skyreels_core.evaluation.metrics.summary import over_clips
from skyreels_core.evaluation.metrics.weights import Weights
from skyreels_core.media.footage import open_video
from skyreels_core.media.sound import Audio
from skyreels_core.media.writing import write_video

CLIPS, FRAMES = 4, 45
QUICK = ("sharpness", "flicker", "lips")


@pytest.fixture(scope="module")
def videos(tmp_path_factory):
    folder = tmp_path_factory.mktemp("videos")
    for index in range(CLIPS):
        generator = torch.Generator().manual_seed(index)
        frames = torch.rand(FRAMES, 32, 32, 3, generator=generator)
        voice = Audio(torch.rand(1, FRAMES * 640, generator=generator) - 0.5, 16000)
        write_video(folder / f"clip{index}.mp4", frames, 25.0, voice)
        points = np.random.default_rng(index).uniform(0, 32, (FRAMES, 478, 2)).astype(np.float32)
        np.savez(folder / f"clip{index}.mesh.npz", points=points, size=[32, 32])
    return folder


def measured_clips(monkeypatch):
    """Names of the clips whose frames are read, while the test runs."""
    seen, whole = [], run.measure_clip

    def counting(clip, *rest):
        seen.append(clip.name)
        return whole(clip, *rest)

    monkeypatch.setattr(run, "measure_clip", counting)
    return seen


def test_a_report_holds_figures_intervals_clips_and_a_plot(videos, tmp_path):
    report = evaluate_files([videos], tmp_path, given=Given(keypoints=videos), metrics=QUICK)
    held = json.loads((tmp_path / "report.json").read_text())
    assert [clip["name"] for clip in held["clips"]] == [f"clip{index}" for index in range(CLIPS)]
    sharpness = held["figures"]["sharpness"]
    assert sharpness["low"] < sharpness["value"] < sharpness["high"] and sharpness["count"] == CLIPS
    assert held["figures"]["lips_p"]["better"] == "lower" and held["lines"] == []
    assert report.markdown() == (tmp_path / "report.md").read_text()
    assert "| sharpness | of 255 | higher |" in report.markdown() and "| clip3 |" in report.markdown()
    assert Image.open(tmp_path / "report.png").width == 640


def test_a_second_run_measures_only_what_is_new(videos, tmp_path, monkeypatch):
    seen = measured_clips(monkeypatch)
    first = evaluate_files([videos / "clip0.mp4"], tmp_path, metrics=["sharpness"])
    assert seen == ["clip0"]
    again = evaluate_files([videos / "clip0.mp4", videos / "clip1.mp4"], tmp_path, metrics=["sharpness"])
    assert seen == ["clip0", "clip1"]
    assert again.clips[0].figures == first.clips[0].figures
    evaluate_files([videos / "clip0.mp4"], tmp_path, given=Given(keypoints=videos), metrics=["sharpness"])
    assert seen == ["clip0", "clip1", "clip0"]  # with landmarks it is another clip


def test_a_killed_run_resumes_and_the_report_is_the_same(videos, tmp_path):
    words = ["evaluate", str(videos), "--metrics", "sharpness,flicker", "-o", str(tmp_path / "killed")]
    code = f"import sys; from skyreels_core.cli import main; sys.exit(main({words!r}))"
    process = subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.DEVNULL)
    kept = tmp_path / "killed" / "clips"
    while process.poll() is None and len(list(kept.glob("*/flicker.json"))) < 2:
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    (kept / "left" / ".sharpness.json.part").parent.mkdir(parents=True)
    (kept / "left" / ".sharpness.json.part").write_text("{")
    resumed = evaluate_files([videos], tmp_path / "killed", metrics=["sharpness", "flicker"])
    whole = evaluate_files([videos], tmp_path / "whole", metrics=["sharpness", "flicker"])
    assert resumed.markdown() == whole.markdown()


def test_what_is_missing_is_named_with_its_folder_and_the_rest_runs(videos, tmp_path):
    report = evaluate_files([videos / "clip0.mp4"], tmp_path / "out", weights=[tmp_path])
    lines = "\n".join(report.lines)
    for file in ("syncnet_v2.model", "arcface.onnx", "inception-2015-12-05.pt", "i3d_torchscript.pt"):
        assert f"{file}" in lines
    assert lines.count(str(tmp_path)) >= 4
    assert "clip0: lips: needs landmarks of the lips (--keypoints" in lines
    assert "clip0: outside: needs a reference video (--reference) and a mask (--mask)" in lines
    assert {"sharpness", "flicker", "likeness", "jump"} <= report.clips[0].figures.keys()


def test_a_damaged_video_is_a_line_and_the_others_are_measured(videos, tmp_path):
    (tmp_path / "broken.mp4").write_bytes(b"no video")
    report = evaluate_files(
        [tmp_path / "broken.mp4", videos / "clip0.mp4"], tmp_path / "out", metrics=["sharpness"]
    )
    assert report.summaries["sharpness"].count == 1
    assert len(report.lines) == 1 and report.lines[0].startswith("broken: ")


def test_the_command_writes_the_report_and_prints_its_place(videos, tmp_path, capsys):
    words = [
        "evaluate",
        str(videos / "clip0.mp4"),
        "--metrics",
        "sharpness, flicker",
        "-o",
        str(tmp_path / "out"),
    ]
    assert main(words) == 0
    assert capsys.readouterr().out.strip() == str(tmp_path / "out" / "report.md")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--metrics", "sharp"], "There is no metric sharp. Choose from lips, sync"),
        (["--reference", "nowhere.png"], "There is no nowhere.png"),
    ],
)
def test_what_cannot_be_meant_is_refused(videos, tmp_path, capsys, words, said):
    assert main(["evaluate", str(videos / "clip0.mp4"), "-o", str(tmp_path / "out"), *words]) == 2
    assert said in capsys.readouterr().err


def test_a_folder_without_videos_is_refused(tmp_path):
    with pytest.raises(InputError, match="There is no video in"):
        evaluate_files([tmp_path], tmp_path / "out")


def test_folders_are_matched_by_name(videos, tmp_path):
    for name in ("clip1.png", "clip10.png"):
        (tmp_path / name).touch()
    assert matching(tmp_path, videos / "clip1.mp4", (".png",)) == tmp_path / "clip1.png"
    assert matching(tmp_path, videos / "clip2.mp4", (".png",)) is None
    assert matching(tmp_path / "clip1.png", videos / "clip2.mp4", (".png",)) == tmp_path / "clip1.png"


def test_another_file_of_the_same_name_is_another_clip(videos, tmp_path):
    path = tmp_path / "clip.mp4"
    path.write_bytes((videos / "clip0.mp4").read_bytes())
    before = ClipFiles(path).key
    path.write_bytes((videos / "clip1.mp4").read_bytes())
    assert ClipFiles(path).key != before


def test_a_mesh_file_gives_lips_and_another_size_is_refused(videos, tmp_path):
    video = open_video(videos / "clip0.mp4")
    points = np.zeros((FRAMES, 478, 2), np.float32)
    points[:, 13], points[:, 14] = (32, 20), (32, 28)
    points[5] = np.nan
    np.savez(tmp_path / "twice.npz", points=points, size=[64, 64])
    found = read_landmarks(tmp_path / "twice.npz", video)
    assert found.faces[0][0, 62, :2].tolist() == [16, 10] and found.faces[0][0, 66, :2].tolist() == [16, 14]
    assert len(found.faces[5]) == 0
    np.savez(tmp_path / "wide.npz", points=points, size=[64, 20])
    with pytest.raises(InputError, match=r"wide\.npz"):
        read_landmarks(tmp_path / "wide.npz", video)
    np.savez(tmp_path / "other.npz", values=points)
    with pytest.raises(InputError, match="does not hold a face mesh"):
        read_landmarks(tmp_path / "other.npz", video)


def test_intervals_are_of_clips_and_need_three():
    values = np.random.default_rng(0).normal(5, 1, 100)
    found = over_clips(values.tolist())
    assert found.high - found.low == pytest.approx(2 * 1.96 / 10, rel=0.25)  # deviation of a mean of 100
    assert over_clips([1.0, 2.0]).low is None


def test_every_figure_has_one_metric_and_a_unit():
    names = [figure.name for kind in KINDS for figure in kind.figures]
    assert len(set(names)) == len(names) == len(FIGURES) and len(set(NAMES)) == len(KINDS)
    assert all(figure.better in ("higher", "lower", "") for figure in FIGURES.values())


def test_sets_are_compared_by_features_kept_per_clip(videos, tmp_path):
    from test_frechet import Inception

    torch.jit.script(Inception()).save(str(tmp_path / "inception-2015-12-05.pt"))
    report = evaluate_files(
        [videos], tmp_path / "out", given=Given(reference=videos), metrics=["fid"], weights=[tmp_path]
    )
    assert report.summaries["fid"].value == pytest.approx(0, abs=1e-6)
    assert report.summaries["fid"].high > 0 and report.clips[0].figures == {}
    fid = choose(["fid"], Weights([tmp_path])).metrics[0]
    kept = ResultsFolder(tmp_path / "out" / "clips")
    key = run.result_key(ClipFiles(videos / "clip0.mp4"), fid, Weights([tmp_path]))
    assert kept.features(key, "fid").shape == (FRAMES, 3)
