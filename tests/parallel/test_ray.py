"""Two local Ray actors for a video of two windows: the latents of one device."""

from __future__ import annotations

import os

import pytest
import torch

from skyreels_core.errors import InputError
from skyreels_core.media.sound import Audio
from skyreels_core.model.bundle import MODEL, load_bundle
from skyreels_core.model.checkpoint import PLANNING
from skyreels_core.parallel.devices import Devices, read_devices
from skyreels_core.pipeline.animate import animate
from skyreels_core.pipeline.dealt import Workers
from skyreels_core.pipeline.worker import ModelSpec
from skyreels_core.run.settings import Settings

LIMIT = 300  # seconds


@pytest.mark.parametrize(
    "given, expected",
    [("ray:2", ("", 2)), ("ray://head:10001:16", ("ray://head:10001", 16)), ("ray", None), ("ray:0", None),
     ("ray:two", None), ("ray://head:2", None), ("ray://", None)],
)  # fmt: skip
def test_workers_of_a_cluster_are_named_by_their_number_and_an_address(given, expected):
    if expected is None:
        with pytest.raises(InputError, match="names no workers of a Ray cluster; give ray:2"):
            read_devices(given)
    else:
        devices = read_devices(given)
        assert (devices.cluster, len(devices.names)) == expected


def test_without_ray_a_sentence_says_how_to_install_it(monkeypatch, bundle_folder):
    monkeypatch.setitem(__import__("sys").modules, "ray", None)
    spec = ModelSpec(bundle_folder / MODEL, None, torch.float32, 1)
    with pytest.raises(InputError, match=r"Ray is not installed.*pip install 'skyreels-audio\[ray\]'"):
        Workers(read_devices("ray:2"), spec).pool.start()


def test_two_actors_give_the_latents_of_one_device_and_one_that_is_killed_ends_the_run(
    bundle, bundle_folder, monkeypatch
):
    ray = pytest.importorskip("ray", reason="Ray is not installed: pip install 'skyreels-audio[ray]'")
    monkeypatch.setenv("RAY_worker_niceness", "0")  # as nice as Ray has them, they starve on a busy machine
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
    settings = Settings.of(bundle.metadata).override(
        width=32, height=32, fps=8.0, window=3, overlap=1, steps=2
    )
    voice = Audio(torch.rand(1, 32000, generator=torch.Generator().manual_seed(1)) - 0.5, 16000)
    spec = ModelSpec(bundle_folder / MODEL, None, torch.float32, torch.get_num_threads())
    workers = Workers(Devices(("ray",) * 2, LIMIT, cluster=""), spec)
    planner = load_bundle(bundle_folder, only=PLANNING)
    try:
        result = animate(planner, voice, settings=settings, workers=workers)
        assert result.report.windows == 2
        one = animate(bundle, voice, settings=settings)
        assert (result.frames.latents - one.frames.latents).abs().max() <= 1e-5
        os.kill(workers.pool.tell("pid", None)[1], 9)
        with pytest.raises(InputError, match=r"Worker 2 \(ray\) has ended"):
            animate(planner, voice, settings=settings, workers=workers)
        again = animate(planner, voice, settings=settings, workers=workers)
        assert torch.equal(again.frames.latents, result.frames.latents)
    finally:
        workers.close()
        ray.shutdown()
