from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from diffusers import AutoencoderKLWan
from torch import Tensor

from skyreels_core.demo.autoencoder import AutoencoderConfig, AutoencoderStage, train_autoencoder
from skyreels_core.demo.material import DrawnFaces, Footage
from skyreels_core.demo.principal import (
    FRAMES,
    MOTION,
    STILL,
    adopt_decoder,
    is_made_of_components,
    start_with_principal_components,
)
from skyreels_core.demo.whole_sequence import encode_whole
from skyreels_core.model.vae import save_vae

WIDTH, SIDE = 12, 32


def drawn(first: int) -> list[Footage]:
    return DrawnFaces(SIDE, 25.0).clips(range(first, first + 8), FRAMES, 5.0)


def made_of(clips: Sequence[Footage]) -> AutoencoderKLWan:
    torch.manual_seed(0)
    vae = AutoencoderKLWan(base_dim=WIDTH).requires_grad_(False)
    start_with_principal_components(vae, clips)
    return vae


def videos(clips: Sequence[Footage]) -> Tensor:
    return torch.stack([clip.frames for clip in clips]).movedim(-1, 1) * 2 - 1


@pytest.fixture(scope="module")
def clips() -> list[Footage]:
    return drawn(0)


@pytest.fixture(scope="module")
def vae(clips) -> AutoencoderKLWan:
    return made_of(clips)


@pytest.fixture(scope="module")
def latents(vae, clips) -> Tensor:
    return encode_whole(vae, videos(clips))[0]


def test_latents_are_a_linear_code_of_deviation_1(vae, clips, latents):
    a, b = videos(clips)[:4], videos(clips)[4:]
    mixed = encode_whole(vae, 0.3 * a + 0.7 * b)[0]
    assert (mixed - 0.3 * latents[:4] - 0.7 * latents[4:]).abs().max() < 0.02 * latents.abs().max()
    deviations = latents[:, :, 1:].std((0, 2, 3, 4))
    assert ((deviations > 0.5) & (deviations < 2)).all()


def test_the_library_gives_the_same_latents(vae, clips, latents):
    assert (vae.encode(videos(clips)[:1]).latent_dist.mean - latents[:1]).abs().max() < 1e-3


def test_branches_of_zeros_are_left_out_only_where_nothing_learns(vae, clips, latents):
    seen = videos(clips)[:1]
    with torch.no_grad():
        quick = encode_whole(vae, seen)[0]
    assert (quick - latents[:1]).abs().max() < 1e-5
    learning = made_of(clips).requires_grad_(True)
    encode_whole(learning, seen)[0].square().mean().backward()
    assert learning.encoder.mid_block.resnets[0].conv2.weight.grad.any()


def test_the_last_channels_tell_motion_alone(vae, clips, latents):
    still = videos(clips)[:, :, :1].expand(-1, -1, FRAMES, -1, -1)
    told = encode_whole(vae, still)[0]
    assert told[:, STILL:].abs().max() < 1e-3
    assert (told[:, :STILL] - told[:, :STILL, :1]).abs().max() < 1e-2  # a first frame has the same code
    assert latents[:, STILL:, 0].abs().max() < 1e-3 and latents[:, STILL:, 1:].std() > 0.5
    assert latents.shape[1] == STILL + MOTION


def test_unseen_pictures_lose_little_more_than_with_components_of_their_own(vae):
    seen = videos(drawn(100))[:, :, :1]
    codes = encode_whole(vae, seen)[0][:, :STILL].flatten(2).transpose(1, 2).flatten(0, 1).double()
    pixels = F.unfold(seen[:, :, 0], 8, stride=8).transpose(1, 2).flatten(0, 1).double()
    pixels = pixels - pixels.mean(0)
    codes = torch.cat([codes, torch.ones(len(codes), 1)], dim=1)
    left = (pixels - codes @ torch.linalg.lstsq(codes, pixels).solution).square().sum()
    least = torch.linalg.svdvals(pixels)[STILL:].square().sum()
    assert left < 1.3 * least  # of components that these pictures themselves were asked for


def test_the_decoder_of_another_vae_reads_them(vae, clips):
    other = made_of(drawn(50))
    before = AutoencoderKLWan(base_dim=WIDTH).requires_grad_(False)
    start_with_principal_components(before, clips)
    adopt_decoder(before, other, clips)
    seen = videos(clips)[:2]
    wanted = other.decoder.conv_in(encode_whole(other, seen)[0])
    found = before.decoder.conv_in(encode_whole(before, seen)[0])
    assert (found - wanted).square().mean() < 0.2 * wanted.var()


def test_pictures_without_variety_make_an_encoder_too():
    plain = [
        Footage(torch.full((FRAMES, SIDE, SIDE, 3), 0.5), torch.ones(FRAMES, SIDE, SIDE), torch.zeros(2))
    ]
    for clips in (
        plain,
        [replace(clip, frames=clip.frames[:1].expand(FRAMES, -1, -1, -1)) for clip in drawn(0)],
    ):
        vae = made_of(clips)
        assert all(bool(parameter.isfinite().all()) for parameter in vae.parameters())
        assert encode_whole(vae, videos(clips)[:1])[0].abs().max() < 20


def test_what_cannot_have_components_is_refused():
    stage = AutoencoderStage("decoder", 1, 1, 1e-3, decoder_only=True)
    with pytest.raises(ValueError, match="width 12 or more; 8 is given"):
        AutoencoderConfig(DrawnFaces(SIDE, 25.0), 8, 0, (stage,), principal=True)
    with pytest.raises(ValueError, match="decoder_only: true"):
        AutoencoderConfig(
            DrawnFaces(SIDE, 25.0), WIDTH, 0, (replace(stage, decoder_only=False),), principal=True
        )


def test_a_later_training_goes_on_with_the_same_latents(tmp_path):
    stage = AutoencoderStage("decoder", 1, 1, 1e-3, frames=5, warmup=1, decoder_only=True)
    config = AutoencoderConfig(DrawnFaces(SIDE, 25.0), WIDTH, 0, (stage,), principal=True)
    first = train_autoencoder(config, tmp_path / "first")
    save_vae(tmp_path / "vae.safetensors", first, torch.float32)
    later = train_autoencoder(
        replace(config, start=str(tmp_path / "vae.safetensors"), seed=1), tmp_path / "later"
    )
    seen = videos(drawn(100))[:1]
    before, after = (encode_whole(vae, seen)[0].detach() for vae in (first, later))
    assert is_made_of_components(first) and is_made_of_components(later)
    assert torch.equal(before, after)
    assert not torch.equal(first.decoder.conv_out.weight, later.decoder.conv_out.weight)


def test_training_leaves_the_encoder_alone_and_resumes(tmp_path):
    stage = AutoencoderStage("decoder", 2, 1, 1e-3, frames=5, warmup=1, decoder_only=True)
    config = AutoencoderConfig(DrawnFaces(SIDE, 25.0), WIDTH, 0, (stage,), principal=True)
    once = train_autoencoder(config, tmp_path / "run")
    assert (tmp_path / "run" / "state.pt").exists()
    again = train_autoencoder(config, tmp_path / "run")  # nothing is left to do: what the checkpoint has
    seen = videos(drawn(100))[:1]
    assert torch.equal(encode_whole(once, seen)[0], encode_whole(again, seen)[0])
    motion = encode_whole(once, seen)[0][:, STILL:].detach()
    assert motion[:, :, 0].std((0, 2, 3)).max() < 1e-3 < motion[:, :, 1:].std((0, 2, 3, 4)).min()
