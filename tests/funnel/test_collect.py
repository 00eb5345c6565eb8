"""The data pipeline from videos to a manifest: reversible, restartable, the same from any number of processes."""

from __future__ import annotations

import csv
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
import yaml
from funnel_clips import THRESHOLDS, face, write

from skyreels_core.cli import main
from skyreels_core.data import measuring
from skyreels_core.data.collect import collect
from skyreels_core.data.funnel import BadCases
from skyreels_core.data.manifest import columns, read_manifest
from skyreels_core.data.stages.thresholds import Thresholds
from skyreels_core.errors import InputError
from skyreels_core.training.clips import FolderClips

RUN = "import sys; from skyreels_core.cli import main; sys.exit(main(sys.argv[1:]))"
# A background job of a shell hands on that it does not hear Ctrl-C.
HEARING = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); "

pytest.importorskip("pyarrow", reason="pyarrow, of the extra `data`, is not installed")


@pytest.fixture(scope="module")
def videos(tmp_path_factory):
    folder = tmp_path_factory.mktemp("videos")
    frames, samples, pose = face()
    write(folder, "good", frames, samples, pose)
    write(folder, "silent", frames, torch.zeros_like(samples), pose)
    negative = torch.cat([frames[:30], 1 - frames[30:]])
    write(folder, "two shots", negative, samples, pose)
    (folder / "broken.mp4").write_bytes(b"no video")
    (folder / "thresholds.yaml").write_text(THRESHOLDS)
    return folder


@pytest.fixture(scope="module")
def made(videos, tmp_path_factory):
    output = tmp_path_factory.mktemp("made")
    return output, collect([videos], output, thresholds=videos / "thresholds.yaml")


def lines(output: Path) -> dict[str, dict]:
    """By the video's name; of several shots the last."""
    return {Path(line["video"]).stem: line for line in read_manifest(output / "manifest.parquet")[0]}


def test_the_manifest_says_what_is_kept_and_why_not(made):
    output, found = made
    held = lines(output)
    assert set(held["good"]) == set(columns())
    assert held["good"]["keep"] and not held["good"]["refused_by"] and held["good"]["quality_blur"] > 0
    assert held["silent"]["refused_by"] == "sound" and "silent" in held["silent"]["reason_sound"]
    assert held["silent"]["sync_p"] is None, "later stages do not run on what is refused"
    assert held["broken"]["refused_by"] == "reading" and "broken.mp4" in held["broken"]["error"]
    assert sum(Path(shot.video).stem == "two shots" for shot in found.shots) == 2
    about = read_manifest(output / "manifest.parquet")[1]
    assert about["thresholds"]["quality"]["least_side"] == 90 and about["levels"][-1]["left"] == len(
        found.kept
    )


def test_other_thresholds_decide_again_without_measuring_again(videos, made, tmp_path, monkeypatch):
    output, before = made
    changed = yaml.safe_load(THRESHOLDS)
    changed["shots"]["least_seconds"] = 2.0
    (tmp_path / "other.yaml").write_text(yaml.safe_dump(changed))
    monkeypatch.setattr(measuring, "find_shots", None)  # which nothing may call
    after = collect([videos], output, thresholds=tmp_path / "other.yaml")
    assert [Path(shot.video).stem for shot in after.kept] == ["good"]
    again = collect([videos], output, thresholds=videos / "thresholds.yaml")
    assert [shot.id for shot in again.kept] == [shot.id for shot in before.kept]


def test_a_person_overrides_what_was_measured_and_takes_it_back(videos, made):
    output, before = made
    silent = next(shot for shot in before.shots if Path(shot.video).stem == "silent")
    (output / "overrides.csv").write_text(f"id,decision,note\n{silent.id},keep,a pause, on purpose\n")
    after = collect([videos], output, thresholds=videos / "thresholds.yaml")
    assert silent.id in [shot.id for shot in after.kept]
    assert lines(output)["silent"]["note"] == "a pause, on purpose"
    assert lines(output)["silent"]["refused_by"] == "sound", "what was measured stays visible"
    assert after.levels[-1].stage == "overrides"
    (output / "overrides.csv").write_text(f"{silent.id},maybe\n")
    with pytest.raises(InputError, match=r"line 1.*keep or refuse"):
        collect([videos], output)
    (output / "overrides.csv").unlink()
    assert len(collect([videos], output, thresholds=videos / "thresholds.yaml").kept) == len(before.kept)


def test_the_page_shows_the_funnel_and_what_was_refused(made):
    output, found = made
    page = (output / "index.html").read_text()
    assert "Refused by sound" in page and "silent: loudness" in page and "not known: look at the kept" in page
    pictures = list((output / "samples").glob("*.png"))
    assert {path.stem for path in pictures} == {shot.id for shot in found.shots if not shot.error}
    assert "http" not in page, "the page needs nothing but its folder"


