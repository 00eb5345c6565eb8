"""Measures of people: the edge of a box, visemes seen and said, and what a reader needs."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from skyreels_core.evaluation.confusion import Confusion
from skyreels_core.evaluation.edges import edge_jump
from skyreels_core.evaluation.reader import GROUPS, Reader, Seen, crops
from skyreels_core.evaluation.talking import closures_of, compare, longest, summary


def test_a_box_that_became_brighter_jumps_by_as_much_at_its_edge():
    source = torch.rand(2, 32, 32, 3, generator=torch.Generator().manual_seed(0)) * 0.5
    boxes = torch.zeros(2, 32, 32)
    boxes[:, 16:, 8:24] = 1
    edited = source + 0.25 * boxes[..., None]
    assert edge_jump(edited, source, boxes) == pytest.approx(0.25, abs=1e-5)
    assert edge_jump(source, source, boxes) == 0


def test_a_change_that_fades_out_before_the_edge_does_not_jump():
    source = torch.zeros(1, 32, 32, 3)
    boxes = torch.zeros(1, 32, 32)
    boxes[:, 8:24, 8:24] = 1
    edited = source.clone()
    edited[:, 12:20, 12:20] = 1
    assert edge_jump(edited, source, boxes) == 0


def test_balanced_accuracy_of_guessing_is_chance_whatever_is_said_most():
    said = np.array([0] * 90 + [1] * 10)
    always_first = Confusion.of(("closed", "open"), said, np.zeros(100, int))
    assert always_first.balanced == always_first.chance == 0.5
    assert Confusion.of(("closed", "open"), said, said).balanced == 1.0


def test_frames_of_no_viseme_do_not_count():
    table = Confusion.of(GROUPS, np.array([0, -1, 2]), np.array([0, 1, 3]))
    assert table.counts.sum() == 2 and table.chance == 0.5
    assert "closed" in table.table()


def test_a_crop_shows_its_place_at_any_size():
    frames = torch.zeros(2, 64, 64, 3)
    frames[:, 20:28, 30:38] = 1
    place = torch.tensor([[34.0, 24.0]] * 2), torch.tensor([8.0, 16.0])
    seen = crops(frames, *place)
    assert seen[0, :, 4:-4, 4:-4].min() == pytest.approx(1) and seen[0].mean() > 0.9
    assert seen[1].mean() == pytest.approx(0.25, abs=0.03)


def test_a_reader_is_the_same_after_its_file(tmp_path):
    torch.manual_seed(0)
    reader = Reader.empty()
    reader.save(tmp_path / "reader.safetensors")
    frames, landmarks = torch.rand(3, 64, 64, 3), torch.rand(1, 68, 2) * 64
    seen, again = (
        reader.read(frames, landmarks),
        Reader.load(tmp_path / "reader.safetensors").read(frames, landmarks),
    )
    assert seen.groups.shape == (3, 4) and seen.both_pupils.shape == (3,)
    assert torch.allclose(seen.opening, again.opening, atol=2e-3)


def seen(opening: torch.Tensor) -> Seen:
    """A face whose lips are closed where `opening` [f] is 0, with open eyes."""
    groups = torch.nn.functional.one_hot((opening > 0.5).long() * 3, 4).float()
    closure = (opening == 0).float()
    return Seen(
        opening, 0.5 * opening, opening.square(), closure, opening, groups, torch.ones(len(opening), 2)
    )


def test_a_copy_talks_as_the_rendered_one_and_another_mouth_does_not():
    rendered = seen(torch.tensor([0, 0.2, 0.9, 1.0, 0.7, 0, 0.0, 0.8, 0.9, 0.3]))
    said = np.array([0, -1, 3, 3, 3, 0, 0, 3, 3, -1])
    copy, other = compare(rendered, rendered, said), compare(seen(1 - rendered.opening), rendered, said)
    assert copy.follows["opening"] == pytest.approx(1) and copy.closures == (2, 2)
    assert copy.visemes.balanced == 1 and copy.pupils == 1 and copy.lost == 0
    assert other.follows["opening"] == pytest.approx(-1) and other.visemes.balanced < 0.5
    figures = summary([copy, other])
    assert figures["closures"] == 4 and figures["visemes_chance"] == 0.5


def test_a_mouth_that_never_moves_follows_nothing():
    rendered = seen(torch.tensor([0, 0.2, 0.9, 1.0, 0.7, 0, 0.0, 0.8]))
    frozen = compare(seen(torch.full((8,), 0.4)), rendered, np.full(8, 3))
    assert set(frozen.follows.values()) == {0.0} and "opening" in frozen.follows


def test_closed_lips_count_in_the_frames_of_a_sound_and_beside_them():
    assert closures_of(np.array([-1, 3, 0, 0, 3, 3, 0])) == [slice(1, 5), slice(5, 8)]


def test_the_longest_stretch_without_eyes_is_counted():
    assert longest(torch.tensor([True, False, True, True, True, False])) == 3
    assert longest(torch.zeros(4, dtype=torch.bool)) == 0
