"""Attention that is chosen: installed, tried against math, and used in every layer."""

import sys
from types import ModuleType

import pytest
import torch
from networks import forward, networks

from skyreels_core.errors import InputError
from skyreels_core.model.attention import Attention, native_attention
from skyreels_core.model.attention_kernels import KERNELS, NAMES, attention_kernel, use_attention

CPU = torch.device("cpu")


def exact(q, k, v, **options):
    return native_attention(q, k, v)


def package(monkeypatch, name, function, computes):
    """An installed package with one function, as its users import it."""
    module = ModuleType(name)
    setattr(module, function, computes)
    monkeypatch.setitem(sys.modules, name, module)


def absent(monkeypatch, *names):
    for name in names:
        monkeypatch.setitem(sys.modules, name, None)


def chosen(name):
    return attention_kernel(name, 24, torch.float32, CPU)


@pytest.mark.parametrize(
    "name, needed",
    [("flash", "flash_attn_interface.*pip install flash-attn"), ("sage", "pip install sageattention")],
)
def test_a_package_that_is_not_installed_is_named(monkeypatch, name, needed):
    absent(monkeypatch, "flash_attn_interface", "flash_attn", "sageattention")
    with pytest.raises(InputError, match=f"is not installed.*{needed}.*leave --attention out"):
        chosen(name)


PACKAGES = [
    ("flash", "flash_attn_interface", "flash_attn_func"),
    ("flash", "flash_attn", "flash_attn_func"),
    ("sage", "sageattention", "sageattn"),
]


@pytest.mark.parametrize("name, installed, function", PACKAGES)
def test_a_package_that_computes_attention_is_used_in_every_layer(monkeypatch, name, installed, function):
    absent(monkeypatch, "flash_attn_interface", "flash_attn", "sageattention")
    calls = []
    package(monkeypatch, installed, function, lambda *qkv, **options: (calls.append(1), exact(*qkv))[1])
    model, adapter = networks()
    expected = forward(model, adapter, text=512)
    use_attention(chosen(name), model, adapter)
    calls.clear()
    assert torch.equal(forward(model, adapter, text=512), expected)
    assert len(calls) == sum(isinstance(m, Attention) for net in (model, adapter) for m in net.modules())


@pytest.mark.parametrize("name, installed, function", PACKAGES)
@pytest.mark.parametrize(
    "wrong",
    [
        lambda q, k, v, **_: torch.zeros_like(q),
        lambda q, k, v, **_: native_attention(q, k, v) + torch.nan,
        lambda q, k, v, **_: native_attention(q, k[:, :-9], v[:, :-9]),  # the end of a block left out
        lambda q, k, v, **_: native_attention(q, k.flip(1), v),
    ],
)
def test_a_package_that_computes_something_else_is_refused(monkeypatch, name, installed, function, wrong):
    absent(monkeypatch, "flash_attn_interface", "flash_attn", "sageattention")
    package(monkeypatch, installed, function, wrong)
    with pytest.raises(InputError, match=f"'{name}' computes wrong numbers here"):
        chosen(name)


def test_a_package_that_refuses_the_model_is_refused_with_its_reason(monkeypatch):
    def refuses(*qkv, **options):
        raise RuntimeError("only supports fp16 and bf16")

    package(monkeypatch, "flash_attn_interface", "flash_attn_func", refuses)
    with pytest.raises(InputError, match="float32 on cpu, 24 channels a head: only supports fp16 and bf16"):
        chosen("flash")


def test_cudnn_needs_its_gpu():
    if torch.cuda.is_available():
        pytest.skip("there is a GPU")
    with pytest.raises(InputError, match="'cudnn' cannot compute here"):
        chosen("cudnn")


def test_math_is_the_default_but_for_rounding():
    model, adapter = networks()
    expected = forward(model, adapter)
    use_attention(chosen("math"), model, adapter)
    assert (forward(model, adapter) - expected).abs().max() <= 1e-5


def test_the_default_is_pytorchs_own_choice_and_other_names_are_refused():
    assert ("auto", *KERNELS) == NAMES and chosen("auto") is None
    with pytest.raises(InputError, match="'flash3' is unknown; use one of auto, cudnn, flash, sage, math"):
        chosen("flash3")
