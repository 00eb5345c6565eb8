"""Messages between processes: any Python value, with the bytes of its tensors beside it instead of copied into it."""

from __future__ import annotations

import io
import pickle
import struct
from collections.abc import Sequence
from math import prod
from typing import Any, BinaryIO, cast

import torch
from torch import Tensor

NUMBER = struct.Struct("<Q")


class _Pickler(pickle.Pickler):
    def reducer_override(self, value: Any) -> Any:
        if not isinstance(value, Tensor):
            return NotImplemented
        held = value.detach().cpu().contiguous()
        raw = pickle.PickleBuffer(memoryview(cast(Any, held.reshape(-1).view(torch.uint8).numpy())))
        return _tensor, (raw, held.dtype, tuple(held.shape))


def _tensor(raw: Any, dtype: torch.dtype, shape: Sequence[int]) -> Tensor:
    if not prod(shape):
        return torch.empty(shape, dtype=dtype)
    return torch.frombuffer(raw, dtype=torch.uint8).view(dtype).reshape(shape)


def write_message(stream: BinaryIO, message: Any) -> int:
    """Tensors arrive on the CPU. Returns the number of bytes."""
    head, buffers = io.BytesIO(), []
    _Pickler(head, protocol=5, buffer_callback=buffers.append).dump(message)
    parts = [head.getbuffer(), *(buffer.raw() for buffer in buffers)]
    stream.write(NUMBER.pack(len(parts)) + b"".join(NUMBER.pack(part.nbytes) for part in parts))
    for part in parts:
        stream.write(part)
    stream.flush()
    return sum(part.nbytes for part in parts)


def read_message(stream: BinaryIO) -> Any:
    """Only from a process of our own: it is unpickled. Raises EOFError at the stream's end."""
    (count,) = NUMBER.unpack(_exactly(stream, NUMBER.size))
    sizes = [NUMBER.unpack(_exactly(stream, NUMBER.size))[0] for _ in range(count)]
    head, *buffers = (_exactly(stream, size) for size in sizes)
    return pickle.loads(head, buffers=buffers)


def _exactly(stream: BinaryIO, size: int) -> bytearray:
    held = bytearray(size)
    view, done = memoryview(held), 0
    while done < size:
        read = stream.readinto(view[done:])  # pyright: ignore[reportAttributeAccessIssue]  # of buffered readers
        if not read:
            raise EOFError
        done += read
    return held
