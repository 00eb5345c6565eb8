"""`skyreels-audio queue` against a real ComfyUI, with its own nodes and one that takes its time."""

from __future__ import annotations

import csv
import json
import signal
import subprocess
import sys
import threading
import time

import pytest
import torch

from skyreels_core.audio.reading import Audio, read_audio, write_wav
from skyreels_core.cli import INTERRUPTED, REFUSED, main
from skyreels_core.queueing.batch import Batch
from skyreels_core.queueing.client import Client
from skyreels_core.queueing.jobs import Job
from skyreels_core.queueing.workflow import Workflow
from skyreels_core.video.reading import read_picture, read_video
from skyreels_core.video.writing import write_picture, write_video

PROGRAM = "import sys; from skyreels_core.cli import main; sys.exit(main(sys.argv[1:]))"
PATIENCE = 120  # seconds for what takes a few


def node(title, class_type, **inputs):
    return {"class_type": class_type, "inputs": inputs, "_meta": {"title": title}}


COLOURED = {
    "1": node("Colour", "EmptyImage", width=32, height=16, batch_size=1, color=0),
    "2": node("Work", "TestSteps", images=["1", 0], steps=4, seconds=0.0, failure=""),
    "3": node("Save Image", "SaveImage", images=["2", 0], filename_prefix="coloured"),
}
COPIED = {
    "10": node("Portrait", "LoadImage", image="example.png"),
    "11": node("Save Image", "SaveImage", images=["10", 0], filename_prefix="copied"),
}


@pytest.fixture
def place(tmp_path):
    """An empty folder, with what the workflows are written to."""
    (tmp_path / "files").mkdir()
    return tmp_path


@pytest.fixture
def command(server, place):
    """Words of the command for a workflow and, if there are any, the rows of a table."""

    def words(workflow, *options, rows=(), output="files"):
        path = place / "workflow.json"
        path.write_text(json.dumps(workflow))
        table = () if not rows else ("--csv", write_table(place / "jobs.csv", rows))
        given = ("--server", server.url, "--workflow", path, "-o", place / output, *table, *options)
        return ["queue", *map(str, given)]

    return words


@pytest.fixture
def queue(command):
    return lambda workflow, *options, **more: main(command(workflow, *options, **more))


@pytest.fixture
def start_queue(command):
    """The command as a process of its own."""
    processes = []

    def start(workflow, *options, **more):
        process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, *command(workflow, *options, **more)],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        processes.append(process)
        return process

    yield start
    for process in processes:
        process.kill()
        process.communicate()


def write_table(path, rows):
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        table = csv.DictWriter(file, rows[0])
        table.writeheader()
        table.writerows(rows)
    return path


def until(condition):
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def colour_of(path):
    return [round(value.item() * 255) for value in read_picture(path)[0, 0]]


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_value_reaches_the_node_that_id_title_or_class_name(queue, place, capsys):
    settings = ("--set", "Colour.color=255", "--set", "1.width=48", "--set", "EmptyImage.height=24")
    assert queue(COLOURED, *settings, "--set", "Save Image.filename_prefix=a=b") == 0
    (path,) = (place / "files").iterdir()
    assert path.name == "a=b_00001_.png"
    assert read_picture(path).shape == (24, 48, 3) and colour_of(path) == [0, 0, 255]
    shown = capsys.readouterr()
    assert shown.out.strip() == str(path)
    assert "workflow: 100%" in shown.err and "1 of 1 jobs are done." in shown.err


def test_rows_are_jobs_with_files_of_their_own_names(queue, place, capsys):
    rows = [
        {"name": "Ärger: rot?", "Colour.color": 0xFF0000, "1.width": 32},
        {"name": "../up/con", "Colour.color": 0x00FF00, "1.width": 32},
        {"name": "", "Colour.color": 0x0000FF, "1.width": 32},
        {"name": "", "Colour.color": "", "1.width": 32},
    ]
    assert queue(COLOURED, "--set", "1.color=16777215", rows=rows) == 0
    expected = {
        "Ärger_ rot_.png": [255, 0, 0],
        "_up_con.png": [0, 255, 0],
        "coloured_00003_.png": [0, 0, 255],
        "coloured_00004_.png": [255, 255, 255],
    }
    assert {path.name: colour_of(path) for path in (place / "files").iterdir()} == expected
    assert "row 4: 100%" in capsys.readouterr().err


