"""Several devices in the words of the public API."""

from __future__ import annotations

from typing import Any

from ..errors import InputError
from ..parallel.devices import Devices, read_devices
from .inputs import number_of
from .options import described


def chosen_devices(devices: Any, timeout: Any, sequence: Any, engine: Any) -> Devices | None:
    """Raises InputError for what names no devices, and for options of workers that there are not."""
    if devices is None:
        given = {"worker_timeout": timeout, "sequence_parallel": sequence, "sequence_engine": engine}
        for name, value in given.items():
            if value is not None:
                raise InputError(f"{name} is about the workers of devices, and none are given. Leave it out.")
        return None
    if not isinstance(devices, str | list | tuple):
        raise InputError(
            f'devices is {described(devices)}; give a text such as "0,1", or a list of such names.'
        )
    seconds = None if timeout is None else number_of(timeout, float, "worker_timeout", "seconds, such as 600")
    return read_devices(devices, seconds, sequence, engine)
