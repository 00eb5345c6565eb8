"""The command `train`: in this process, or in one of its own for each device."""

from __future__ import annotations

import os
import sys
from argparse import Namespace

from ..demo.recipe import EVERY_SECTION
from ..parallel.devices import Devices, read_devices
from ..parallel.workers import ROOT
from ..training.dry_run import dry_run
from ..training.launching import launch
from ..training.ranks import checked_devices
from ..training.recipe import read_recipe
from ..training.train import train as train_recipe

# Ends at once: libraries may wait at exit for ranks that have gone.
IN_RANK = """import os, sys
sys.path.insert(0, {root!r})
from skyreels_core.cli import main
code = main({words!r})
sys.stderr.flush()
os._exit(code)
"""


def train(args: Namespace) -> None:
    """Raises InputError for what cannot be trained, before any process starts."""
    devices = devices_of(args)
    recipe = read_recipe(args.config, EVERY_SECTION)
    if args.dry_run:
        for line in dry_run(recipe, 1 if devices is None else len(devices.names)):
            print(line, flush=True)
    elif devices is not None and len(devices.names) > 1 and "RANK" not in os.environ:
        launch(command(args), devices)
        print(args.output / "bundle")
    else:
        print(train_recipe(args.config, args.output, EVERY_SECTION, devices=devices))


def devices_of(args: Namespace) -> Devices | None:
    return None if args.devices is None else checked_devices(read_devices(args.devices, args.worker_timeout))


def command(args: Namespace) -> list[str]:
    """What a rank runs: the same, among others."""
    words = ["train", "--config", str(args.config), "--output", str(args.output), "--devices", args.devices]
    if args.worker_timeout is not None:
        words += ["--worker-timeout", f"{args.worker_timeout:g}"]
    return [sys.executable, "-c", IN_RANK.format(root=str(ROOT), words=words)]
