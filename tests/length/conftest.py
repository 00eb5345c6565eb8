from __future__ import annotations

import os
from types import SimpleNamespace

import pytest
import torch

from skyreels_core.audio.reading import write_wav
from skyreels_core.media.sound import Audio
from skyreels_core.media.writing import write_picture

if os.name == "nt":
    collect_ignore = ["test_killed_runs.py"]  # it forks
else:
    from started import Starter

SECONDS = 4  # 32 frames, 4 windows
SMALL = ("--width", 32, "--height", 32, "--fps", 8, "--steps", 5, "--window", 3, "--overlap", 1)
AT_ONCE = ("--colour-strength", 0)  # frames are written as they are decoded, not 4 s later


def noise(*shape):
    return torch.rand(*shape, generator=torch.Generator().manual_seed(1))


@pytest.fixture(scope="session")
def start(tmp_path_factory):
    """Begins the command line with the words given to it, in another process."""
    starter = Starter(tmp_path_factory.mktemp("started"))
    yield starter
    starter.close()


@pytest.fixture(scope="session")
def inputs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("inputs")
    inputs = SimpleNamespace(voice=folder / "voice.wav", portrait=folder / "portrait.png")
    write_wav(inputs.voice, Audio(0.2 * (noise(1, 16000 * SECONDS) - 0.5), 16000))
    write_picture(inputs.portrait, noise(40, 40, 3))
    return inputs


@pytest.fixture(scope="session")
def animate(inputs, bundle_folder, start):
    """Begins an animation to the given output."""
    given = ("animate", "--image", inputs.portrait, "--audio", inputs.voice, "--model", bundle_folder)
    return lambda output, *options: start(*given, *SMALL, *AT_ONCE, "-o", output, *options)


@pytest.fixture(scope="session")
def undisturbed(animate, tmp_path_factory):
    """The bytes of the video of a run from beginning to end."""
    output = tmp_path_factory.mktemp("undisturbed") / "hello.mp4"
    run = animate(output)
    assert run.end() == 0, run.said
    return output.read_bytes()
