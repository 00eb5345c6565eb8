from __future__ import annotations

import torch
from diffusers import AutoencoderKLWan

from skyreels_core.model.vae import VideoVAE
from skyreels_core.training.losses import Objective, draw_drops, draw_sigmas, flow_loss, seen_changes


def generator() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def fields() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    target = torch.randn(4, 16, 3, 8, 8, generator=generator())
    given = torch.zeros(4, 1, 3, 8, 8)
    given[:, :, 0] = 1
    lips = torch.zeros(4, 1, 3, 8, 8)
    lips[:, :, :, 5:7, 2:6] = 0.7
    return torch.zeros_like(target), target, given, lips


def test_plain_loss_is_equation_2():
    predicted, target, given, lips = fields()
    losses = flow_loss(predicted, target, given, lips, Objective(lip_probability=0.0), generator())
    error = target.square().mean(1, keepdim=True)
    weight = given + 2 * (1 - given)
    expected = (weight * error).flatten(1).sum(1) / weight.flatten(1).sum(1)
    assert torch.allclose(losses, expected)


def test_face_loss_counts_inside_the_lips_only():
    predicted, target, given, lips = fields()
    outside = torch.where(lips > 0, target, 100.0)
    objective = Objective(lip_probability=1.0)
    losses = flow_loss(predicted, outside, given, lips, objective, generator())
    assert torch.allclose(losses, flow_loss(predicted, target, given, lips, objective, generator()))
    assert torch.all(losses < 3)


def test_face_loss_without_lips_is_the_plain_one():
    predicted, target, given, lips = fields()
    objective = Objective(lip_probability=1.0), Objective(lip_probability=0.0)
    chosen, plain = (flow_loss(predicted, target, given, 0 * lips, o, generator()) for o in objective)
    assert torch.equal(chosen, plain)


def test_channels_count_by_their_weights_and_the_loss_keeps_its_size():
    predicted, target, given, lips = fields()
    weights = (3.0,) + (1.0,) * 14 + (0.0,)
    weighed = Objective(lip_probability=0.0, channel_weights=weights)
    plain = Objective(lip_probability=0.0)
    alike = Objective(lip_probability=0.0, channel_weights=(2.0,) * 16)
    losses = flow_loss(predicted, target, given, lips, plain, generator())
    assert torch.allclose(flow_loss(predicted, target, given, lips, alike, generator()), losses)
    scaled = target * (torch.tensor(weights) / torch.tensor(weights).mean()).sqrt().view(-1, 1, 1, 1)
    expected = flow_loss(predicted, scaled, given, lips, plain, generator())
    assert torch.allclose(flow_loss(predicted, target, given, lips, weighed, generator()), expected)


def test_a_channel_that_the_decoder_does_not_show_has_no_weight():
    torch.manual_seed(0)
    vae = VideoVAE(AutoencoderKLWan(base_dim=4))
    with torch.no_grad():
        vae.network.post_quant_conv.weight[:, 3] = 0
        vae.network.post_quant_conv.weight[:, 5] *= 8
    found = seen_changes(vae, torch.randn(1, 16, 3, 4, 4))
    assert found[3] == 0 and max(found) == found[5] and min(*found[:3], *found[4:]) > 0


def test_drops_happen_as_often_as_asked_and_text_and_audio_also_together():
    objective = Objective(drop_reference=0.15, drop_audio=0.15, drop_text=0.15, drop_both=0.1)
    dropped = draw_drops(40_000, objective, generator())
    alone = 1 - (1 - 0.15) * (1 - 0.1)
    both = 0.1 + 0.9 * 0.15**2
    shares = [dropped.reference, dropped.audio, dropped.text, dropped.audio & dropped.text]
    for share, expected in zip(shares, (0.15, alone, alone, both), strict=True):
        assert abs(share.float().mean() - expected) < 0.01  # four standard errors


def test_sigmas_follow_the_shifted_logit_normal():
    sigmas = draw_sigmas(20_000, Objective(shift=5.0), generator())
    unshifted = sigmas / (5 - 4 * sigmas)
    logits = torch.logit(unshifted)
    assert abs(logits.mean()) < 0.01 and abs(logits.std() - 1) < 0.02
    assert sigmas.min() > 0 and sigmas.max() < 1


def test_a_small_batch_still_covers_all_noise_levels():
    sigmas = draw_sigmas(8, Objective(density="uniform", shift=1.0), generator()).sort().values
    assert torch.equal((sigmas * 8).int(), torch.arange(8, dtype=torch.int32))
