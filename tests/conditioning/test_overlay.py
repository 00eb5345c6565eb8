from __future__ import annotations

import torch

from skyreels_core.conditioning.overlay import overlay


def test_boxes_are_tinted_blue_lips_red_and_the_rest_stays():
    frames = torch.rand(2, 8, 8, 3, generator=torch.Generator().manual_seed(0))
    boxes, lips = torch.zeros(2, 2, 8, 8)
    boxes[1, 2:, 2:], lips[1, 4:6, 4:6] = 1, 1
    shown = overlay(frames, boxes, lips)
    assert torch.equal(shown[0], frames[0]) and torch.equal(shown[1, :2], frames[1, :2])
    box, lip = boxes[1].bool() & ~lips[1].bool(), lips[1].bool()
    change = shown[1] - frames[1]
    assert change[box].mean(0).argmax() == 2 and change[lip].mean(0).argmax() == 0
    assert shown.min() >= 0 and shown.max() <= 1
