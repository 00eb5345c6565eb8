"""Disks that are full, folders that take nothing, clocks that jump: what there was stays, and a sentence says so."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from bad_input import EARLIER, REMEDY, CommandLine, contents

from skyreels_core.cli import REFUSED, main

resource = pytest.importorskip("resource")  # not on Windows
STATE = "result.mp4.work/state.safetensors"


@contextmanager
def files_of_at_most(size: int) -> Iterator[None]:
    """The system refuses to let any file grow beyond; Python ignores the signal that comes with it."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def left(desk) -> list[str]:
    return [name for name in contents(desk.folder) if name not in ("mine.txt", "result.mp4")]


@pytest.mark.parametrize("size", [0, 10, 200], ids=["nothing", "10 bytes", "200 bytes"])
def test_a_disk_that_takes_no_state_leaves_nothing_but_what_there_was(desk, size):
    with files_of_at_most(size):
        desk.refuses(desk.animation(), "result.mp4.work", "File too large")


@pytest.mark.parametrize("command", ["animation", "editing"])
def test_a_disk_that_takes_no_video_keeps_the_state_and_the_run_goes_on_where_it_was(desk, command):
    words = getattr(desk, command)(*(("--mask", desk.whole.mask) if command == "editing" else ()))
    with files_of_at_most(9000):  # a state has less, a video more
        before = set(contents(desk.folder))
        assert main([*words, "--lossless"]) == REFUSED
    line = desk.read_output().err.strip().splitlines()[-1]
    assert "--resume" in line and "File too large" in line and REMEDY.search(line)
    assert desk.output.read_bytes() == EARLIER
    new = set(contents(desk.folder)) - before
    assert STATE in new and all(name.startswith("result.mp4.work") for name in new)
    assert main([*words, "--lossless", "--resume"]) == 0
    assert desk.output.read_bytes() != EARLIER and left(desk) == []


def namespaces() -> bool:
    """Whether a folder of our own may be mounted, with no right beyond our own."""
    if shutil.which("unshare") is None or not sys.platform.startswith("linux"):
        return False
    tried = ["unshare", "-Urm", "sh", "-c", "mount -t tmpfs -o size=64k tmpfs /mnt"]
    return subprocess.run(tried, capture_output=True).returncode == 0


FULL = 'mount -t tmpfs -o size=$1 tmpfs disk && shift && cp mine.txt disk && "$@"; code=$?; ls -A disk; exit $code'


@pytest.mark.skipif(not namespaces(), reason="no folder of a fixed size can be mounted here")
def test_a_disk_that_is_full_is_one_sentence(desk):
    (desk.folder / "disk").mkdir()
    words = desk.animation("-o", desk.folder / "disk" / "result.mp4", "--lossless")
    program = [
        sys.executable,
        "-c",
        "import sys; from skyreels_core.cli import main; sys.exit(main(sys.argv[1:]))",
    ]
    ran = subprocess.run(
        ["unshare", "-Urm", "sh", "-c", FULL, "sh", "36k", *program, *words],
        capture_output=True, text=True, cwd=desk.folder,
    )  # fmt: skip
    assert ran.returncode == REFUSED, ran.stderr
    line = ran.stderr.strip().splitlines()[-1]
    assert line.startswith("skyreels-audio: ") and REMEDY.search(line) and "Traceback" not in ran.stderr
    assert "No space left on device" in line and "--resume" in line
    assert ran.stdout.split() == ["mine.txt", "result.mp4.work"]


@contextmanager
def as_nobody() -> Iterator[None]:
    """Root may write everywhere; for a while this process may not."""
    root = os.geteuid() == 0
    try:
        if root:
            os.seteuid(65534)
        yield
    finally:
        if root:
            os.seteuid(0)


@pytest.fixture
def open_desk(whole, capsys):
    """Where everybody may look around: pytest's own folders are closed to others."""
    folder = Path(tempfile.mkdtemp())
    model = shutil.copytree(whole.model, folder / "model")
    files = {name: shutil.copy(getattr(whole, name), folder) for name in ("voice", "portrait")}
    open_whole = replace(whole, model=model, **{name: Path(path) for name, path in files.items()})
    desk = CommandLine(folder / "desk", open_whole, capsys.readouterr)
    desk.folder.mkdir()
    for path in folder.rglob("*"):
        path.chmod(0o755)
    desk.file("mine.txt", "somebody's own")
    desk.output.write_bytes(EARLIER)
    folder.chmod(0o755)
    yield desk
    shutil.rmtree(folder)


def refused_to_nobody(desk: CommandLine, words: list[str], needle: str) -> None:
    main([*words, "--steps", "0"])  # what is imported late is imported now
    desk.read_output()
    with as_nobody():
        if os.access(desk.folder, os.W_OK, effective_ids=True):
            pytest.skip("this account may do everything")
        desk.refuses(words, needle)


CLOSED = {
    "a folder for the video": (0o555, lambda desk: desk.animation("-o", desk.folder / "new.mp4"), "new.mp4"),
    "a folder for the work": (0o555, lambda desk: desk.animation("--work", desk.folder / "work"), "desk"),
}


@pytest.mark.skipif(not hasattr(os, "seteuid"), reason="no such rights on this system")
@pytest.mark.parametrize("case", CLOSED.values(), ids=CLOSED.keys())
def test_a_folder_that_may_not_be_written_to_is_one_sentence(open_desk, case):
    mode, words, needle = case
    open_desk.folder.chmod(mode)
    refused_to_nobody(open_desk, words(open_desk), needle)


@pytest.mark.skipif(not hasattr(os, "seteuid"), reason="no such rights on this system")
def test_a_voice_that_may_not_be_read_is_one_sentence(open_desk):
    open_desk.whole.voice.chmod(0)
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o777)
        words = open_desk.animation("-o", Path(folder) / "new.mp4")
        refused_to_nobody(open_desk, words, "voice.wav")


JUMPS = [0.0, -4e8, 1e9, 1.0, 2**33, -1e9]  # seconds: years back and forth


def test_a_clock_that_jumps_by_years_changes_no_byte(desk, monkeypatch):
    words = desk.animation("--prompt", "a person")
    assert main(words) == 0
    usual, true, asked = desk.output.read_bytes(), time.time, []

    def jumping() -> float:
        asked.append(true())
        return max(0.0, true() + JUMPS[len(asked) % len(JUMPS)])

    monkeypatch.setattr(time, "time", jumping)
    assert main(words) == 0
    assert desk.output.read_bytes() == usual and left(desk) == []


def test_a_result_of_next_year_does_not_keep_a_run_from_going_on(desk):
    """Nothing looks at the times of files."""
    with files_of_at_most(9000):
        assert main(desk.animation("--lossless")) == REFUSED
    for path in (desk.folder / "result.mp4.work").rglob("*"):
        os.utime(path, (2**33, 2**33))
    assert main(desk.animation("--lossless", "--resume")) == 0
    assert left(desk) == []
