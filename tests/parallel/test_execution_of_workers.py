"""How workers compute: what cannot be shared by several devices is refused, everything else reaches them."""

from __future__ import annotations

import io

import pytest
import torch

from skyreels_core.api.weights import find_model
from skyreels_core.errors import InputError
from skyreels_core.model.bundle import MODEL
from skyreels_core.model.execution import Execution
from skyreels_core.model.fp8 import Fp8Linear
from skyreels_core.parallel.devices import read_devices
from skyreels_core.parallel.messages import read_message, write_message
from skyreels_core.pipeline.worker import CoreWorker, ModelSpec


def test_a_worker_loads_what_the_options_say(bundle_folder):
    how = Execution(attention="math", weights_dtype="fp8", offload="group")
    sent = io.BytesIO()
    write_message(sent, (ModelSpec(bundle_folder / MODEL, None, torch.float32, 1, how), "cpu", 0))
    sent.seek(0)
    worker = CoreWorker()
    worker.load(read_message(sent))
    block = worker.model.blocks[0]
    assert isinstance(block.ffn[0], Fp8Linear) and block.self_attn.kernel is not None
    assert hasattr(block, "_diffusers_hook")


@pytest.mark.parametrize("how", [Execution(compile=True), Execution(attention="math")])
def test_what_several_devices_cannot_share_is_refused_at_once(how):
    with pytest.raises(InputError, match=r"several devices.*\(--sequence-parallel\).*Leave one of them out"):
        find_model(None, {}, None, None, read_devices("cpu,cpu", sequence=2), how)
    find_model(None, {}, None, None, read_devices("cpu,cpu"), how)
