from dataclasses import replace
from functools import partial
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from skyreels_core.model.adapter import AudioAdapter
from skyreels_core.model.backbone import WanModel
from skyreels_core.model.config import CONFIGS, AudioConfig
from skyreels_core.model.rope import rotate

WAN = replace(CONFIGS["demo"], dim=96, ffn_dim=160, freq_dim=64, text_dim=48, num_layers=3)
AUDIO = AudioConfig(width=32, dim=96, num_heads=4, num_layers=3, eps=1e-6, rope=True)
FRAMES, ROWS, TOKENS = 3, 12, 20  # latent frames, tokens per frame, audio tokens


@pytest.fixture
def adapter():
    return trained(AUDIO)


def trained(config):
    adapter = AudioAdapter(config).requires_grad_(False)
    generator = torch.Generator().manual_seed(0)
    adapter.init_weights(generator)
    for block in adapter.blocks:
        nn.init.normal_(block.audio_attn.o.weight, std=0.1, generator=generator)
        nn.init.normal_(block.audio_attn.o.bias, std=0.1, generator=generator)
    return adapter


def video_tokens(batch=2):
    return torch.randn(batch, FRAMES * ROWS, AUDIO.dim, generator=torch.Generator().manual_seed(1))


def audio_tokens(batch=2):
    return torch.randn(batch, TOKENS, AUDIO.width, generator=torch.Generator().manual_seed(2))


def positions(first=0.0):
    keys = torch.arange(TOKENS, dtype=torch.float64) + first - 8
    queries = torch.tensor([1.0, 6.0, 14.0], dtype=torch.float64) + first
    return keys, queries


def test_untrained_audio_layers_leave_the_backbone_unchanged():
    model = WanModel(WAN)
    adapter = AudioAdapter(AUDIO)
    adapter.init_weights(torch.Generator().manual_seed(0))
    x, context = torch.randn(2, WAN.in_dim, FRAMES, 6, 8), torch.randn(2, 7, WAN.text_dim)
    arguments = x, torch.tensor([20.0, 900.0]), context
    plain = model(*arguments)
    voice = adapter.prepare(audio_tokens(), *positions())
    assert torch.equal(model(*arguments, audio_layers=partial(adapter.apply, context=voice)), plain)
    nn.init.ones_(adapter.blocks[1].audio_attn.o.bias)
    assert not torch.equal(model(*arguments, audio_layers=partial(adapter.apply, context=voice)), plain)


@pytest.mark.parametrize("first", [180_000.0, 1234.56789])
def test_relative_and_absolute_positions_give_the_same_scores(adapter, first):
    """A window's own clock against a whole hour's, in float32."""
    scores = []
    for context in (adapter.prepare(audio_tokens(), *positions(start)) for start in (0.0, first)):
        attention = adapter.blocks[0].audio_attn
        q = rotate(attention.query(video_tokens()).unflatten(1, (FRAMES, ROWS)), context.query_rotation)
        k = rotate(attention.key(context.tokens), context.key_rotation)
        scores.append(torch.einsum("btqhc,bkhc->bhtqk", q, k) / AUDIO.head_dim**0.5)
    assert scores[0].std() > 0.1
    assert (scores[0] - scores[1]).abs().max() <= 1e-6 * scores[0].abs().max()


def test_all_tokens_of_a_latent_frame_share_its_position(adapter):
    """Swapping rows and columns inside a frame swaps the result alike; swapping frames does not."""
    context = adapter.prepare(audio_tokens(), *positions())
    frames = video_tokens().unflatten(1, (FRAMES, ROWS))
    out = adapter.apply(0, frames.flatten(1, 2), context).unflatten(1, (FRAMES, ROWS))
    inside = adapter.apply(0, frames.flip(2).flatten(1, 2), context).unflatten(1, (FRAMES, ROWS))
    across = adapter.apply(0, frames.flip(1).flatten(1, 2), context).unflatten(1, (FRAMES, ROWS))
    assert torch.allclose(inside.flip(2), out, atol=1e-6)
    assert not torch.allclose(across.flip(1), out, atol=1e-2)


@pytest.mark.parametrize("rope", [True, False])
def test_only_positions_tell_the_order_of_the_audio(rope):
    adapter = trained(replace(AUDIO, rope=rope))
    forwards = adapter.apply(0, video_tokens(), adapter.prepare(audio_tokens(), *positions()))
    backwards = adapter.apply(0, video_tokens(), adapter.prepare(audio_tokens().flip(1), *positions()))
    assert torch.allclose(forwards, backwards, atol=1e-5) is not rope


