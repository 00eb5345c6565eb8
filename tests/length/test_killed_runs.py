"""A run that is killed loses nothing: taken up again it makes the file that it would have made."""

from __future__ import annotations

import signal

import pytest

from skyreels_core.cli import INTERRUPTED, REFUSED

MULTISTEP = ("--solver", "dpmpp_2m", "--tea-cache", "0.1", "--colour-strength", 1)


@pytest.fixture
def output(tmp_path):
    return tmp_path / "hello.mp4"


@pytest.fixture
def work(tmp_path):
    return tmp_path / "hello.mp4.work"


def lies_in(folder):
    return sorted(path.name for path in folder.iterdir())


def sampling(run, work):
    """Until a step is done and the next ones are not."""
    return run.until(lambda: (work / "state.safetensors").exists())


def writing(run, output):
    """Until a part of the video is there, under another name."""
    return run.until(lambda: any(path.suffix == output.suffix for path in output.parent.iterdir()))


def test_a_run_killed_while_sampling_goes_on_to_the_same_file(animate, undisturbed, output, work):
    assert sampling(animate(output), work).end(signal.SIGKILL) == -signal.SIGKILL
    assert lies_in(output.parent) == [work.name]
    resumed = animate(output, "--resume")
    assert resumed.end() == 0, resumed.said
    assert output.read_bytes() == undisturbed
    assert lies_in(output.parent) == [output.name]


def test_a_run_killed_while_writing_leaves_no_video_and_goes_on_to_the_same_file(
    animate, undisturbed, output, work
):
    assert writing(animate(output), output).end(signal.SIGKILL) == -signal.SIGKILL
    assert not output.exists() and len(lies_in(output.parent)) == 2  # what was written, and the work
    resumed = animate(output, "--resume")
    assert resumed.end() == 0, resumed.said
    assert "sampling:" not in resumed.said
    assert output.read_bytes() == undisturbed
    assert lies_in(output.parent) == [output.name]


def test_what_the_solver_and_the_cache_remember_outlives_a_kill(animate, output, work, tmp_path):
    whole = animate(tmp_path / "whole.mp4", *MULTISTEP)
    assert whole.end() == 0, whole.said
    killed = animate(output, *MULTISTEP)
    assert sampling(killed, work).end(signal.SIGKILL) == -signal.SIGKILL
    resumed = animate(output, *MULTISTEP, "--resume")
    assert resumed.end() == 0, resumed.said
    assert output.read_bytes() == (tmp_path / "whole.mp4").read_bytes()


def test_a_cancelled_run_says_how_it_goes_on_and_does(animate, undisturbed, output, work):
    cancelled = sampling(animate(output), work)
    assert cancelled.end(signal.SIGINT) == INTERRUPTED
    assert "--resume" in cancelled.said
    assert lies_in(output.parent) == [work.name]
    assert animate(output, "--resume").end() == 0
    assert output.read_bytes() == undisturbed


def test_a_second_process_on_the_same_work_is_refused_by_the_name_of_the_first(animate, output, work):
    first = sampling(animate(output), work)
    second = animate(output, "--resume")
    assert second.end() == REFUSED
    assert f"process {first.pid}" in second.said
    assert first.process.is_alive()
    first.end(signal.SIGKILL)
    assert work.exists() and not output.exists()


def test_an_unfinished_run_is_not_begun_again_in_silence(animate, undisturbed, output, work):
    assert sampling(animate(output), work).end(signal.SIGKILL) == -signal.SIGKILL
    refused = animate(output)
    assert refused.end() == REFUSED
    assert "--resume" in refused.said and "--restart" in refused.said
    assert animate(output, "--restart").end() == 0
    assert output.read_bytes() == undisturbed
