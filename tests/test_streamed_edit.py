"""What an edit holds of its video and its mask does not grow with their length."""

from __future__ import annotations

from dataclasses import dataclass, field
from weakref import WeakSet

import pytest
import torch
from torch import Tensor

from skyreels_core.media.sound import Audio
from skyreels_core.pipeline.edit import edit
from skyreels_core.run.resume import WorkFolder
from skyreels_core.run.settings import Settings

WIDTH, HEIGHT, FPS = 48, 32, 12.5


@dataclass
class Watched:
    """Footage, or a region, that is made frame by frame and knows how many of its frames are still somewhere."""

    length: int
    channels: tuple[int, ...] = (3,)
    size: tuple[int, int] = (WIDTH, HEIGHT)
    fps: float = FPS
    audio: None = None
    alive: WeakSet = field(default_factory=WeakSet)
    most: int = 0
    read: int = 0

    def __len__(self):
        return self.length

    def stream(self, first=0):
        for index in range(first, self.length):
            frame = self.made(index)
            self.alive.add(frame)
            self.read += 1
            self.most = max(self.most, len(self.alive))
            yield frame
            del frame

    def made(self, index: int) -> Tensor:
        generator = torch.Generator().manual_seed(index)
        return torch.rand(HEIGHT, WIDTH, *self.channels, generator=generator).round()


@pytest.fixture(scope="module")
def preset(bundle):
    return Settings.of(bundle.metadata).override(
        width=WIDTH, height=HEIGHT, window=2, overlap=1, steps=2, hybrid=0.5
    )


def edited(bundle, preset, length, work=None):
    voice = Audio(torch.rand(1, round(length / FPS * 16000)) - 0.5, 16000)
    video, region = Watched(length), Watched(length, channels=())
    result = edit(bundle, video, voice, region, settings=preset, work=work)
    assert sum(1 for _ in result.frames) == length
    return video, region, result


def test_the_frames_held_at_once_do_not_grow_with_the_length(bundle, preset):
    short, long = (edited(bundle, preset, length) for length in (13, 65))
    for few, many in zip(short[:2], long[:2], strict=True):
        assert few.most == many.most <= 5 + 4  # a window, and what is being shown, measured and put back
        assert len(many.alive) <= 1
    assert long[2].report.windows == 16


def test_video_and_mask_are_read_as_often_for_any_number_of_windows(bundle, preset):
    short, long = (edited(bundle, preset, length) for length in (13, 65))
    for few, many in zip(short[:2], long[:2], strict=True):
        assert many.read / 65 <= few.read / 13 <= 4


def test_a_work_folder_holds_what_the_windows_are_shown(bundle, preset, tmp_path):
    plain, _, _ = edited(bundle, preset, 13)
    with WorkFolder(tmp_path / "work") as work:
        video, _, result = edited(bundle, preset, 13, work)
        assert len(work.tensors("conditions")) == 2 * result.report.windows
        assert video.read == plain.read + 13  # once more for its fingerprint