def test_a_name_that_is_taken_is_never_written_over(queue, place, capsys):
    (place / "files" / "take.png").write_text("mine")
    rows = [{"name": "take", "1.batch_size": 2}, {"name": "TAKE.PNG", "1.batch_size": 1}]
    assert queue(COLOURED, rows=rows) == 0
    assert names(place / "files") == ["TAKE.png", "take-2.png", "take-3.png", "take.png"]
    assert (place / "files" / "take.png").read_text() == "mine"


def test_a_local_picture_is_uploaded_once_and_its_rows_get_it(queue, server, place):
    red, grey = torch.zeros(24, 40, 3), torch.full((24, 40, 3), 0.5)
    red[..., 0] = 1
    (place / "Bilder für Anna").mkdir()
    write_picture(place / "Bilder für Anna" / "röt 1.png", red)
    write_picture(place / "grey.png", grey)
    pictures = ("Bilder für Anna/röt 1.png", "grey.png", str(place / "grey.png"))
    rows = [{"name": index, "Portrait.image": picture} for index, picture in enumerate(pictures)]
    assert queue(COPIED, rows=rows) == 0
    colours = [colour_of(place / "files" / f"{index}.png") for index in range(3)]
    assert colours[0] == [255, 0, 0] and colours[1] == colours[2]
    uploads = server.input / "skyreels-audio"
    before = {path: path.stat().st_mtime_ns for path in uploads.iterdir()}
    assert len(before) == 2
    name = next(path.name for path in before if path.name.startswith("r-t-1-"))
    assert queue(COPIED, "--set", f"Portrait.image={place / 'Bilder für Anna' / 'röt 1.png'}") == 0
    assert queue(COPIED, "--set", f"Portrait.image=skyreels-audio/{name}") == 0
    assert {path: path.stat().st_mtime_ns for path in uploads.iterdir()} == before


def test_sound_and_video_go_there_and_come_back(queue, place):
    voice = Audio(torch.rand(1, 8000, generator=torch.Generator().manual_seed(1)) - 0.5, 16000)
    write_wav(place / "voice.wav", voice)
    write_video(place / "clip.mp4", torch.rand(5, 32, 32, 3), 12.5)
    workflow = {
        "1": node("Voice", "LoadAudio", audio="none.wav"),
        "2": node("Save", "SaveAudio", audio=["1", 0], filename_prefix="audio/voice"),
        "3": node("Clip", "LoadVideo", file="none.mp4"),
        "4": node("Save", "SaveVideo", video=["3", 0], filename_prefix="clip", format="mp4", codec="h264"),
    }
    settings = ("--set", f"Voice.audio={place / 'voice.wav'}", "--set", f"Clip.file={place / 'clip.mp4'}")
    assert queue(workflow, *settings) == 0
    clip, sound = sorted((place / "files").iterdir())  # releases of the host number them differently
    assert (sound.suffix, clip.suffix) == (".flac", ".mp4")
    assert (read_audio(sound).samples - voice.samples).abs().max() < 1e-4
    assert read_video(clip).frames.shape == (5, 32, 32, 3)


def test_previews_are_fetched_where_nothing_is_saved(queue, place, capsys):
    preview = {**COLOURED, "3": node("Preview", "PreviewImage", images=["2", 0])}
    assert queue(preview) == 0
    assert len(names(place / "files")) == 1


def test_a_failed_job_is_named_with_its_node_and_the_others_are_done(queue, place, capsys):
    rows = [
        {"name": "good", "Work.failure": "", "1.width": 32},
        {"name": "bad", "Work.failure": "the mouth is closed", "1.width": 32},
        {"name": "small", "Work.failure": "", "1.width": -4},
        {"name": "better", "Work.failure": "", "1.width": 40},
    ]
    assert queue(COLOURED, rows=rows) == 1
    assert names(place / "files") == ["better.png", "good.png"]
    error = capsys.readouterr().err
    assert 'bad failed. Node 2 "Work" (TestSteps): the mouth is closed' in error
    assert 'small failed. Node 1 "Colour" (EmptyImage): Value -4 smaller than min of 1' in error
    assert "2 of 4 jobs failed: small, bad." in error


