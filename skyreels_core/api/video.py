"""A video that a model made, decoded while it is read."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from torch import Tensor

from ..errors import Cancelled, InputError
from ..media.encoding import Encoding
from ..media.origin import Signer
from ..media.sound import Audio
from ..media.writing import check_video, write_video
from ..pipeline.frames import Result
from ..pipeline.result import Report
from ..pipeline.run import Progress
from ..run.resume import WorkFolder
from .inputs import File, as_path, check_callable, number_of
from .options import as_text, described
from .origin import OriginOf

Cancel = Callable[[], bool]


class Video:
    """What `Model.animate` and `Model.edit` give: sampled already, decoded frame by frame while it is read, so that its
    length takes no memory.

    `for frame in video` gives each frame as a float32 tensor [h w 3] in 0..1 on the CPU, sRGB. A video can be read and
    saved several times; each time it is decoded again.
    """

    def __init__(
        self,
        result: Result,
        work: WorkFolder | None = None,
        owned: bool = False,
        origin: OriginOf | None = None,
    ) -> None:
        """`owned`: the run state ends with the video."""
        self._result, self._work, self._origin = result, work, origin
        self._own = work if owned else None

    @property
    def fps(self) -> float:
        """Frames per second."""
        return self._result.fps

    @property
    def size(self) -> tuple[int, int]:
        """Width and height, pixels."""
        return self._result.frames.size

    @property
    def audio(self) -> Audio:
        """The voice, exactly as long as the frames: `samples` [c n] in -1..1 at `sample_rate` Hz."""
        return self._result.audio

    @property
    def seconds(self) -> float:
        return len(self) / self.fps

    @property
    def report(self) -> Report:
        """What was made, what it took, and, once all frames were read, what they are like. `print` shows it."""
        return self._result.report

    def __repr__(self) -> str:
        width, height = self.size
        return f"<Video: {len(self)} frames, {width}x{height} at {self.fps:g} fps, {self.seconds:.2f} s>"

    def __len__(self) -> int:
        """How many frames it has."""
        return len(self._result.frames)

    def __iter__(self) -> Iterator[Tensor]:
        return iter(self._result.frames)

    def save(
        self,
        path: File,
        *,
        crf: int | None = None,
        codec: str | None = None,
        lossless: bool = False,
        signer: Signer | None = None,
        progress: Progress | None = None,
        cancel: Cancel | None = None,
    ) -> Path:
        """Write frames and voice to a file, a few frames at a time; it appears when it is complete.

        Args:
            path: ends in .mp4, .mov, .mkv or .webm.
            crf: constant rate factor, lower is better and larger: 0..51 for h264 and h265, 0..63 for av1 and vp9.
                None is the codec's default, 10 or 12.
            codec: "h264", "h265", "av1" or "vp9"; None is vp9 in a .webm file, else h264.
            lossless: every pixel exactly, as RGB; not for av1.
            signer: signs Content Credentials (C2PA) into an .mp4 or .mov file: that a trained model made it, which
                one, and hashes of voice and picture. Such files are not the same from time to time.
            progress: called as (stage, done, planned, detail) after each frame; None: that of the run.
            cancel: asked between frames; where it returns True, `Cancelled` is raised and no file is left. None: that
                of the run.

        Returns the path. Raises InputError for a file that cannot be written, and OSError where the disk fails.
        """
        check_watchers(progress, cancel)
        path, encoding = as_path(path, "path"), encoding_of(crf, codec, lossless)
        check_video(path, encoding)
        sign = self._signing(path, signer)
        frames = self._result.frames.stream(progress, checking(cancel))
        part = None if self._work is None else self._work.part_of(path)
        write_video(path, frames, self.fps, self.audio, encoding, part, sign=sign)
        if self._own is not None:
            self._own.finish()
        return path

    def _signing(self, path: Path, signer: Signer | None) -> Callable[[Path], None] | None:
        if signer is None:
            return None
        if not isinstance(signer, Signer):
            raise InputError(
                f"signer is {described(signer)}; give a skyreels_core.media.origin.Signer, or None."
            )
        signer.check(path)
        assert self._origin is not None  # every run says it
        origin = self._origin
        return lambda made: signer.sign(made, origin(), path.name)

    def close(self) -> None:
        """Let go of the run state, where there is one; what is in it stays unless the video was saved."""
        if self._own is not None:
            self._own.release()

    def __enter__(self) -> Video:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


def checking(cancel: Cancel | None) -> Callable[[], None] | None:
    """What the pipeline asks: it raises to cancel."""
    if cancel is None:
        return None

    def check() -> None:
        if cancel():
            raise Cancelled("The run was cancelled.")

    return check


def check_watchers(progress: Progress | None, cancel: Cancel | None) -> None:
    """Raises InputError for what cannot be called."""
    check_callable(progress, "progress", "progress(stage, done, planned, detail)")
    check_callable(cancel, "cancel", "cancel()")


def encoding_of(crf: Any, codec: Any, lossless: Any) -> Encoding:
    """Raises InputError for values of other types."""
    if not isinstance(lossless, bool):
        raise InputError(f"lossless is {described(lossless)}; give True or False.")
    chosen = None if crf is None else number_of(crf, int, "crf", "an integer from 0 to 63, or None")
    return Encoding(as_text(codec or "", "codec"), chosen, lossless)
