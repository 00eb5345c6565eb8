"""Blocks through torch.compile: whole graphs, few of them, and the numbers of the uncompiled model."""

import shutil

import pytest
import torch
from networks import forward, networks
from torch._dynamo.utils import counters

from skyreels_core.model import compiling
from skyreels_core.model.attention_kernels import attention_kernel, use_attention
from skyreels_core.model.compiling import compile_blocks, compile_for_training, compile_problem

REGIONS = 3  # of a block: before its audio layers, these, and after them


@pytest.fixture(autouse=True)
def nothing_compiled():
    torch._dynamo.reset()
    counters.clear()
    yield
    torch._dynamo.reset()


def test_blocks_are_whole_graphs_and_all_blocks_share_them():
    """In graphs that break, `fullgraph` raises."""
    model, adapter = networks()
    expected = forward(model, adapter)
    compile_blocks(model, adapter, backend="eager")
    assert (forward(model, adapter) - expected).abs().max() <= 1e-5
    assert counters["stats"]["unique_graphs"] == REGIONS and not counters["graph_break"]


def test_branches_compile_nothing_and_lengths_once_more_each():
    model, adapter = networks()
    expected = [forward(model, adapter, frames, text, voice) for frames, text, voice in CASES]
    compile_blocks(model, adapter, backend="eager")
    found, graphs = [], []
    for frames, text, voice in CASES:
        found.append(forward(model, adapter, frames, text, voice))
        graphs.append(counters["stats"]["unique_graphs"])
    assert max(float((a - b).abs().max()) for a, b in zip(found, expected, strict=True)) <= 1e-5
    assert graphs[1] == graphs[0] == REGIONS  # the same window without its voice
    assert graphs[-1] == graphs[4] <= 3 * REGIONS  # once each length has been another one


# latent frames, text tokens and voice tokens of a window; None: a branch without the voice
CASES = (
    (3, 9, 20),
    (3, 9, None),
    (3, 12, 20),
    (3, 12, 22),
    (5, 9, 21),
    (9, 14, 30),
    (7, 10, 25),
    (6, 11, None),
)


def test_chosen_attention_is_in_the_graphs():
    model, adapter = networks()
    use_attention(attention_kernel("math", 24, torch.float32, torch.device("cpu")), model, adapter)
    expected = forward(model, adapter)
    compile_blocks(model, adapter, backend="eager")
    assert (forward(model, adapter) - expected).abs().max() <= 1e-5
    assert counters["stats"]["unique_graphs"] == REGIONS and not counters["graph_break"]


@pytest.fixture
def compiler():
    if not any(map(shutil.which, ("g++", "clang++", "cl"))):
        pytest.skip("torch.compile needs a C++ compiler on a CPU, and there is none")


def test_inductor_gives_the_numbers_of_the_uncompiled_model(compiler):
    """In float32 to 1e-5; in bfloat16 no further from float32 than without it."""
    exact = networks()
    expected = forward(*exact, text=512)
    rounded = networks(torch.bfloat16)
    distance = (forward(*rounded, text=512) - expected).norm()
    compile_blocks(*rounded)
    assert (forward(*rounded, text=512) - expected).norm() <= 1.05 * distance
    compile_blocks(*exact)
    assert (forward(*exact, text=512) - expected).abs().max() <= 1e-5


def test_compiled_training_on_a_cpu_gives_the_same_gradients(compiler):
    """Attention is written out there."""
    gradients = []
    for compiled in (False, True):
        model, adapter = networks()
        model.requires_grad_(True)
        if compiled:
            compile_for_training(model, adapter, torch.device("cpu"))
            assert model.blocks[0].self_attn.kernel is compiling.written_out
        forward.__wrapped__(model, adapter).square().mean().backward()
        gradients.append({n: w.grad for n, w in model.named_parameters() if w.grad is not None})
    plain, compiled = gradients
    assert plain.keys() == compiled.keys() and len(plain) > 20
    for name, gradient in plain.items():
        assert (compiled[name] - gradient).norm() <= 1e-4 * gradient.norm().clamp_min(1e-3), name


def test_without_a_compiler_there_is_a_reason(monkeypatch):
    def none(*args, **options):
        raise RuntimeError("No working C++ compiler found in the list")

    monkeypatch.setattr(compiling.torch, "compile", none)
    assert compile_problem(torch.device("cpu")) == "No working C++ compiler found in the list"
