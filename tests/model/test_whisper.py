"""A voice of any length becomes Whisper's own tokens, from any form in which Whisper is saved."""

from __future__ import annotations

import json

import pytest
import torch
from safetensors.torch import save_file
from transformers import (
    Wav2Vec2Config,
    Wav2Vec2Model,
    WhisperConfig,
    WhisperFeatureExtractor,
    WhisperForConditionalGeneration,
    WhisperModel,
)

from skyreels_core.errors import InputError
from skyreels_core.model.whisper import WhisperTokens, load_whisper, save_whisper

RATE = 16000


def tiny_config(width=16, heads=2, mels=80):
    return WhisperConfig(
        vocab_size=8,
        num_mel_bins=mels,
        d_model=width,
        encoder_layers=2,
        decoder_layers=1,
        encoder_attention_heads=heads,
        decoder_attention_heads=heads,
        encoder_ffn_dim=3 * width,
        decoder_ffn_dim=width,
        max_target_positions=4,
        pad_token_id=0,
        bos_token_id=0,
        eos_token_id=0,
        decoder_start_token_id=0,
    )


def tiny_model(kind=WhisperModel, **sizes):
    torch.manual_seed(0)
    model = kind(tiny_config(**sizes)).eval()
    for parameter in model.parameters():  # the attention of transformers' own start is too faint to notice
        torch.nn.init.normal_(parameter, std=0.3)
    return model


@pytest.fixture(scope="module")
def model():
    return tiny_model()


def voice(seconds):
    """Syllables of noise, other ones at every time."""
    count = round(seconds * RATE)
    noise = torch.randn(count, generator=torch.Generator().manual_seed(1))
    return 0.3 * noise * torch.sin(torch.arange(count) / RATE * 9).clamp(min=0) ** 2


@torch.no_grad()
def whisper_itself(model, samples):
    """[1500 d], transformers' own tokens of at most 30 s."""
    extractor = WhisperFeatureExtractor(feature_size=model.config.num_mel_bins)
    features = extractor(samples.numpy(), sampling_rate=RATE, return_tensors="pt").input_features
    return model.encoder(features).last_hidden_state[0]


def close(tokens, expected):
    torch.testing.assert_close(tokens, expected, atol=1e-5, rtol=0)


@pytest.mark.parametrize(
    ("seconds", "count"), [(0.001, 1), (0.02, 1), (0.021, 2), (7.3, 365), (29.99, 1500), (30, 1500)]
)
def test_up_to_30_seconds_the_tokens_are_whispers_own(model, seconds, count):
    samples = voice(seconds)
    tokens = WhisperTokens(model.encoder).encode(samples)
    assert tokens.shape == (count, 16) and tokens.dtype == torch.float32
    close(tokens, whisper_itself(model, samples)[:count])


def test_70_seconds_are_three_chunks_joined_at_25_and_45_seconds(model):
    samples = voice(70)
    tokens = WhisperTokens(model.encoder).encode(samples)
    assert tokens.shape == (3500, 16)
    close(tokens[:1250], whisper_itself(model, samples[: 30 * RATE])[:1250])
    close(tokens[1250:2250], whisper_itself(model, samples[20 * RATE : 50 * RATE])[250:1250])
    close(tokens[2250:], whisper_itself(model, samples[40 * RATE :])[250:])