def test_masked_tokens_are_not_heard(adapter):
    keys, queries = positions()
    mask = torch.arange(TOKENS) < torch.tensor([[12], [TOKENS]])
    masked = adapter.apply(1, video_tokens(), adapter.prepare(audio_tokens(), keys, queries, mask))
    short = adapter.prepare(audio_tokens()[:1, :12], keys[:12], queries)
    whole = adapter.prepare(audio_tokens()[1:], keys, queries)
    assert torch.allclose(masked[:1], adapter.apply(1, video_tokens()[:1], short), atol=1e-6)
    assert torch.allclose(masked[1:], adapter.apply(1, video_tokens()[1:], whole), atol=1e-6)


def test_a_sample_without_any_audio_passes_unchanged(adapter):
    mask = torch.tensor([[True], [False]]).expand(2, TOKENS)
    out = adapter.apply(0, video_tokens(), adapter.prepare(audio_tokens(), *positions(), mask))
    assert torch.equal(out[1], video_tokens()[1])
    assert not torch.equal(out[0], video_tokens()[0])


def test_each_sample_may_have_its_own_audio_positions(adapter):
    keys, queries = positions()
    own = torch.stack([keys, keys + 3.25])
    both = adapter.apply(0, video_tokens(), adapter.prepare(audio_tokens(), own, queries))
    for sample in range(2):
        context = adapter.prepare(audio_tokens()[sample, None], own[sample], queries)
        alone = adapter.apply(0, video_tokens()[sample, None], context)
        assert torch.allclose(both[sample, None], alone, atol=1e-6)


def test_every_weight_learns_once_the_output_projections_have_moved(adapter):
    adapter.requires_grad_(True)
    context = adapter.prepare(audio_tokens(), *positions())
    x = video_tokens()
    for index in range(AUDIO.num_layers):
        x = adapter.apply(index, x, context)
    x.square().mean().backward()
    assert [name for name, p in adapter.named_parameters() if not p.grad.count_nonzero()] == []


def test_positions_do_not_lose_precision_with_bf16_weights(adapter):
    adapter.to(torch.bfloat16)
    tokens, (keys, queries) = audio_tokens().bfloat16(), positions(180_000.0)
    context = adapter.prepare(tokens, keys, queries)
    exact = trained(AUDIO)
    expected_context = exact.prepare(audio_tokens(), keys, queries)
    assert torch.equal(context.key_rotation, expected_context.key_rotation)
    out = adapter.apply(0, video_tokens().bfloat16(), context)
    expected = exact.apply(0, video_tokens(), expected_context)
    assert (out.float() - expected).abs().mean() <= 0.02 * expected.std()


def test_a_host_can_bring_layers_whose_weights_come_later():
    """As ComfyUI's own with dynamic VRAM: a weight is None until the file is there."""

    class LateLinear(nn.Linear):
        def __init__(self, *sizes, **factory):
            super().__init__(*sizes, **factory)
            self.weight = self.bias = None

        def _load_from_state_dict(self, state, prefix, *others):
            self.weight, self.bias = (nn.Parameter(state[prefix + name]) for name in ("weight", "bias"))

    operations = SimpleNamespace(Linear=LateLinear, LayerNorm=nn.LayerNorm, RMSNorm=nn.RMSNorm)
    made, adapter = AudioAdapter(AUDIO, operations), trained(AUDIO)
    made.load_state_dict(adapter.state_dict())
    given = audio_tokens(), *positions()
    out, expected = (one.apply(2, video_tokens(), one.prepare(*given)) for one in (made, adapter))
    assert torch.equal(out, expected)


def test_a_host_can_bring_its_own_layer_classes():
    class HostLinear(nn.Linear):
        pass

    operations = SimpleNamespace(Linear=HostLinear, LayerNorm=nn.LayerNorm, RMSNorm=nn.RMSNorm)
    adapter = AudioAdapter(AUDIO, operations, device="meta", dtype=torch.bfloat16)
    linears = [module for module in adapter.modules() if isinstance(module, nn.Linear)]
    assert {type(linear) for linear in linears} == {HostLinear}
    assert {(p.device.type, p.dtype) for p in adapter.parameters()} == {("meta", torch.bfloat16)}
    assert adapter.state_dict().keys() == AudioAdapter(AUDIO).state_dict().keys()
