"""What is computed from any mesh; needs neither the data nor OpenGL."""

from __future__ import annotations

import gzip
from collections import Counter

import numpy as np
import pytest

from skyreels_core.demo.people.data import find_data, read_target
from skyreels_core.demo.people.nets import surface_net
from skyreels_core.demo.people.subdivision import catmull_clark
from skyreels_core.errors import InputError

CUBE = np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)], float)
SIDES = np.array([[0, 1, 3, 2], [4, 6, 7, 5], [0, 4, 5, 1], [2, 3, 7, 6], [0, 2, 6, 4], [1, 5, 7, 3]])


def test_a_subdivided_cube_has_the_points_of_catmull_and_clark():
    division = catmull_clark(8, SIDES)
    points = division.matrix @ CUBE
    assert np.allclose(np.abs(points[:8]), 5 / 9)  # corners
    assert np.allclose(np.sort(np.abs(points[8:20]), axis=1), [0, 3 / 4, 3 / 4])  # edges
    assert np.allclose(np.sort(np.abs(points[20:]), axis=1), [0, 0, 1])  # sides
    assert division.quads.shape == (24, 4)


def test_the_border_of_an_open_mesh_stays_in_its_plane():
    square = np.array([[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]], float)
    points = catmull_clark(4, np.array([[0, 1, 2, 3]])).matrix @ square
    assert points[:, 2].tolist() == [0] * 9
    assert np.allclose(points[4:8].mean(0), [0.5, 0.5, 0])


def test_the_net_of_a_ball_is_closed_round_and_faces_outwards():
    axis = np.arange(12) - 5.5
    distance = np.sqrt(sum(a**2 for a in np.meshgrid(axis, axis, axis))) - 4
    vertices, quads = surface_net(distance)
    assert np.abs(np.linalg.norm(vertices - 5.5, axis=1) - 4).max() < 0.15
    edges = Counter(
        frozenset(pair) for quad in quads.tolist() for pair in zip(quad, [*quad[1:], quad[0]], strict=True)
    )
    assert set(edges.values()) == {2}
    a, b, _, d = (vertices[quads[:, i]] for i in range(4))
    assert ((np.cross(b - a, d - a) * (a - 5.5)).sum(1) > 0).all()


def test_targets_are_read_packed_and_plain(tmp_path):
    lines = "# a comment\n2 .5 0 -1\n0 1e-2 2 3\n"
    (tmp_path / "a.target").write_text(lines)
    (tmp_path / "a.target.gz").write_bytes(gzip.compress(lines.encode()))
    for name in ("a.target", "a.target.gz"):
        offsets = read_target(tmp_path / name, 4)
        assert np.allclose(offsets, [[0.01, 2, 3], [0, 0, 0], [0.5, 0, -1], [0, 0, 0]])


def test_a_missing_target_is_named(tmp_path):
    with pytest.raises(InputError, match=r"nose\.target\.gz is missing"):
        read_target(tmp_path / "nose.target.gz", 4)


def test_a_folder_without_the_mesh_is_refused_with_the_way_to_get_it(tmp_path):
    with pytest.raises(InputError, match=r"base\.obj.*pip install \"skyreels-audio\[people\]\""):
        find_data(tmp_path)
