"""Processes that are killed, hang, break or are cancelled: a sentence soon, nothing left, and the next job works."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import psutil
import pytest

from skyreels_core.errors import Cancelled, InputError
from skyreels_core.parallel.pool import Job, Pool
from skyreels_core.parallel.workers import WorkerProcess

HERE = Path(__file__).parent
LONG = 3600  # seconds that no test waits
SOON = 30  # seconds on a busy machine


@pytest.fixture
def start(monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(HERE))
    return lambda number, inbox: WorkerProcess(number, f"Worker {number + 1} (cpu)", "odd_worker", inbox)


@pytest.fixture
def pool(start):
    pool = Pool(start, 2, lambda _: None)
    yield pool
    pool.close()


def jobs(kind, *values):
    """A job for each value, by turns on two workers."""
    return [Job(range(i % 2, i % 2 + 1), kind, partial(lambda v, _: v, v)) for i, v in enumerate(values)]


def ended(pids):
    return all(not psutil.pid_exists(pid) or psutil.Process(pid).status() == "zombie" for pid in pids)


def test_answers_come_in_the_order_of_the_jobs_whoever_is_faster(pool):
    slow_first = [*jobs("sleep", 0.2), *jobs("sleep", 0, 0, 0, 0)[1:]]
    assert list(pool.ask(slow_first)) == [0.2, 0, 0, 0]
    assert len(set(pool.tell("pid", None))) == 2


def test_what_a_worker_prints_does_not_disturb_its_answers(pool):
    assert list(pool.ask(jobs("print", "one", "two"))) == ["one", "two"]


def test_a_worker_that_is_killed_ends_the_job_and_the_next_one_works(pool):
    pids = pool.tell("pid", None)
    began = time.monotonic()
    with pytest.raises(InputError, match=r"Worker 2 \(cpu\) has ended \(killed by signal 9\)"):
        list(pool.ask([*jobs("sleep", LONG), *jobs("die", 0, 0)[1:]]))
    assert time.monotonic() - began < SOON
    assert ended(pids) and pool.workers == ()
    assert set(pool.tell("pid", None)).isdisjoint(pids)


def test_a_worker_that_leaves_is_quoted(pool):
    with pytest.raises(InputError, match=r"Worker 1 \(cpu\) has ended \(exit code 3: no such luck\)"):
        list(pool.ask(jobs("leave", "no such luck")))


@pytest.mark.skipif(os.name == "nt", reason="Windows cannot stop a process")
@pytest.mark.parametrize("frozen", [False, True], ids=["busy", "stopped by the system"])
def test_a_worker_that_hangs_is_ended_soon_after_the_time_limit(start, frozen):
    pool = Pool(start, 2, lambda _: None)
    pids = pool.tell("pid", None)  # once they have loaded, the limit is for a message alone
    pool.timeout = 0.5
    if frozen:
        os.kill(pids[0], signal.SIGSTOP)
    with pytest.raises(InputError, match=r"Worker 1 \(cpu\) has not answered for 0.5 s .*--worker-timeout"):
        list(pool.ask(jobs("sleep", LONG)))
    assert ended(pids)


@pytest.mark.skipif(os.name == "nt", reason="Windows cannot stop a process")
def test_a_large_message_to_a_worker_that_hangs_blocks_nobody(start):
    pool = Pool(start, 1, lambda _: None)
    (pid,) = pool.tell("pid", None)
    pool.timeout = 0.5
    os.kill(pid, signal.SIGSTOP)
    with pytest.raises(InputError, match="has not answered"):
        list(pool.ask(jobs("echo", "x" * 10_000_000)))
    assert ended([pid])


@pytest.mark.parametrize(
    "load, sentence",
    [
        (
            ("refuse", "model.safetensors is no model. Give another."),
            "continue: model.safetensors is no model. Give",
        ),
        (("break", "no kernel image\nand more"), "continue: RuntimeError: no kernel image."),
        (("leave", "cannot open shared object"), r"ended \(exit code 3: cannot open shared object\)"),
    ],
)
def test_a_worker_that_fails_to_load_ends_in_a_sentence_and_all_workers_with_it(start, load, sentence):
    pool = Pool(start, 2, lambda number: load if number else None)
    pool.start()
    pids = [worker.pid for worker in pool.workers]
    with pytest.raises(InputError, match=sentence):
        pool.wait()
    assert ended(pids)


def test_cancelling_within_a_step_keeps_the_workers_for_the_next_one(pool):
    pids = pool.tell("pid", None)

    def cancel():
        raise Cancelled

    with pytest.raises(Cancelled):
        list(pool.ask(jobs("sleep", *[0.1] * 20), cancel))
    assert list(pool.ask(jobs("echo", 1, 2, 3))) == [1, 2, 3]
    assert pool.tell("pid", None) == pids


def test_workers_end_with_the_process_that_started_them_even_where_it_is_killed(tmp_path):
    """In the middle of a job, and without a chance to tidy up."""
    script = (
        "import sys; from skyreels_core.parallel.pool import Pool; import test_pool as t\n"
        "pool = Pool(lambda n, i: t.WorkerProcess(n, 'w', 'odd_worker', i), 2, lambda _: None)\n"
        "print(*pool.tell('pid', None), flush=True)\n"
        "list(pool.ask(t.jobs('sleep', t.LONG, t.LONG)))\n"
    )
    path = os.pathsep.join([str(HERE), str(HERE.parents[1])])
    caller = subprocess.Popen(
        [sys.executable, "-c", script],
        env=os.environ | {"PYTHONPATH": path},
        stdout=subprocess.PIPE,
        text=True,
    )
    pids = [int(pid) for pid in caller.stdout.readline().split()]
    assert len(pids) == 2
    caller.kill()
    caller.wait()
    deadline = time.monotonic() + SOON
    while not ended(pids) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert ended(pids)