def test_bad_cases_among_the_kept_are_counted(videos, made):
    output, before = made
    with (output / "bad.csv").open() as file:
        asked = list(csv.reader(file))
    assert [line[0] for line in asked[1:]] == sorted(shot.id for shot in before.kept)
    (output / "bad.csv").write_text("id,bad\n" + "".join(f"{line[0]},{'no'}\n" for line in asked[1:]))
    after = collect([videos], output, thresholds=videos / "thresholds.yaml")
    assert after.bad == BadCases(0, len(before.kept))
    assert read_manifest(output / "manifest.parquet")[1]["bad"] == {"bad": 0, "looked_at": len(before.kept)}
    low, high = BadCases(5, 50).interval
    assert (low, high) == (pytest.approx(0.0435, abs=1e-4), pytest.approx(0.2136, abs=1e-4)), "Wilson's"


def test_two_processes_make_the_same_manifest(videos, made, tmp_path):
    collect([videos], tmp_path, thresholds=videos / "thresholds.yaml", workers=2)
    whole = [read_manifest(folder / "manifest.parquet")[0] for folder in (made[0], tmp_path)]
    assert whole[0] == whole[1]


def test_ray_makes_the_same_manifest(videos, made, tmp_path):
    ray = pytest.importorskip("ray", reason="Ray is not installed")
    ray.init(num_cpus=2, include_dashboard=False)
    try:
        collect([videos], tmp_path, thresholds=videos / "thresholds.yaml", ray=True)
    finally:
        ray.shutdown()
    whole = [read_manifest(folder / "manifest.parquet")[0] for folder in (made[0], tmp_path)]
    assert whole[0] == whole[1]


def test_a_killed_run_measures_nothing_twice(videos, made, tmp_path):
    words = ["data", str(videos), "-o", str(tmp_path), "--thresholds", str(videos / "thresholds.yaml")]
    run = subprocess.Popen([sys.executable, "-c", RUN, *words], stderr=subprocess.DEVNULL)
    until = time.monotonic() + 120
    while time.monotonic() < until and not complete(tmp_path / "measured"):
        time.sleep(0.01)
    run.send_signal(signal.SIGKILL)
    run.wait()
    before = complete(tmp_path / "measured")
    assert before, "something was measured before it was killed"
    assert main(words) == 0
    after = complete(tmp_path / "measured")
    assert all(after[name] == when for name, when in before.items())
    whole = [read_manifest(folder / "manifest.parquet")[0] for folder in (made[0], tmp_path)]
    assert whole[0] == whole[1]


def begun(videos: Path, output: Path) -> subprocess.Popen[str]:
    """The command with two processes, in a group of its own, as soon as it has measured something."""
    words = ["data", str(videos), "-o", str(output), "--thresholds", str(videos / "thresholds.yaml")]
    run = subprocess.Popen(
        [sys.executable, "-c", HEARING + RUN, *words, "--workers", "2"],
        stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    until = time.monotonic() + 120
    while time.monotonic() < until and not list((output / "measured").glob("*.json")):
        time.sleep(0.01)
    return run


def test_ctrl_c_ends_all_processes_at_once_and_the_next_run_goes_on(videos, made, tmp_path):
    run = begun(videos, tmp_path)
    os.killpg(run.pid, signal.SIGINT)
    _, said = run.communicate(timeout=60)
    assert run.returncode == 130 and "Traceback" not in said
    assert is_empty(run.pid), "a process was left"
    collect([videos], tmp_path, thresholds=videos / "thresholds.yaml")
    whole = [read_manifest(folder / "manifest.parquet")[0] for folder in (made[0], tmp_path)]
    assert whole[0] == whole[1]


def test_a_worker_that_dies_ends_the_command_instead_of_hanging(videos, tmp_path):
    run = begun(videos, tmp_path)
    os.kill(workers_of(run.pid)[0], signal.SIGKILL)
    _, said = run.communicate(timeout=60)
    assert run.returncode != 0 and said
    assert is_empty(run.pid), "a process was left"


def workers_of(caller: int) -> list[int]:
    """Processes that a pool has started, but not the one that looks after what they share."""
    children = Path(f"/proc/{caller}/task/{caller}/children").read_text().split()
    commands = {int(child): Path(f"/proc/{child}/cmdline").read_text() for child in children}
    return [child for child, command in commands.items() if "spawn_main" in command]


def test_two_empty_files_are_two_that_cannot_be_read(videos, tmp_path):
    for name in ("a.mp4", "b.mp4"):
        (tmp_path / name).touch()
    shots = collect([tmp_path], tmp_path / "out", thresholds=videos / "thresholds.yaml").shots
    assert [Path(shot.video).name for shot in shots] == ["a.mp4", "b.mp4"] and all(
        shot.error for shot in shots
    )


def is_empty(group: int) -> bool:
    """Whether all processes of a group end within ten seconds."""
    until = time.monotonic() + 10
    while time.monotonic() < until:
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.1)
    return False


