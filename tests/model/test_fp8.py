"""Weights of the blocks in 8 bits, quantised here or by the file."""

import json

import pytest
import torch
from networks import VOICE, WAN, forward, networks
from safetensors.torch import save_file

from skyreels_core.errors import InputError
from skyreels_core.model.checkpoint import describe, load_model, save_model
from skyreels_core.model.fp8 import Fp8Linear, quantise

STATED = {"transformer": {"num_heads": 4, "text_dim": 48}, "skyreels_audio": {"num_heads": 4}}


def written(path, tensors):
    save_file(tensors, path, {"config": json.dumps(STATED)})
    return path


def tensors():
    model, adapter = networks()
    return model.state_dict() | adapter.state_dict()


def linear(name, tensor):
    return name.startswith("blocks.") and name.endswith(".weight") and tensor.ndim == 2


def test_a_weight_is_rounded_by_a_sixteenth_at_most_whatever_its_size():
    weight = (
        torch.randn(40, 96, generator=torch.Generator().manual_seed(0)) * torch.logspace(-6, 3, 40)[:, None]
    )
    stored, scale = quantise(weight)
    back = stored.float() * scale
    assert torch.equal(scale.log2(), scale.log2().round())  # exact in any dtype
    assert ((back - weight).abs() <= weight.abs() / 16 + weight.abs().amax(1, keepdim=True) / 2**16).all()
    assert torch.equal(quantise(torch.zeros(2, 3))[0].float(), torch.zeros(2, 3))


def test_fp8_weights_take_a_quarter_and_give_nearly_the_same(tmp_path):
    save_model(tmp_path / "model.safetensors", *networks(), {}, torch.float32)
    plain = load_model(tmp_path / "model.safetensors")[:2]
    small = load_model(tmp_path / "model.safetensors", fp8=True)[:2]
    expected = forward(*plain)
    # the weights' own rounding is 2.5 % (method: 3 bits of mantissa), which the blocks add up
    assert 0 < (forward(*small) - expected).norm() <= 0.06 * expected.norm()
    sizes = [sum(p.nbytes for net in nets for p in net.blocks.parameters()) for nets in (plain, small)]
    assert sizes[1] <= 0.3 * sizes[0]
    assert all(isinstance(block.ffn[0], Fp8Linear) for block in small[0].blocks)


@pytest.mark.parametrize("scale", ["scale_weight", "weight_scale", None])
@pytest.mark.parametrize("kind", [torch.float8_e4m3fn, torch.float8_e5m2])
def test_a_file_in_fp8_stays_so_and_means_what_it_says(tmp_path, scale, kind):
    """Against the file with the same weights multiplied out."""
    packed, plain = {}, {}
    for name, tensor in tensors().items():
        factor = torch.tensor(0.37) if scale else torch.tensor(1.0)
        stored = (tensor / factor).to(kind) if linear(name, tensor) else tensor
        packed[name], plain[name] = stored, stored.float() * factor if linear(name, tensor) else tensor
        if linear(name, tensor) and scale:
            packed[name.removesuffix("weight") + scale] = factor
            packed[name.removesuffix("weight") + "scale_input"] = torch.tensor(2.0)
    packed |= {"scaled_fp8": torch.zeros(2).to(kind)} if scale == "scale_weight" else {}
    path, other = (
        written(tmp_path / "fp8.safetensors", packed),
        written(tmp_path / "plain.safetensors", plain),
    )
    assert describe(path).problems == ()
    expected = forward(*load_model(other)[:2])
    for fp8 in (None, False):
        model, adapter, _ = load_model(path, fp8=fp8)
        assert isinstance(model.blocks[0].ffn[0], Fp8Linear) is (fp8 is None)
        assert (forward(model, adapter) - expected).abs().max() <= 1e-5


def test_a_file_of_nothing_but_fp8_is_read(tmp_path):
    path = written(tmp_path / "fp8.safetensors", {n: t.to(torch.float8_e4m3fn) for n, t in tensors().items()})
    model, adapter, _ = load_model(path, fp8=None, dtype=torch.bfloat16)
    assert model.patch_embedding.weight.dtype == model.blocks[0].norm3.weight.dtype == torch.bfloat16
    assert forward(model, adapter).isfinite().all()


def test_scales_of_blocks_of_weights_are_refused(tmp_path):
    packed = {n: t.to(torch.float8_e4m3fn) if linear(n, t) else t for n, t in tensors().items()}
    packed["blocks.0.ffn.0.weight_scale"] = torch.ones(WAN.ffn_dim, WAN.dim // 32)
    with pytest.raises(InputError, match=r"fp8 in blocks of weights, with scales.*Give its fp8, float16"):
        load_model(written(tmp_path / "mx.safetensors", packed))


def test_audio_layers_of_their_own_file_are_quantised_too(tmp_path):
    model, adapter = networks()
    save_model(tmp_path / "wan.safetensors", model, None, {}, torch.float32)
    save_model(tmp_path / "voice.safetensors", None, adapter, {}, torch.float32)
    _, small, _ = load_model(tmp_path / "wan.safetensors", tmp_path / "voice.safetensors", fp8=True)
    assert isinstance(small.blocks[0].audio_attn.q, Fp8Linear) and small.config == VOICE
