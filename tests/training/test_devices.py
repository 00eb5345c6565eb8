"""Two processes that train one model together: the same losses, the same files, and nobody left behind."""

from __future__ import annotations

import csv
import shutil
import sys
from pathlib import Path

import pytest
import torch
import torch.distributed as dist
from safetensors.torch import load_file
from torch.distributed.tensor import DTensor
from torch.testing._internal.distributed.fake_pg import FakeStore
from toys import PARTS, material, sections, written

from skyreels_core.cli import main
from skyreels_core.demo.recipe import EVERY_SECTION
from skyreels_core.errors import InputError
from skyreels_core.model.bundle import load_bundle
from skyreels_core.parallel.devices import Devices
from skyreels_core.parallel.workers import ROOT
from skyreels_core.training.launching import launch
from skyreels_core.training.ranks import Ranks, join
from skyreels_core.training.sharding import local_bytes, shard
from skyreels_core.training.train import train
from skyreels_core.training.transformer import AudioDrivenModel

STEPS = 3


@pytest.fixture(scope="module")
def clips(tmp_path_factory) -> Path:
    return material(tmp_path_factory.mktemp("data"))


def recipe(folder: Path, steps: int) -> Path:
    """A batch of three, so that two ranks have unlike parts of it; the joint stage keeps an average."""
    voice = {"name": "voice", "train": "audio", "steps": 1, "batch": 3}
    joint = {"name": "joint", "train": "all", "steps": steps, "batch": 3, "ema": 0.5}
    return written(folder, sections(folder, voice, joint, frames=33), f"recipe{steps}")


def losses(run: Path) -> list[float]:
    with (run / "transformer" / "losses.csv").open(newline="") as file:
        return [float(value) for _, _, _, value in csv.reader(file)]


def assert_alike(one: Path, other: Path) -> None:
    first, second = (load_file(run / "bundle" / "model.safetensors") for run in (one, other))
    assert first.keys() == second.keys()
    assert max(float((first[name] - second[name]).abs().max()) for name in first) < 1e-5


def test_two_ranks_write_what_one_writes_and_one_goes_on_from_them(clips, tmp_path, capsys):
    both, alone = tmp_path / "both", tmp_path / "alone"
    train(recipe(clips, 2), alone, EVERY_SECTION)
    shutil.copytree(alone / "clips", both / "clips")  # they are encoded once
    words = ["train", "--config", str(recipe(clips, 2)), "--output", str(both), "--devices", "cpu,cpu"]
    assert main(words) == 0
    said = capsys.readouterr()
    assert said.out.strip() == str(both / "bundle")
    assert losses(both) == pytest.approx(losses(alone), rel=1e-5)
    assert_alike(both, alone)
    for run in (both, alone):
        train(recipe(clips, STEPS), run, EVERY_SECTION)
    assert len(losses(both)) == 1 + STEPS and losses(both) == pytest.approx(losses(alone), rel=1e-5)
    assert_alike(both, alone)
    for part in PARTS:
        shutil.copy(clips / f"{part}.safetensors", both / "bundle")
    assert load_bundle(both / "bundle").adapter is not None


@pytest.fixture
def of_two():
    """The first of two ranks, of which the other one is only imagined."""
    dist.init_process_group("fake", store=FakeStore(), rank=0, world_size=2)
    yield Ranks(0, 2, torch.device("cpu"))
    dist.destroy_process_group()


def test_each_rank_holds_half_of_every_parameter(of_two, clips):
    model = AudioDrivenModel(load_bundle(clips).model, load_bundle(clips).adapter)
    before = local_bytes(model)
    shard(model, model.units, of_two)
    assert all(isinstance(parameter, DTensor) for parameter in model.parameters())
    assert local_bytes(model) == pytest.approx(before / 2, rel=0.01)


DIES = """
import os, sys, time
print(os.getpid(), file=sys.stderr, flush=True)
if os.environ["RANK"] == "1":
    sys.exit("out of luck")
time.sleep(600)
"""
HANGS = """
import sys, time, torch
sys.path.insert(0, {root!r})
from skyreels_core.parallel.devices import Devices
from skyreels_core.training.ranks import join
ranks = join(Devices(("cpu", "cpu"), 5))
if ranks.number == 1:
    time.sleep(600)
ranks.mean(torch.ones(1))
"""
BOTH = Devices(("cpu", "cpu"))


def test_a_rank_that_dies_ends_the_others_in_its_own_words(capsys):
    with pytest.raises(InputError, match=r"device 1 \(cpu\) ended with exit code 1: out of luck"):
        launch([sys.executable, "-c", DIES], BOTH)
    assert not Path(f"/proc/{int(capsys.readouterr().err)}").exists()


def test_a_rank_that_hangs_ends_all_of_them_when_the_time_is_over():
    with pytest.raises(InputError, match=r"device \d \(cpu\) ended with exit code 1: .*(imed out|imeout)"):
        launch([sys.executable, "-c", HANGS.format(root=str(ROOT))], BOTH)


def test_a_batch_without_a_sample_for_each_device_is_refused():
    with pytest.raises(InputError, match="Raise `batch`"):
        Ranks(1, 4, torch.device("cpu")).part(3)


def test_more_processes_than_devices_are_refused():
    with pytest.raises(InputError, match="Process 2 has no device"):
        join(Devices(("cpu", "cpu")), {"RANK": "2", "WORLD_SIZE": "3"})


def test_a_ray_cluster_does_not_train(clips, tmp_path, capsys):
    words = ["train", "--config", str(recipe(clips, 2)), "--output", str(tmp_path), "--devices", "ray:2"]
    assert main(words) == 2
    assert "torchrun" in capsys.readouterr().err