@pytest.fixture
def own(videos, tmp_path):
    """A folder of one video with its landmarks, measured, and a line of a person's about it."""
    for file in videos.glob("good.*"):
        (tmp_path / "footage").mkdir(exist_ok=True)
        shutil.copy(file, tmp_path / "footage")
    found = collect([tmp_path / "footage"], tmp_path / "out", thresholds=videos / "thresholds.yaml")
    (tmp_path / "out" / "overrides.csv").write_text(f"{found.shots[0].id},refuse,squints\n")
    return tmp_path


def test_footage_that_moves_or_is_renamed_stays_measured_and_decided(videos, own, monkeypatch):
    monkeypatch.setattr(measuring, "find_shots", None)  # which nothing may call
    moved = own / "elsewhere"
    (own / "footage").rename(moved)
    for file in list(moved.iterdir()):
        file.rename(file.with_stem("best"))
    (shot,) = collect([moved], own / "out", thresholds=videos / "thresholds.yaml").shots
    assert shot.video == str(moved / "best.mp4")
    assert shot.override is not None and shot.override.note == "squints"


def test_a_copy_and_a_link_are_the_same_video(videos, own, caplog):
    for file in list((own / "footage").iterdir()):
        (file.with_stem("link")).symlink_to(file)
        shutil.copy(file, file.with_stem("copy"))
    shots = collect([own / "footage"], own / "out", thresholds=videos / "thresholds.yaml").shots
    assert len(shots) == 1
    assert sum("it is taken once" in line for line in caplog.messages) == 2


def test_changed_footage_and_a_damaged_record_are_measured_anew(videos, own):
    output, settings = own / "out", videos / "thresholds.yaml"
    (record,) = (output / "measured").glob("*.json")
    known = record.read_text()
    for damaged in ("", "[]", "{", known[: len(known) // 2], '{"version": 1, "shots": [{}]}'):
        record.write_text(damaged)
        (shot,) = collect([own / "footage"], output, thresholds=settings).shots
        assert shot.override is not None and not shot.error
    with (own / "footage" / "good.mp4").open("ab") as file:
        file.write(b"\0" * 8)
    (shot,) = collect([own / "footage"], output, thresholds=settings).shots
    assert shot.override is None and not shot.error


def complete(folder: Path) -> dict[str, int]:
    """When each record was written that lacks nothing, in ns."""
    found = {}
    for path in folder.glob("good*.json"):
        held = json.loads(path.read_text())
        if held["shots"] and "captions" in held["shots"][0]["versions"]:
            found[path.name] = path.stat().st_mtime_ns
    return found


def test_training_reads_the_shots_that_are_kept(videos, made):
    output, found = made
    source = FolderClips("", frames=21, width=96, height=96, fps=12.5, manifest=str(output / "clips.jsonl"))
    assert len(source.entries) == len(found.kept) and "keypoints" in source.entries[0]
    clip = source.clip(0)
    assert clip.frames.shape == (21, 96, 96, 3) and clip.boxes is not None and clip.boxes.any()
    second = next(i for i, entry in enumerate(source.entries) if entry["start"] > 0)
    part = FolderClips("", frames=9, width=96, height=96, fps=25.0, manifest=str(output / "clips.jsonl"))
    first = next(i for i, (entry, _) in enumerate(part.index) if entry == second)
    whole = face()[1]
    assert len(part.clip(first).samples) == pytest.approx(len(whole) - 30 * 640, abs=2000)
    assert part.clip(first).frames[0].mean() > 0.3, "the second shot is the negative"


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ("quality:\n  least_sides: 3\n", "quality has no 'least_sides'; it has least_side"),
        ("picture:\n  least_side: 3\n", "there is no stage 'picture'"),
        ("quality:\n  least_side: big\n", "quality.least_side is 'big'; give a number"),
        ("quality:\n  least_side: .nan\n", "quality.least_side is nan; give a number"),
        ("quality: 3\n", "quality needs lines such as"),
        ("sound:\n  languages: en\n", "give a list of words"),
        ("- 3\n", "holds no sections"),
        ("a: [\n", "cannot be read as YAML"),
    ],
)
def test_thresholds_that_cannot_be_meant_are_refused(tmp_path, given, sentence):
    path = tmp_path / "thresholds.yaml"
    path.write_text(given)
    with pytest.raises(InputError, match=sentence.replace("(", r"\(")):
        Thresholds.read(path)


def test_what_is_missing_is_said(tmp_path, videos, monkeypatch, capsys):
    assert main(["data", str(tmp_path / "none"), "-o", str(tmp_path / "out")]) == 2
    assert "There is no video in" in capsys.readouterr().err
    (tmp_path / "languages.yaml").write_text("sound:\n  languages: [en]\n")
    words = ["data", str(videos), "-o", str(tmp_path / "out")]
    assert main([*words, "--thresholds", str(tmp_path / "languages.yaml")]) == 2
    assert "--whisper" in capsys.readouterr().err
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    assert main(words) == 2
    assert 'pip install "skyreels-audio[data]"' in capsys.readouterr().err
