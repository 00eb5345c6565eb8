"""HuMo's features are those of its published code, for a voice of any length and any span of it."""

from __future__ import annotations

import pytest
import torch
from transformers import WhisperConfig
from transformers.models.whisper.modeling_whisper import WhisperEncoder

from skyreels_core.errors import InputError
from skyreels_core.families.humo.features import (
    check_encoder,
    check_fps,
    group_layers,
    humo_features,
    humo_window,
)
from skyreels_core.model.whisper import WhisperTokens

RATE, WIDTH = 16000, 16


@pytest.fixture(scope="module")
def whisper():
    torch.manual_seed(0)
    config = WhisperConfig(
        d_model=WIDTH, encoder_layers=32, encoder_attention_heads=1, encoder_ffn_dim=8, num_mel_bins=80
    )
    encoder = WhisperEncoder(config)
    for parameter in encoder.parameters():
        torch.nn.init.normal_(parameter, std=0.2)
    return WhisperTokens(encoder)


def voice(seconds):
    return 0.3 * torch.randn(round(seconds * RATE), generator=torch.Generator().manual_seed(1))


def published(states, samples):
    """As written in the published code, for all layers [33 n d] at once."""
    kept = states.movedim(0, 1)[None, : samples // 640 * 2]
    groups = [kept[:, :, first : first + 8].mean(2) for first in (0, 8, 16, 24)] + [kept[:, :, 32]]
    halved = [
        torch.nn.functional.interpolate(
            group.transpose(1, 2), size=group.shape[1] // 2, align_corners=True, mode="linear"
        ).transpose(1, 2)
        for group in groups
    ]
    return torch.stack(halved, dim=2)[0]


def published_window(features, latent_frames, first):
    """Slot by slot, as written in the published code."""
    zero = torch.zeros_like(features[0])
    windows = []
    for latent in range(latent_frames):
        start, stop = (
            (first - 2, first + 3) if latent == 0 else (first + 4 * latent - 5, first + 4 * latent + 3)
        )
        heard = [features[i] if 0 <= i < len(features) else zero for i in range(start, stop)]
        windows.append(torch.stack([zero] * (8 - len(heard)) + heard))
    return torch.stack(windows)


@pytest.mark.parametrize("seconds", [0.04, 0.1, 3.88, 29.99, 34.3])
def test_features_are_those_of_the_published_code(whisper, seconds):
    samples = voice(seconds)
    features = humo_features(whisper, samples)
    expected = published(whisper.encode_layers(samples), len(samples))
    assert features.shape == (len(samples) // 640, 5, WIDTH) and features.dtype == torch.float32
    torch.testing.assert_close(features, expected, atol=1e-6, rtol=0)


def test_the_five_groups_are_four_means_of_eight_layers_and_the_last():
    states = torch.arange(33.0)[:, None, None].expand(33, 2, 3)
    assert group_layers(states)[:, 0, 0].tolist() == [3.5, 11.5, 19.5, 27.5, 32]


def test_a_long_voice_keeps_five_layers_of_each_chunk_and_not_33(whisper):
    kept = []

    def reduce(layers):
        kept.append(layers.shape)
        return group_layers(layers)

    assert whisper.encode_layers(voice(70), reduce).shape == (5, 3500, WIDTH)
    assert kept == [(33, 1500, WIDTH)] * 3


def test_the_callback_hears_of_each_chunk(whisper):
    heard = []
    humo_features(whisper, voice(34), lambda *progress: heard.append(progress))
    assert heard == [(1250, 1700), (1700, 1700)]


@pytest.mark.parametrize(("first", "latent_frames"), [(0, 1), (0, 25), (4, 3), (80, 25), (96, 2), (400, 3)])
def test_a_span_hears_what_the_published_code_gives_it(first, latent_frames):
    features = torch.randn(97, 5, 3)
    window = humo_window(features, first, latent_frames)
    assert torch.equal(window, published_window(features, latent_frames, first))


def test_a_window_within_a_voice_hears_what_the_whole_hears_there():
    features = torch.randn(200, 5, 3)
    whole, window = humo_window(features, 0, 40), humo_window(features, 40, 20)
    assert torch.equal(window[1:], whole[11:30])
    assert not window[0, :3].any() and torch.equal(window[0, 3:], features[38:43])


def test_the_features_are_left_as_they_were():
    features = torch.ones(5, 5, 3)
    humo_window(features, 0, 3)
    assert features.all()


def test_another_whisper_or_frame_rate_is_refused():
    check_encoder(32, 1280)
    check_fps(25.0)
    with pytest.raises(InputError, match=r"12 layers of width 768.*large-v3"):
        check_encoder(12, 768)
    with pytest.raises(InputError, match=r"29\.97 fps.* 25 fps"):
        check_fps(29.97)