@pytest.mark.parametrize("seconds", [30 + 1 / RATE, 30.01, 42.5, 49.99, 50])
def test_a_last_chunk_is_padded_with_silence_as_whisper_pads_a_short_voice(model, seconds):
    samples = voice(seconds)
    tokens = WhisperTokens(model.encoder).encode(samples)
    last = whisper_itself(model, samples[20 * RATE :])
    assert len(tokens) == -(-len(samples) // 320)
    close(tokens[:1250], whisper_itself(model, samples[: 30 * RATE])[:1250])
    close(tokens[1250:], last[250 : len(tokens) - 1000])


def test_beyond_50_seconds_a_third_chunk_begins(model):
    samples = voice(50.01)
    tokens = WhisperTokens(model.encoder).encode(samples)
    assert len(tokens) == 2501
    close(tokens[2250:], whisper_itself(model, samples[40 * RATE :])[250:501])


def test_a_long_voice_is_heard_30_seconds_at_a_time(model):
    heard = []
    hook = model.encoder.conv1.register_forward_pre_hook(lambda _, inputs: heard.append(inputs[0].shape))
    tokens = WhisperTokens(model.encoder).encode(voice(130))
    hook.remove()
    assert heard == [(1, 80, 3000)] * 6
    assert tokens.isfinite().all()


def test_the_samples_are_left_as_they_were(model):
    samples = voice(31)
    before = samples.clone()
    WhisperTokens(model.encoder).encode(samples)
    assert torch.equal(samples, before)


def test_tokens_can_be_learned_from(model):
    tokens = WhisperTokens(model.encoder).encode(voice(1))
    layer = torch.nn.Linear(16, 1)
    layer(tokens).sum().backward()
    assert not tokens.requires_grad and layer.weight.grad.any()


def test_silence_is_the_sound_of_nothing_and_not_zeros(model):
    tokens = WhisperTokens(model.encoder).silence(1.23)
    assert tokens.shape == (62, 16) and tokens.abs().max() > 0.1
    close(tokens, whisper_itself(model, torch.zeros(19680))[:62])


@pytest.mark.parametrize("kind", [WhisperModel, WhisperForConditionalGeneration])
@pytest.mark.parametrize("part_size", ["1GB", "20KB"])
def test_a_folder_of_transformers_gives_its_encoder(tmp_path, kind, part_size):
    model = tiny_model(kind)
    model.save_pretrained(tmp_path, max_shard_size=part_size)
    assert (tmp_path / "model.safetensors").exists() == (part_size == "1GB")
    whole = getattr(model, "model", model)
    close(load_whisper(tmp_path).encode(voice(2)), whisper_itself(whole, voice(2))[:100])


@pytest.mark.parametrize("prefix", ["model.encoder.", "encoder.", ""])
def test_a_file_without_metadata_tells_its_sizes_by_its_shapes(tmp_path, prefix):
    model = tiny_model(width=128, heads=2, mels=128)
    weights = {prefix + name: tensor for name, tensor in model.encoder.state_dict().items()}
    save_file(weights, tmp_path / "whisper.safetensors")
    whisper = load_whisper(tmp_path / "whisper.safetensors")
    assert whisper.width == 128
    close(whisper.encode(voice(2)), whisper_itself(model, voice(2))[:100])


def test_a_saved_encoder_keeps_its_heads_and_half_its_bytes(tmp_path, model):
    save_whisper(tmp_path / "whisper.safetensors", model, model.config)
    whisper = load_whisper(tmp_path / "whisper.safetensors")
    assert whisper.encoder.config.encoder_attention_heads == 2
    half = tiny_model()
    half.half().float()
    assert whisper.encoder.dtype == torch.float32
    close(whisper.encode(voice(2)), whisper_itself(half, voice(2))[:100])


def test_an_encoder_is_saved_exactly_where_asked(tmp_path, model):
    save_whisper(tmp_path / "whisper.safetensors", model.encoder, model.config, torch.float32)
    whisper = load_whisper(tmp_path / "whisper.safetensors")
    state = model.encoder.state_dict()
    assert all(torch.equal(tensor, state[name]) for name, tensor in whisper.encoder.state_dict().items())


@pytest.mark.parametrize("prefix", ["", "wav2vec2."])
def test_wav2vec2_is_named(tmp_path, prefix):
    config = Wav2Vec2Config(hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16)
    weights = {prefix + name: tensor for name, tensor in Wav2Vec2Model(config).state_dict().items()}
    save_file(weights, tmp_path / "a.safetensors")
    with pytest.raises(InputError, match=r"a\.safetensors is a wav2vec2 encoder; .* Whisper"):
        load_whisper(tmp_path / "a.safetensors")


def test_a_folder_of_another_model_is_named(tmp_path):
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "hubert"}))
    with pytest.raises(InputError, match="type hubert"):
        load_whisper(tmp_path)


def test_a_file_of_another_model_is_named(tmp_path):
    names = ["shared.weight", "encoder.block.0.layer.0.layer_norm.weight"]
    save_file({name: torch.zeros(2) for name in names}, tmp_path / "a.safetensors")
    with pytest.raises(InputError, match="UMT5 text encoder"):
        load_whisper(tmp_path / "a.safetensors")


def test_a_folder_without_a_model_says_what_is_needed(tmp_path):
    with pytest.raises(InputError, match=r"has no config\.json"):
        load_whisper(tmp_path)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(InputError, match=r"nothing\.safetensors does not exist"):
        load_whisper(tmp_path / "nothing.safetensors")


def test_a_file_that_is_no_safetensors_is_refused(tmp_path):
    torch.save({}, tmp_path / "whisper.pt")
    with pytest.raises(InputError, match="pickle"):
        load_whisper(tmp_path / "whisper.pt")


def test_an_incomplete_file_is_refused(tmp_path):
    weights = tiny_model(width=64, heads=1).encoder.state_dict()
    del weights["layers.1.fc2.bias"]
    save_file(weights, tmp_path / "a.safetensors")
    with pytest.raises(InputError, match=r"lacks 1 weights, such as layers\.1\.fc2\.bias"):
        load_whisper(tmp_path / "a.safetensors")


def test_an_unusual_width_needs_its_heads_stated(tmp_path, model):
    save_file(model.encoder.state_dict(), tmp_path / "a.safetensors")
    with pytest.raises(InputError, match=r"16 wide.* number of heads"):
        load_whisper(tmp_path / "a.safetensors")
