from __future__ import annotations

import pytest
import torch
from PIL import Image

from skyreels_core.errors import InputError
from skyreels_core.evaluation.sheets import (
    DOTS_PER_INCH,
    LABEL_WIDTH,
    Curve,
    Row,
    contact_sheet,
    loudness,
    write_webp,
)
from skyreels_core.media.reading import read_picture
from skyreels_core.media.sound import Audio


def shades(count: int) -> torch.Tensor:
    return torch.linspace(0, 1, count)[:, None, None, None].expand(count, 32, 32, 3)


def test_a_row_shows_frames_spread_over_its_time(tmp_path):
    contact_sheet(tmp_path / "Übersicht.png", [Row("run", shades(80), 3.2)], columns=4)
    sheet = read_picture(tmp_path / "Übersicht.png")
    middle = sheet[sheet.shape[0] // 2, round(LABEL_WIDTH * DOTS_PER_INCH) :, 0]
    strip = middle[: int((middle < 0.99).nonzero().max()) + 1]
    seen = strip[((torch.arange(4) + 0.5) / 4 * len(strip)).long()]
    assert (seen - torch.tensor([10, 30, 50, 70]) / 79).abs().max() < 0.02


def test_curves_lie_under_the_frames_that_they_belong_to(tmp_path):
    frames = torch.full((8, 32, 32, 3), 0.5)
    values = torch.zeros(100)
    values[50:75] = 1
    row = Row("run", frames, 4.0, (Curve("mouth", values),))
    contact_sheet(tmp_path / "plain.png", [Row("run", frames, 4.0)])
    contact_sheet(tmp_path / "curve.png", [row])
    plain, sheet = read_picture(tmp_path / "plain.png"), read_picture(tmp_path / "curve.png")
    left = round(LABEL_WIDTH * DOTS_PER_INCH)
    assert sheet.shape[1] == plain.shape[1] and sheet.shape[0] > plain.shape[0]
    assert (sheet[4 : plain.shape[0] - 4, left + 4 : -20] - 0.5).abs().max() < 0.01
    top = sheet[plain.shape[0] : plain.shape[0] + (sheet.shape[0] - plain.shape[0]) // 2, left:]
    inked = (top.min(-1).values.min(0).values < 0.95).nonzero()[:, 0]
    width = plain.shape[1] - left
    assert inked.min() / width == pytest.approx(0.5, abs=0.03)
    assert inked.max() / width == pytest.approx(0.75, abs=0.03)


def test_curves_with_limits_share_a_scale(tmp_path):
    faint, limits = torch.rand(100) * 0.01, (0.0, 1.0)
    frames = torch.full((8, 32, 32, 3), 0.5)
    contact_sheet(tmp_path / "own.png", [Row("run", frames, 4.0, (Curve("mouth", faint),))])
    contact_sheet(tmp_path / "shared.png", [Row("run", frames, 4.0, (Curve("mouth", faint, limits),))])
    left = round(LABEL_WIDTH * DOTS_PER_INCH)
    own, shared = (read_picture(tmp_path / name)[:, left:] for name in ("own.png", "shared.png"))
    upper = slice(own.shape[0] - 100, own.shape[0] - 40)
    assert own[upper].min() < 0.9 and shared[upper].min() > 0.99


def test_loudness_follows_the_voice():
    samples = torch.zeros(1, 16000)
    samples[:, 8000:12000] = 0.5
    curve = loudness(Audio(samples, 16000))
    assert len(curve.values) == 50
    assert torch.equal(curve.values > 0.1, (torch.arange(50) >= 25) & (torch.arange(50) < 37.5))
    assert curve.values.max() == pytest.approx(0.5)


@pytest.mark.parametrize(("name", "unit"), [("a.webp", 1), ("a.gif", 10)])
@pytest.mark.parametrize("fps", [25.0, 30.0, 30000 / 1001])
def test_a_moving_picture_plays_every_frame_in_the_video_s_time(tmp_path, name, unit, fps):
    write_webp(tmp_path / name, shades(20), fps)
    with Image.open(tmp_path / name) as picture:
        assert picture.n_frames == 20 and picture.info.get("loop") == 0
        durations = []
        for index in range(20):
            picture.seek(index)
            picture.load()
            durations.append(picture.info["duration"])
    assert abs(sum(durations) - 20_000 / fps) <= unit


def test_sheets_and_moving_pictures_need_frames_and_a_place(tmp_path):
    with pytest.raises(InputError, match="no frames"):
        contact_sheet(tmp_path / "a.png", [])
    with pytest.raises(InputError, match="no frames"):
        write_webp(tmp_path / "a.webp", [], 25.0)
    with pytest.raises(InputError, match=r"ends in \.webp or \.gif"):
        write_webp(tmp_path / "a.mp4", shades(2), 25.0)
    assert not list(tmp_path.iterdir())