def test_a_job_of_which_a_part_cannot_run_counts_as_failed(queue, place, capsys):
    workflow = COLOURED | {
        "4": node("Other Colour", "EmptyImage", width=0, height=16, batch_size=1, color=0),
        "5": node("Other", "SaveImage", images=["4", 0], filename_prefix="other"),
    }
    assert queue(workflow, "--set", "3.filename_prefix=part") == 1
    assert names(place / "files") == ["part_00001_.png"]
    assert 'Node 4 "Other Colour" (EmptyImage): Value 0 smaller' in capsys.readouterr().err


def test_a_node_that_the_server_lacks_is_named(queue, place, capsys):
    assert queue(COLOURED | {"1": node("Face", "NoSuchNode")}) == 1
    error = capsys.readouterr().err
    assert "workflow failed. Node 1 \"Face\" (NoSuchNode): Node 'Face' not found." in error


MISTAKES = {
    "an unknown node": (("--set", "Color.width=3"), "'Color.width' names no node"),
    "an unknown input": (("--set", "Colour.wide=3"), "it has batch_size, color, height, width."),
    "words for a number": (("--set", "Colour.width=wide"), "is a whole number; 'wide' is not."),
    "half a pixel": (("--set", "Colour.width=1.5"), "is a whole number; '1.5' is not."),
    "a value for a socket": (("--set", "Save Image.images=3"), "takes what another node makes (IMAGE)"),
    "no value": (("--set", "Colour.width"), "write node.input=value"),
    "a missing table": (("--csv", "none.csv"), "none.csv"),
    "an address without a server": (("--server", "127.0.0.1:9"), "No ComfyUI answers"),
    "no address": (("--server", "ftp://here"), "is no address of a server"),
}


@pytest.mark.parametrize("case", MISTAKES)
def test_a_mistake_is_one_sentence_and_nothing_is_queued(queue, server, place, capsys, case):
    options, needle = MISTAKES[case]
    before = server.client.ask("GET", "/history")
    assert queue(COLOURED, *options, output="none") == REFUSED
    refused(capsys, needle)
    assert server.client.ask("GET", "/history").keys() == before.keys()
    assert not (place / "none").exists()


def test_a_picture_that_is_nowhere_is_found_before_anything_is_queued(queue, capsys):
    rows = [{"Portrait.image": "example.png"}]
    assert queue(COPIED, rows=rows) == REFUSED
    refused(capsys, "Row 2: 'example.png' is neither a file here nor in the server's input folder.")


def refused(capsys, needle):
    shown = capsys.readouterr()
    assert shown.out == "" and "Traceback" not in shown.err
    line = shown.err.strip().splitlines()[-1]
    assert line.startswith("skyreels-audio: ") and needle in line


def slow(seconds, **values):
    return {"Work.steps": int(seconds * 10), "Work.seconds": seconds, **values}


def test_ctrl_c_drops_its_own_jobs_and_no_others(start_queue, server, place):
    rows = [slow(60, name=name, **{"Colour.color": index}) for index, name in enumerate("ab")]
    process = start_queue(COLOURED, rows=rows)
    until(lambda: len(server.client.queued()[1]) == 1)
    (mine,), _ = server.client.queued()
    foreign = COLOURED | {"3": node("Save", "SaveImage", images=["2", 0], filename_prefix="foreign")}
    foreign_id = server.client.queue(foreign)["prompt_id"]
    process.send_signal(signal.SIGINT)
    out, error = process.communicate(timeout=PATIENCE)
    assert process.returncode == INTERRUPTED, error
    assert out == "" and names(place / "files") == []
    assert "2 jobs were taken out of the server's queue." in error and "Traceback" not in error
    until(lambda: server.client.history(foreign_id))
    assert server.client.history(foreign_id)["status"]["completed"]
    assert not server.client.history(mine)["status"]["completed"]
    assert server.client.queued() == (set(), set())


