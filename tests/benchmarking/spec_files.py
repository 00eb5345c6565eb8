"""What the tests of benchmarks share: a specification at toy size, and its inputs."""

from __future__ import annotations

import json

import torch
import yaml

from skyreels_core.audio.reading import write_wav
from skyreels_core.benchmarking.folder import Folder
from skyreels_core.benchmarking.reading import read
from skyreels_core.benchmarking.run import Choice, Run
from skyreels_core.media.encoding import Encoding
from skyreels_core.media.sound import Audio
from skyreels_core.media.writing import write_picture, write_video

SMALL = {
    "width": 32, "height": 32, "steps": 1, "window": 2, "overlap": 1, "audio_guidance": 1, "text_guidance": 1,
}  # fmt: skip
FPS, FRAMES = 8.0, 5
SECONDS = 0.6  # of a voice: 5 frames, one window
SPEC = {
    "title": "Two & two",
    "portraits": "portraits",
    "voices": "voices",
    "prompts": ["a person talks", "a person sings"],
    "options": {**SMALL, "fps": FPS},
    "settings": {"one step": {}, "two <steps>": {"steps": 2}},
    "baseline": "one step",
    "metrics": ["sharpness", "flicker", "seams", "sync"],
}


def noise(*shape, seed=1):
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed))


def voice(seed=1, seconds=SECONDS):
    return Audio(noise(1, round(16000 * seconds), seed=seed) - 0.5, 16000)


def write_inputs(folder):
    """Three portraits, two voices, and two clips with their masks beside them."""
    for name in ("portraits", "voices", "clips"):
        (folder / name).mkdir(parents=True)
    for index, name in enumerate(("anna", "ben", "cleo")):
        write_picture(folder / "portraits" / f"{name}.png", noise(32, 32, 3, seed=index))
    for index, name in enumerate(("hello", "welcome")):
        write_wav(folder / "voices" / f"{name}.wav", voice(index))
    mask = torch.zeros(32, 32, 3)
    mask[16:, 8:24] = 1
    for index, name in enumerate(("first", "second")):
        clip = folder / "clips" / f"{name}.mkv"
        write_video(clip, noise(FRAMES, 32, 32, 3, seed=index), FPS, voice(index), Encoding(lossless=True))
        write_picture(clip.with_suffix(".png"), mask)
    return folder


def write_spec(folder, **fields):
    """Of SPEC with other fields; None leaves one out."""
    path = folder / "spec.yaml"
    stated = {name: value for name, value in {**SPEC, **fields}.items() if value is not None}
    path.write_text(yaml.safe_dump(stated, sort_keys=False, allow_unicode=True))
    return path


def specified(folder, **fields):
    path = write_spec(folder, **fields)
    return read(path, folder)


def silent(stage, done, planned, what):
    """A progress that nobody watches."""


def run_of(folder, output, choice=None, **fields):
    return Run(specified(folder, **fields), Folder(output), choice or Choice(), silent)


def held(output):
    return json.loads((output / "benchmark.json").read_text())
