"""python -m benchmarks [names]: measure, then write docs/results.md from everything that was measured.

python -m benchmarks gpu: forward passes of the real size on a GPU, for docs/weights.md too; --toy tries it on the CPU.
python -m benchmarks --model DIR measures another model, on drawn faces or rendered people as it learned from; its
figures go to runs/results, or where --results says, and the documents stay as they are.
python -m benchmarks parallel --devices 0,1 measures several devices, for whoever has them.
"""

from __future__ import annotations

import importlib
import json
import sys
import time
from argparse import ArgumentParser
from collections.abc import Sequence
from pathlib import Path

from skyreels_core.errors import InputError

from . import gpu, gpu_table, material, record
from .record import NotMeasured, Record
from .report import write_report

NAMES = (
    "sync", "guidance", "another_voice", "silence", "fusion", "cache", "colour", "hybrid", "long_voice", "speed",
    "memory", "linear", "cancel", "kill", "ten_minutes", "same_bytes", "pinned", "rates", "apg", "joins",
    "crop", "crop_yunet", "crop_h264", "crop_memory", "lips", "notices", "evaluate_memory", "funnel", "scaling",
    "train_memory",
)  # fmt: skip
ONE_BY_ONE = ("no_rope", "decode", "comfyui", "gpu", "parallel")  # which need what most machines have not
RESULTS = Path("runs") / "results"
OF_PEOPLE = {"sync": "people"}  # what measures a model of rendered people instead


def main(arguments: list[str]) -> None:
    parser = ArgumentParser(prog="python -m benchmarks")
    parser.add_argument("names", nargs="*")
    parser.add_argument("--model", type=Path, help="a bundle's folder (default: the bundled demo)")
    parser.add_argument("--results", type=Path, help=f"of --model (default: {RESULTS})")
    parser.add_argument(
        "--toy", action="store_true", help="with gpu: tiny, on the CPU, and nothing is recorded"
    )
    parser.add_argument("--devices", help="of `parallel`, such as 0,1")
    options = parser.parse_args(arguments)
    if (options.names == ["parallel"]) != (options.devices is not None):
        parser.error("parallel measures the devices that --devices names, and nothing else does")
    if options.toy and options.names != ["gpu"]:
        parser.error("--toy tries gpu alone")
    if unknown := set(options.names) - {*NAMES, *ONE_BY_ONE}:
        known = ", ".join((*NAMES, *ONE_BY_ONE))
        parser.error(f"nothing measures {', '.join(sorted(unknown))}; these do: {known}")
    if options.results is not None and options.model is None:
        parser.error("--results is for another model, which --model names")
    if options.names == ["gpu"]:  # which needs no model of any file
        if options.model is not None:
            parser.error("gpu measures sizes, without a model's file")
        measure_gpu(options.toy)
        return
    if options.model is not None:
        material.MODEL = options.model
        record.keep_in(options.results or RESULTS)
    try:
        of_people = material.of_people()
    except InputError as error:
        parser.error(str(error))
    if options.devices is not None:
        several_devices(options.devices, options.model)
    else:
        measure(options.names or NAMES, of_people)
    if options.model is None:
        write_report()


def measure_gpu(toy: bool) -> None:
    started, figures = time.perf_counter(), Record()
    gpu.run(figures, toy)
    if not toy:
        figures.save("gpu", time.perf_counter() - started)
        gpu_table.main()
        write_report()


def several_devices(devices: str, model: Path | None) -> None:
    started, figures = time.perf_counter(), Record()
    importlib.import_module(".parallel", __package__).run(figures, devices, model)
    figures.save("parallel", time.perf_counter() - started)
    sys.stdout.write(json.dumps(figures, indent=1) + "\n")


def measure(names: Sequence[str], of_people: bool) -> None:
    record.PICTURES.mkdir(parents=True, exist_ok=True)
    for name in names:
        started, figures = time.perf_counter(), Record()
        module = OF_PEOPLE.get(name, name) if of_people else name
        try:
            importlib.import_module(f".{module}", __package__).run(figures)
        except NotMeasured as missing:
            sys.stderr.write(f"{name} is not measured: {missing}.\n")
            continue
        figures.save(module, time.perf_counter() - started)
        sys.stderr.write(f"{name}: {dict(figures)}\n")


if __name__ == "__main__":
    main(sys.argv[1:])