def test_ctrl_c_does_not_interrupt_somebody_elses_job(start_queue, server):
    foreign = dict(COLOURED)
    foreign["2"] = node("Work", "TestSteps", images=["1", 0], steps=40, seconds=4.0, failure="")
    foreign_id = server.client.queue(foreign)["prompt_id"]
    process = start_queue(COLOURED)
    until(lambda: len(server.client.queued()[1]) == 1)
    process.send_signal(signal.SIGINT)
    assert process.wait(PATIENCE) == INTERRUPTED
    assert server.client.queued() == ({foreign_id}, set())
    until(lambda: server.client.history(foreign_id))
    assert server.client.history(foreign_id)["status"]["completed"]


class Ends(list):
    """A watcher that keeps how each job ended."""

    def progress(self, job, part, what):
        assert 0 <= part <= 1

    def ended(self, job, files, problems):
        self.append((job.label, [path.name for path in files], problems))


def batch_of(server, folder, *names):
    workflow = Workflow(COLOURED, server.client.node_info)
    jobs = [Job(name, name, workflow, {("1", "color"): index}) for index, name in enumerate(names)]
    batch = Batch(Client(server.url), jobs, folder, 10, Ends())
    batch.idle = 0.5
    return batch


def test_a_job_that_somebody_removes_is_not_queued_again(server, place):
    batch = batch_of(server, place / "files", "a", "b")
    batch.open[next(iter(batch.open))].job.values["2", "seconds"] = 3.0
    last = list(batch.open)[1]
    threading.Timer(1, server.client.drop, [{last}]).start()
    batch.run()
    assert batch.watcher == [
        ("b", [], ["It was removed from the server's queue."]),
        ("a", ["a.png"], []),
    ]


def test_an_interrupted_job_is_failed_and_the_next_one_runs(server, place):
    batch = batch_of(server, place / "files", "a", "b")
    first = next(iter(batch.open))
    batch.open[first].job.values.update({("2", "seconds"): 60.0, ("2", "steps"): 600})
    threading.Timer(1, server.client.drop, [{first}]).start()
    batch.run()
    assert batch.watcher == [
        ("a", [], ['It was interrupted on the server at node 2 "Work" (TestSteps).']),
        ("b", ["b.png"], []),
    ]


def test_pictures_of_previews_pass_as_empty_events(server):
    client, events = Client(server.url), []
    with client.listen() as socket:
        client.queue(COLOURED)
        while not events or events[-1].get("data", {}).get("node", "") is not None:
            events.append(socket.event(10))
    assert {} in events and "progress_state" in [event.get("type") for event in events]


def test_a_restart_of_the_server_costs_no_job_and_repeats_none(start_queue, server, place):
    rows = [{"name": "quick", **slow(0.1)}, {"name": "slow", **slow(6)}, {"name": "next", **slow(1)}]
    rows = [row | {"Colour.color": index} for index, row in enumerate(rows)]
    patient = start_queue(COLOURED, "--set", "3.filename_prefix=patient", rows=rows)
    until(lambda: (place / "files" / "quick.png").exists() and len(server.client.queued()[0]) == 1)
    hasty = start_queue(COLOURED, "--wait", "3", rows=[{"name": "late", **slow(6)}], output="late")
    until(lambda: len(server.client.queued()[1]) == 2)
    server.kill()
    out, error = hasty.communicate(timeout=PATIENCE)
    assert hasty.returncode == 1 and out == ""
    assert "late failed. It is not finished: the server stayed away for 3 s." in error
    server.start()
    out, error = patient.communicate(timeout=PATIENCE)
    assert patient.returncode == 0, error
    assert "is away" in error and "waiting up to 300 s" in error
    assert "slow: the server has lost it; it is queued again." in error
    assert names(place / "files") == ["next.png", "quick.png", "slow.png"]
    assert len(out.splitlines()) == 3
    assert len(list(server.output.glob("patient_*"))) == 3
