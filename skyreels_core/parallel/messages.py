"""Messages between processes: plain values and this package's dataclasses as JSON, with the bytes of their tensors
behind it. Nothing in a message is ever executed."""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from importlib import import_module
from math import prod
from pathlib import Path
from typing import Any, BinaryIO, cast

import torch
from torch import Tensor

NUMBER = struct.Struct("<Q")
PACKAGE = __name__.partition(".")[0]
PLAIN = (bool, int, float, str, type(None))


def write_message(stream: BinaryIO, message: Any) -> int:
    """Tensors arrive on the CPU. Returns the number of bytes. Raises TypeError for what no message can hold."""
    tensors: list[memoryview] = []
    head = json.dumps(_plain(message, tensors)).encode()
    parts = [memoryview(head), *tensors]
    stream.write(NUMBER.pack(len(parts)) + b"".join(NUMBER.pack(part.nbytes) for part in parts))
    for part in parts:
        stream.write(part)
    stream.flush()
    return sum(part.nbytes for part in parts)


def read_message(stream: BinaryIO) -> Any:
    """Raises EOFError at the stream's end."""
    (count,) = NUMBER.unpack(_exactly(stream, NUMBER.size))
    sizes = [NUMBER.unpack(_exactly(stream, NUMBER.size))[0] for _ in range(count)]
    head, *tensors = (_exactly(stream, size) for size in sizes)
    return _value(json.loads(head), tensors)


def _plain(value: Any, tensors: list[memoryview]) -> Any:
    """Lists stand for themselves, and an object of one entry says what its entry is."""
    if isinstance(value, PLAIN):
        return value
    if isinstance(value, Tensor):
        tensors.append(_bytes(value))
        return {"tensor": [len(tensors) - 1, _name(value.dtype), list(value.shape)]}
    if isinstance(value, torch.dtype):
        return {"dtype": _name(value)}
    if isinstance(value, Path):
        return {"path": str(value)}
    if isinstance(value, range):
        return {"range": [value.start, value.stop, value.step]}
    if isinstance(value, Mapping):
        return {"dict": [[_plain(each, tensors) for each in item] for item in value.items()]}
    if isinstance(value, tuple | list):
        items = [_plain(each, tensors) for each in value]
        return {"tuple": items} if isinstance(value, tuple) else items
    if is_dataclass(value) and type(value).__module__.startswith(f"{PACKAGE}."):
        given = {each.name: _plain(getattr(value, each.name), tensors) for each in fields(value) if each.init}
        return {"dataclass": [type(value).__module__, type(value).__name__, given]}
    raise TypeError(f"{type(value).__name__} cannot be sent to a worker")


def _value(plain: Any, tensors: Sequence[bytearray]) -> Any:
    if isinstance(plain, list):
        return [_value(each, tensors) for each in plain]
    if not isinstance(plain, dict):
        return plain
    ((kind, held),) = plain.items()
    if kind == "tensor":
        return _tensor(tensors[held[0]], getattr(torch, held[1]), held[2])
    if kind == "dtype":
        return getattr(torch, held)
    if kind == "path":
        return Path(held)
    if kind == "range":
        return range(*held)
    if kind == "dict":
        return {_value(key, tensors): _value(value, tensors) for key, value in held}
    if kind == "tuple":
        return tuple(_value(each, tensors) for each in held)
    module, name, given = held
    return _dataclass(module, name)(**{field: _value(value, tensors) for field, value in given.items()})


def _dataclass(module: str, name: str) -> Any:
    """Of this package, and nothing else."""
    found = getattr(import_module(module), name) if module.startswith(f"{PACKAGE}.") else None
    if not (isinstance(found, type) and is_dataclass(found)):
        raise TypeError(f"{module}.{name} is no dataclass of {PACKAGE}")
    return found


def _bytes(tensor: Tensor) -> memoryview:
    held = tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8)
    return memoryview(cast(Any, held.numpy()))


def _tensor(raw: bytearray, dtype: torch.dtype, shape: Sequence[int]) -> Tensor:
    if not prod(shape):
        return torch.empty(shape, dtype=dtype)
    return torch.frombuffer(raw, dtype=torch.uint8).view(dtype).reshape(shape)


def _name(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")


def _exactly(stream: BinaryIO, size: int) -> bytearray:
    held = bytearray(size)
    view, done = memoryview(held), 0
    while done < size:
        read = stream.readinto(view[done:])  # pyright: ignore[reportAttributeAccessIssue]  # of buffered readers
        if not read:
            raise EOFError
        done += read
    return held
