"""Small pictures for the page: what was given, and the first frame of every video."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from PIL import Image
from torch import Tensor

from ..errors import InputError
from ..files import atomic
from ..media.footage import open_video
from ..media.muxing import to_uint8
from ..media.picture import read_picture
from .cells import Cell
from .folder import PICTURES, Folder, Record, digest
from .material import Material

LONGEST = 512  # pixels of a side at most
QUALITY = 88


class Stills:
    """Written once, into the folder of pictures."""

    def __init__(self, folder: Folder, material: Material) -> None:
        self.folder, self.material = folder, material

    def of_video(self, record: Record) -> str | None:
        """Its address on the page; None where the video cannot be read."""
        path = self.folder.cells / str(record.video)
        return self._kept(record.id, lambda: next(open_video(path).stream()))

    def of_input(self, cell: Cell) -> str | None:
        shown = cell.inputs.shown
        try:
            name = f"input-{(digest(shown) or '')[:16]}"
        except OSError:
            return None
        return self._kept(name, lambda: read_picture(self.material.picture(shown)))

    def _kept(self, name: str, read: Callable[[], Tensor]) -> str | None:
        path = self.folder.pictures / f"{name}.jpg"
        if not path.is_file():
            try:
                frame = read()
            except (InputError, OSError, StopIteration):
                return None
            _save(path, frame)
        return f"{PICTURES}/{path.name}"


def _save(path: Path, frame: Tensor) -> None:
    picture = Image.fromarray(to_uint8(frame).numpy())
    picture.thumbnail((LONGEST, LONGEST))
    path.parent.mkdir(exist_ok=True)
    with atomic(path) as part:
        picture.save(part, "JPEG", quality=QUALITY)
