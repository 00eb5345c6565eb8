"""The encoders of the repository with which a model of people begins to learn."""

from __future__ import annotations

import torch

from skyreels_core import assets
from skyreels_core.demo.principal import is_made_of_components
from skyreels_core.demo.rendered import View
from skyreels_core.evaluation.agreement import psnr
from skyreels_core.media.reading import read_video
from skyreels_core.media.sound import read_audio
from skyreels_core.model.vae import load_vae
from skyreels_core.model.whisper import load_whisper
from tools.train_people.run import start


def test_the_vae_keeps_a_talking_person():
    """Whom its training did not show, at the size and from the distance that it knows."""
    frames = read_video(assets.people()["Ruby"].video, 0.7).frames[:17]
    shown = View.portrait(tuple(frames.shape[1:3]), (128, 128)).of((frames * 255).byte().numpy())
    vae = load_vae(start() / "vae.safetensors")
    decoded = vae.decode(vae.encode(shown.permute(3, 0, 1, 2)[None] * 2 - 1))
    assert psnr((decoded[0].permute(1, 2, 3, 0) + 1) / 2, shown) > 26


def test_training_goes_on_with_the_vaes_latents():
    assert is_made_of_components(load_vae(start() / "vae.safetensors").network)


def test_the_speech_encoder_tells_sounds_apart():
    encoder = load_whisper(start() / "whisper.safetensors")
    audio = read_audio(assets.people_voice("Ruby"))
    tokens = encoder.encode(audio.samples[0])
    assert len(tokens) == -(-len(audio.samples[0]) // 320) and torch.isfinite(tokens).all()
    silent = encoder.encode(torch.zeros(32000))
    assert tokens.std(0).mean() > 5 * silent[20:80].std(0).mean()
