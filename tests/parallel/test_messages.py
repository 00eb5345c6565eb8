from __future__ import annotations

import io
from threading import Thread

import pytest
import torch

from skyreels_core.parallel.messages import NUMBER, read_message, write_message
from skyreels_core.windows import Window


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16, torch.bool, torch.int64])
@pytest.mark.parametrize("shape", [(), (0, 3), (1,), (2, 3, 4)])
def test_values_and_tensors_of_any_kind_arrive_as_they_were(dtype, shape):
    tensor = torch.rand(shape).mul(9).to(dtype)
    stream = io.BytesIO()
    write_message(stream, (7, "evaluate", {"x": tensor, "window": Window(1, 2, 3), 3: [(None, 0.1)]}))
    stream.seek(0)
    number, kind, value = read_message(stream)
    assert (number, kind, value["window"]) == (7, "evaluate", Window(1, 2, 3))
    assert value[3] == [(None, 0.1)]
    assert value["x"].dtype == dtype and torch.equal(value["x"], tensor)


def test_a_view_travels_without_what_it_is_a_view_of():
    stream = io.BytesIO()
    whole = torch.rand(1, 16, 1000, 8, 8)
    assert write_message(stream, whole[:, :, 100:103]) < 1.1 * whole[:, :, :3].numel() * 4
    stream.seek(0)
    assert torch.equal(read_message(stream), whole[:, :, 100:103])


def test_nothing_but_values_and_the_packages_own_dataclasses_travels():
    with pytest.raises(TypeError, match="Thread cannot be sent"):
        write_message(io.BytesIO(), Thread())
    head = b'{"dataclass": ["os", "system", {}]}'
    stream = io.BytesIO(NUMBER.pack(1) + NUMBER.pack(len(head)) + head)
    with pytest.raises(TypeError, match=r"os\.system is no dataclass"):
        read_message(stream)


def test_a_stream_that_ends_within_a_message_is_an_end():
    stream = io.BytesIO()
    write_message(stream, torch.rand(5))
    with pytest.raises(EOFError):
        read_message(io.BytesIO(stream.getvalue()[:-3]))
