"""A command decides everything once: its options, its windows, its region, what its model's headers say."""

from __future__ import annotations

from collections import Counter

import pytest
import torch

from skyreels_core.cli import main
from skyreels_core.cli.choices import choose
from skyreels_core.cli.parser import build_parser
from skyreels_core.media import region
from skyreels_core.media.encoding import Encoding
from skyreels_core.media.sound import Audio
from skyreels_core.media.writing import write_picture, write_video
from skyreels_core.model.bundle import MODEL, TEXT_ENCODER, VAE, WHISPER
from skyreels_core.pipeline.planning import facts_of
from skyreels_core.run.plan import RunPlan
from skyreels_core.run.settings import Settings
from skyreels_core.weights import header
from skyreels_core.windows import WindowPlan

SMALL = ("--width=32", "--height=32", "--window=2", "--overlap=1", "--steps=1", "--audio-guidance=1")
PARTS = {"backbone": MODEL, "vae": VAE, "text-encoder": TEXT_ENCODER, "whisper": WHISPER}


@pytest.fixture
def command(tmp_path):
    """Of an edit of 9 frames, 3 latent ones."""
    write_video(tmp_path / "video.mkv", torch.rand(9, 32, 32, 3), 8.0, encoding=Encoding(lossless=True))
    write_video(
        tmp_path / "voice.mkv", torch.rand(9, 32, 32, 3), 8.0, Audio(torch.rand(1, 18000) - 0.5, 16000)
    )
    mask = torch.zeros(32, 32, 3)
    mask[16:, 8:24] = 1
    write_picture(tmp_path / "mask.png", mask)
    files = {"video": "video.mkv", "audio": "voice.mkv", "mask": "mask.png", "output": "made.mp4"}
    return ["edit", *(f"--{name}={tmp_path / file}" for name, file in files.items()), *SMALL]


@pytest.fixture
def counted(monkeypatch):
    """How often something was decided, by what it was."""
    counts = Counter()

    def count(owner, name, key):
        whole = getattr(owner, name)

        def counting(*args, **kwargs):
            counts[key(*args)] += 1
            return whole(*args, **kwargs)

        monkeypatch.setattr(owner, name, counting)

    count(Settings, "check", lambda settings: "options")
    count(RunPlan, "of", lambda *args: "plans")
    count(WindowPlan, "plan", lambda frames, *args: f"windows of {frames}")
    count(region, "check_region", lambda *args: "regions")
    count(header, "_read_entries", lambda path: path.name)
    return counts


@pytest.mark.parametrize("files", [False, True])
def test_a_run_checks_its_options_and_region_plans_its_windows_and_reads_each_header_once(
    command, counted, bundle_folder, files
):
    model = [f"--{part}={bundle_folder / name}" for part, name in PARTS.items()]
    assert main([*command, *(model if files else [f"--model={bundle_folder}"])]) == 0
    assert counted.pop("windows of 1") == 1  # when the options are checked
    assert counted == {
        "options": 1,
        "plans": 1,
        "windows of 3": 1,
        "regions": 1,
        **dict.fromkeys(PARTS.values(), 1),
    }


def test_headers_tell_what_the_loaded_model_is(bundle_folder, command):
    args = build_parser().parse_args([*command, f"--model={bundle_folder}"])
    model, _ = choose(args)
    assert model.facts == facts_of(model.load())
