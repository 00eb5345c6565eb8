"""The start of a backbone that is trained from scratch."""

from __future__ import annotations

import pytest
import torch

from skyreels_core.model.backbone import WanModel
from skyreels_core.model.config import WanConfig
from skyreels_core.model.in_place import BESIDE, attend_in_place
from skyreels_core.model.rope import rope_3d, rotate

T, H, W = 3, 6, 6
MIDDLE = (1, 3, 3)


@pytest.fixture(scope="module")
def looked_at() -> list[torch.Tensor]:
    """Of each block, where a token in the middle looks: weights [heads t h w], the mean over tokens of noise."""
    model = WanModel(WanConfig("t2v", 36, 192, 64, 32, 64, 16, 4, 4, 512, 1e-6))
    generator = torch.Generator().manual_seed(0)
    model.init_weights(generator)
    attend_in_place(model)
    rotation = rope_3d(T, H, W, 48)[:, None]
    x = torch.randn(64, T * H * W, 192, generator=generator)
    t, h, w = MIDDLE
    middle = (t * H + h) * W + w
    weights = []
    with torch.no_grad():
        for block in model.blocks:
            q, k = (rotate(part(x), rotation) for part in (block.self_attn.query, block.self_attn.key))
            logits = torch.einsum("bhc,bkhc->bhk", q[:, middle], k) / 48**0.5
            weights.append(logits.softmax(-1).mean(0).unflatten(-1, (T, H, W)))
    return weights


def test_the_first_head_looks_at_its_own_place_in_all_frames(looked_at):
    for weights in looked_at:
        own = weights[0, :, 3, 3]
        assert own.sum() > 0.3 and own.min() > 0.05
        assert (weights[0].flatten(1).argmax(1) == 3 * W + 3).all()


def test_the_next_two_look_to_two_sides_in_their_own_frame(looked_at):
    for weights, (rows, columns) in zip(looked_at, BESIDE, strict=True):
        for head, side in ((1, 1), (2, -1)):
            t, h, w = MIDDLE
            place = (t * H + h + side * rows) * W + w + side * columns
            assert weights[head].flatten().argmax() == place


def test_the_last_head_looks_everywhere(looked_at):
    assert all(weights[3].max() < 0.1 for weights in looked_at)
