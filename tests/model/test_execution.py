"""Compiled, offloaded, in fp8: what the options of a model do, and what they take."""

import logging

import pytest
import torch
from networks import forward, networks

from skyreels_core.errors import InputError
from skyreels_core.model import compiling, execution
from skyreels_core.model.checkpoint import save_model
from skyreels_core.model.execution import Execution, NetworkBytes
from skyreels_core.model.offloading import AT_ONCE, offload_blocks
from skyreels_core.weights.header import read_header

CPU = torch.device("cpu")


@pytest.fixture
def file(tmp_path):
    save_model(tmp_path / "model.safetensors", *networks(), {}, torch.float32)
    return tmp_path / "model.safetensors"


def loaded(file, **how):
    return Execution(**how).load(file, device=CPU)[:2]


def test_offloaded_blocks_give_exactly_the_same(file):
    expected = forward(*loaded(file))
    model, adapter = loaded(file, offload="group")
    assert torch.equal(forward(model, adapter), expected)
    assert torch.equal(forward(model, adapter), expected)  # after the blocks have gone and come back
    assert model.state_dict().keys() == networks()[0].state_dict().keys()


def test_every_block_is_brought_to_the_device_before_it_computes_and_sent_back_after():
    model, adapter = networks()
    offload_blocks(model, CPU)
    hooks = [block._diffusers_hook.get_hook("group_offloading") for block in model.blocks]
    seen = []
    for number, hook in enumerate(hooks):
        hook.group.onload_ = lambda number=number: seen.append(("on", number))
        hook.group.offload_ = lambda number=number: seen.append(("off", number))
    forward(model, adapter)
    assert seen == [(way, number) for number in range(len(hooks)) for way in ("on", "off")]


def test_offloaded_fp8_blocks_can_be_compiled(file, monkeypatch):
    expected = forward(*loaded(file, weights_dtype="fp8"))
    monkeypatch.setattr(compiling, "compile_problem", lambda device: None)
    whole = execution.compile_blocks
    monkeypatch.setattr(
        execution, "compile_blocks", lambda *nets, **how: whole(*nets, **how, backend="eager")
    )
    torch._dynamo.reset()
    model, adapter = loaded(file, weights_dtype="fp8", offload="group", compile=True)
    assert (forward(model, adapter) - expected).abs().max() <= 1e-5


def test_where_nothing_can_be_compiled_the_model_runs_and_one_sentence_says_why(file, monkeypatch, caplog):
    monkeypatch.setattr(compiling, "compile_problem", lambda device: "No working C++ compiler found")
    with caplog.at_level(logging.WARNING):
        out = forward(*loaded(file, compile=True))
    assert torch.equal(out, forward(*loaded(file)))
    (line,) = caplog.messages
    assert "No working C++ compiler found" in line and "runs uncompiled" in line and "g++" in line


@pytest.mark.parametrize(
    "how, needle",
    [
        (
            {"attention": "xformers"},
            "attention 'xformers' is unknown; use one of auto, cudnn, flash, sage, math",
        ),
        ({"weights_dtype": "int4"}, "weights dtype 'int4' is unknown; use one of fp8"),
        ({"offload": "disk"}, "offload 'disk' is unknown; use one of none, group"),
        ({"compile": "yes"}, "compile is 'yes'; give True or False"),
    ],
)
def test_other_values_are_refused(how, needle):
    with pytest.raises(InputError, match=needle):
        Execution(**how).check()


@pytest.mark.parametrize("weights_dtype", [None, "fp8"])
@pytest.mark.parametrize("offload", ["none", "group"])
def test_what_the_weights_take_is_known_from_the_header(file, weights_dtype, offload):
    how = Execution(weights_dtype=weights_dtype, offload=offload)
    found = NetworkBytes.of([read_header(file)], torch.float32.itemsize, how)
    model, adapter = how.load(file, device=CPU)[:2]
    sizes = {name: weight.nbytes for net in (model, adapter) for name, weight in net.state_dict().items()}
    scales = sum(size for name, size in sizes.items() if name.endswith(".scale"))
    assert found.resident + found.waiting == sum(sizes.values()) - scales
    backbone = sum(weight.nbytes for name, weight in model.state_dict().items() if name.startswith("blocks."))
    assert found.waiting <= backbone <= found.waiting + scales if offload == "group" else found.waiting == 0
    largest = max(weight.numel() for name, weight in model.state_dict().items() if name.startswith("blocks."))
    unpacked = largest * 4 if weights_dtype == "fp8" else 0
    assert found.at_once == pytest.approx(AT_ONCE * found.waiting / 3 + unpacked, abs=1)
