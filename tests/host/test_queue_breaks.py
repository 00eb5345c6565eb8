"""`skyreels-audio queue` when a batch does not go through in one go."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading

import pytest
from batches import COLOURED, PATIENCE, names, node, until, words_of

from skyreels_core.cli import INTERRUPTED
from skyreels_core.queueing.batch import Batch
from skyreels_core.queueing.client import Client
from skyreels_core.queueing.jobs import Job
from skyreels_core.queueing.workflow import Workflow

pytestmark = pytest.mark.skipif(os.name == "nt", reason="Ctrl-C cannot be sent to one process of Windows")
PROGRAM = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job hands on a deaf one
from skyreels_core.cli import main
sys.exit(main(sys.argv[1:]))
"""


@pytest.fixture
def start_queue(server, tmp_path):
    """The command as a process of its own."""
    processes = []

    def start(workflow, *options, **more):
        process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, *words_of(server.url, tmp_path, workflow, *options, **more)],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        processes.append(process)
        return process

    yield start
    for process in processes:
        process.kill()
        process.communicate()


def slow(seconds, **values):
    return {"Work.steps": int(seconds * 10), "Work.seconds": seconds, **values}


def test_ctrl_c_drops_its_own_jobs_and_no_others(start_queue, server, tmp_path):
    rows = [slow(60, name=name, **{"Colour.color": index}) for index, name in enumerate("ab")]
    process = start_queue(COLOURED, rows=rows)
    until(lambda: len(server.client.queued()[1]) == 1)
    (mine,), _ = server.client.queued()
    foreign = COLOURED | {"3": node("Save", "SaveImage", images=["2", 0], filename_prefix="foreign")}
    foreign_id = server.client.queue(foreign)["prompt_id"]
    process.send_signal(signal.SIGINT)
    out, error = process.communicate(timeout=PATIENCE)
    assert process.returncode == INTERRUPTED, error
    assert out == "" and names(tmp_path / "files") == []
    assert "2 jobs were removed from the server's queue." in error and "Traceback" not in error
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


def test_a_job_that_somebody_removes_is_not_queued_again(server, tmp_path):
    batch = batch_of(server, tmp_path, "a", "b")
    batch.open[next(iter(batch.open))].job.values["2", "seconds"] = 3.0
    last = list(batch.open)[1]
    threading.Timer(1, server.client.drop, [{last}]).start()
    batch.run()
    assert batch.watcher == [
        ("b", [], ["It was removed from the server's queue."]),
        ("a", ["a.png"], []),
    ]


def test_an_interrupted_job_is_failed_and_the_next_one_runs(server, tmp_path):
    batch = batch_of(server, tmp_path, "a", "b")
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


def test_a_restart_of_the_server_costs_no_job_and_repeats_none(start_queue, server, tmp_path):
    rows = [{"name": "quick", **slow(0.1)}, {"name": "slow", **slow(6)}, {"name": "next", **slow(1)}]
    rows = [row | {"Colour.color": index} for index, row in enumerate(rows)]
    patient = start_queue(COLOURED, "--set", "3.filename_prefix=patient", rows=rows)
    until(lambda: (tmp_path / "files" / "quick.png").exists() and len(server.client.queued()[0]) == 1)
    hasty = start_queue(COLOURED, "--wait", "3", rows=[{"name": "late", **slow(6)}], output="late")
    until(lambda: len(server.client.queued()[1]) == 2)
    server.kill()
    out, error = hasty.communicate(timeout=PATIENCE)
    assert hasty.returncode == 1 and out == ""
    assert "late failed. It is not finished: the server could not be reached for 3 s." in error
    server.start()
    out, error = patient.communicate(timeout=PATIENCE)
    assert patient.returncode == 0, error
    assert "cannot be reached" in error and "waiting up to 300 s" in error
    assert "slow: the server no longer has this job; it is queued again." in error
    assert names(tmp_path / "files") == ["next.png", "quick.png", "slow.png"]
    assert len(out.splitlines()) == 3
    assert len(list(server.output.glob("patient_*"))) == 3
