"""What the options ask for: the files of a model, and how it is sampled."""

from __future__ import annotations

from argparse import Namespace
from typing import Any

from ..api.options import OPTIONS, settings_of
from ..api.weights import FILES, ModelFiles, find_model
from ..errors import InputError
from ..model.execution import Execution
from ..parallel.devices import Devices, read_devices
from ..run.settings import Settings

FLAGS = {
    "negative_prompt": "negative_text",
    "method": "editing",
}  # option to name in the parsed arguments, where that is an older one


def choose(args: Namespace) -> tuple[ModelFiles, Settings]:
    """What the options ask for, once the headers of all files have been read; nothing heavy is loaded.

    Raises InputError for files that are missing or something else, and for options that cannot be used.
    """
    files = {part: path for part in FILES if (path := getattr(args, part)) is not None}
    devices = devices_of(args)
    execution = Execution(args.compile, args.attention, args.weights_dtype, args.offload)
    model = find_model(args.model, files, args.device, args.dtype, devices, execution, args.lora or ())
    return model, settings_of(Settings.of(model.metadata), options_of(args))


def options_of(args: Namespace) -> dict[str, Any]:
    """Those of `Model.animate` and `Model.edit`; None where one is not given."""
    return {name: getattr(args, FLAGS.get(name, name), None) for name in OPTIONS}


def devices_of(args: Namespace) -> Devices | None:
    """Raises InputError for options of several devices without any."""
    if args.devices is not None:
        return read_devices(args.devices, args.worker_timeout, args.sequence_parallel, args.sequence_engine)
    for name in ("worker_timeout", "sequence_parallel", "sequence_engine"):
        if getattr(args, name) is not None:
            flag = f"--{name.replace('_', '-')}"
            raise InputError(f"{flag} is about the workers of --devices, which are not given. Leave it out.")
    return None
