from __future__ import annotations

import math

import pytest
import torch


def _arc(centre, radii, first, last, points):
    angles = torch.linspace(first, last, points, dtype=torch.float64) * math.pi
    return torch.stack([centre[0] + radii[0] * angles.cos(), centre[1] + radii[1] * angles.sin()], dim=-1)


@pytest.fixture(scope="session")
def face_points():
    """The 68 iBUG points of an upright face: eyes 40 px apart, nose tip at (x, y), 30 px below them."""

    def points(x=100.0, y=100.0, opening=0.0, scale=1.0):
        face = torch.cat(
            [
                _arc((0, -20), (55, 75 + 20 * opening), 1, 0, 17),  # the jaw follows the mouth
                _arc((-20, -38), (12, 6), 1, 2, 5),
                _arc((20, -38), (12, 6), 1, 2, 5),
                _arc((0, -14), (0, 14), -0.5, 0.5, 4),
                _arc((0, 6), (8, 3), 1, 0, 5),
                _arc((-20, -30), (8, 4), 1, 8 / 3, 6),
                _arc((20, -30), (8, 4), 1, 8 / 3, 6),
                _arc((0, 25), (20, 6 + 12 * opening), 1, 17 / 6, 12),
                _arc((0, 25), (15, 1 + 10 * opening), 1, 11 / 4, 8),
            ]
        )
        return face.float() * scale + torch.tensor([x, y])

    return points
