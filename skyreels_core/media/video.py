"""The reader of videos: moving pictures at one constant rate, frame by frame, upright and in the colours meant."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import islice, repeat
from pathlib import Path

import av
import numpy as np
from av.container import InputContainer
from av.error import FFmpegError
from torch import Tensor

from ..errors import InputError
from .clock import DEFAULT_RATE, LONGEST_STILL, Clock, ascending, in_order, read_clock
from .container import (
    UNTIMED,
    check_whole,
    demuxed,
    in_seconds,
    moving_pictures,
    open_media,
    sound_track,
)
from .fields import progressive
from .files import check_side, existing_file
from .kinds import check_moving, foreign
from .pixels import Explanation, opacity, rgb, square_size
from .seeking import Entries, EntryLog
from .sound import Audio, read_audio
from .stated import labelled, stated

log = logging.getLogger(__name__)

TEXTS = {"tty", "bin", "xbin", "adf", "idf"}  # which FFmpeg draws as a terminal would
# seconds that sound lasts longer than the frames, from which the last frame is held for it
SOUND_BEYOND = 0.5
UNSTAMPED = 0x80  # flag of FFmpeg's formats: frames alone
AHEAD = 1.0  # seconds that are decoded beyond those asked for: stamps may be out of order


@dataclass(frozen=True, eq=False)
class VideoFile:
    """A video that stays in its file; made by `open_video`."""

    path: Path
    stored: tuple[int, int]  # width and height before it is turned, pixels square
    turns: int  # quarters
    fps: float
    frame_indices: np.ndarray  # [f], the decoded frame that each frame shows
    decoded: int  # how many frames those are, as a reader counts that knows no time
    has_sound: bool
    whole: bool = True  # False: a part of its file
    over_black: bool = False  # True: what is transparent is black, as masks need it
    entries: Entries | None = None  # where its decoding may begin beside the first frame

    @property
    def size(self) -> tuple[int, int]:
        width, height = self.stored
        return (height, width) if self.turns % 2 else (width, height)

    @property
    def seconds(self) -> float:
        return len(self) / self.fps

    def __len__(self) -> int:
        return len(self.frame_indices)

    def stream(self, first: int = 0) -> Iterator[Tensor]:
        times_shown = np.bincount(self.frame_indices[first:])
        start = int((times_shown > 0).argmax()) if len(times_shown) else 0
        for times, frame in zip(times_shown[start:], self._decoded(start), strict=False):
            if times:
                yield from repeat(self._picture(frame), times)

    def _decoded(self, start: int) -> Iterator[av.VideoFrame]:
        """From one decoded frame on: from the key frame before it, if what follows that is the same."""
        if self.entries is not None and (key := self.entries.before(start)):
            for number, frame in self._from_key(self.entries, key):
                if number >= start:
                    start = number + 1
                    yield frame
            if start == len(self.entries.times):
                return
        with opened(self.path) as stream:
            yield from islice(decode(self.path, stream), start, None)

    def _from_key(self, entries: Entries, key: int) -> Iterator[tuple[int, av.VideoFrame]]:
        with opened(self.path) as stream, suppress(FFmpegError, InputError):
            entries.go_to(key, stream)
            yield from entries.alike(key, decode(self.path, stream))

    def _picture(self, frame: av.VideoFrame) -> Tensor:
        pixels = rgb(frame, *self.stored)
        return pixels * opacity(frame, *self.stored) if self.over_black else pixels

    def part(self, start: float, seconds: float) -> VideoFile:
        """What is on screen from one time on, in seconds, for so long; 0 seconds are all that follow."""
        first = min(round(start * self.fps), len(self) - 1)
        last = len(self) if not seconds else max(first + 1, round((start + seconds) * self.fps))
        shown = self.frame_indices[first:last]
        return replace(
            self, frame_indices=shown, decoded=int(shown[-1] - shown[0]) + 1, has_sound=False, whole=False
        )

    def only(self, frames: Sequence[int]) -> VideoFile:
        """Some of its frames, in ascending order; the others are not converted."""
        return replace(self, frame_indices=self.frame_indices[list(frames)])

    @property
    def audio(self) -> Audio | None:
        """Sound that cannot be read is left out; the log says so."""
        return self._audio

    @cached_property
    def _audio(self) -> Audio | None:
        if not self.has_sound:
            return None
        try:
            return read_audio(self.path)
        except InputError as error:
            log.warning("the video is read without its sound: %s", error)
            return None


def open_video(
    path: str | Path, seconds: float | None = None, callback: Callable[[int], None] | None = None
) -> VideoFile:
    """A whole video, or its first `seconds`, turned upright, at one constant rate, decoded once for its time stamps.

    The rate is the grid on which the stamps lie; a frame lasts until the next one, the last one as long as the file
    says or its sound goes on. What is converted is said in the log. `callback` gets the number of every frame that
    was decoded and may raise to cancel.
    Raises InputError when the file is missing, damaged, under 16 px a side, or without any frame.
    """
    with opened(path) as stream:
        has_sound = bool(stream.container.streams.audio)
        index = _Index.of(path, stream, seconds, callback)
        if index.announced > len(index.times):
            log.warning(
                "%s states %d frames in its header, %d could be read", path, index.announced, len(index.times)
            )
    clock, decoded = index.clock(path), len(index.times)
    shown = clock.frame_indices
    if seconds is not None:
        shown = shown[: max(1, math.ceil(seconds * clock.fps - 1e-6))]
    entries = index.entries.found()
    return VideoFile(
        Path(path), index.stored, index.turns, clock.fps, shown, decoded, has_sound, entries=entries
    )


@contextmanager
def opened(path: str | Path) -> Iterator[av.VideoStream]:
    """The moving pictures of a file. Raises InputError where there are none that can be read."""
    path = existing_file(path, "video")
    check_whole(path)
    check_moving(path)
    try:
        container = open_media(path)
    except FFmpegError as error:
        raise InputError(
            f"{path} cannot be read as a video ({foreign(path, str(error.strerror))}). Give a whole video file."
        ) from error
    with container:
        stream = moving_pictures(container)
        if stream is None:
            raise InputError(f"{path} has no video stream. Give a file with moving pictures in it.")
        if container.format.name in TEXTS:
            raise InputError(
                f"{path} is not a video; it holds text or data. Give a file with moving pictures in it."
            )
        if stream.codec_context is None or not stream.width:
            raise InputError(f"{path} is in a format that cannot be decoded here. Export it as H.264.")
        check_side(path, round(stream.width * (stream.sample_aspect_ratio or 1)), stream.height)
        yield stream


def decode(
    path: str | Path, stream: av.VideoStream, packets: Callable[[av.Packet], None] | None = None
) -> Iterator[av.VideoFrame]:
    """The frames in the order in which they are shown, deinterlaced; `packets` gets those of picture and sound.

    Raises InputError where the file is damaged, or holds no frame.
    """
    # what frame threads log while they work ahead waits for the lock that closing holds
    stream.thread_type = "SLICE"
    count = 0
    try:
        for frame in progressive(labelled(stream, _demuxed(stream, packets))):
            yield frame
            count += 1
    except FFmpegError as error:
        raise InputError(
            f"{path} is damaged after {count} frames ({error.strerror}). Give a whole video file."
        ) from error
    if not count:
        raise InputError(f"{path} holds no frame that can be read. Give a whole video file.")


def _demuxed(stream: av.VideoStream, packets: Callable[[av.Packet], None] | None) -> Iterator[av.VideoFrame]:
    container = stream.container
    assert isinstance(container, InputContainer)  # `opened` made it
    sound = None if packets is None else sound_track(container)
    streams = [stream] if sound is None else [stream, sound]
    for packet in demuxed(container, *streams):
        if packets is not None:
            packets(packet)
        if packet.stream is stream and (packet.size or packet.dts is None):  # empty: the frame before stays
            yield from packet.decode()


@dataclass
class _Index:
    """What decoding a file once tells of its time."""

    stream: av.VideoStream
    rates: list[float]  # stated ones, frames per second
    step: float  # of the container's clock, seconds
    times: list[float] = field(default_factory=list)  # stamps of the frames, seconds, NaN where there is none
    decoding: list[float] = field(default_factory=list)  # of the packets that hold one
    end: float = 0.0  # of the last frame
    held_end: float = 0.0  # of an empty packet, during which the frame before stays
    sound_end: float = -math.inf
    hidden: int = 0  # packets of frames that an edit list does not show
    whole: bool = True  # nothing was left undecoded
    stored: tuple[int, int] = (0, 0)  # width and height before it is turned, pixels square
    turns: int = 0  # quarters
    entries: EntryLog = field(default_factory=EntryLog)

    @classmethod
    def of(
        cls, path: str | Path, stream: av.VideoStream, seconds: float | None, callback: Callable | None
    ) -> _Index:
        rates = [stream.average_rate, stream.base_rate, stream.guessed_rate]
        if stream.container.format.flags & UNSTAMPED:
            rates.reverse()  # the average is FFmpeg's own, what it guesses may be stated
        index = cls(stream, [float(rate) for rate in rates if rate], float(stream.time_base or 1e-3))
        explain = Explanation(path)
        for number, frame in enumerate(decode(path, stream, index.add_packet)):
            explain(frame)
            if callback is not None:
                callback(number)
            if number == 0:
                index.stored, index.turns = square_size(frame), stated(frame).orientation.turns
            index.add_frame(frame)
            if seconds is not None and index.times[-1] - index.times[0] >= seconds + AHEAD:
                index.whole = False
                break
        return index

    def add_packet(self, packet: av.Packet) -> None:
        if packet.pts is None and packet.dts is None:
            return
        if packet.stream is not self.stream:
            if packet.size and packet.pts is not None:
                self.sound_end = _end(packet)
        elif packet.size == 0:
            self.held_end = _end(packet)
        elif packet.is_discard:
            self.hidden += 1
        else:
            stamp = packet.pts if packet.dts is None else packet.dts
            self.decoding.append(in_seconds(stamp, packet.time_base))

    def add_frame(self, frame: av.VideoFrame) -> None:
        self.times.append(math.nan if frame.time is None else frame.time)
        self.end = self.times[-1] + in_seconds(frame.duration, frame.time_base)
        self.entries.add(frame)

    @property
    def announced(self) -> int:
        """Frames that the container states and shows, where some are missing: what an edit list cuts out counts among
        them, and in AVI what is empty."""
        stream = self.stream
        if not self.whole or self.untimed or stream.duration is None:
            return 0
        stated = in_seconds((stream.start_time or 0) + stream.duration, stream.time_base)
        missing = len(self.decoding) > len(self.times) or self.end + self.step < stated
        return stream.frames - self.hidden if missing else 0

    @property
    def untimed(self) -> bool:
        return self.stream.container.format.name in UNTIMED

    def clock(self, path: str | Path) -> Clock:
        """The frames at one rate; what that changes is said."""
        times, end = self._stamps()
        steady, jumps = ascending(times, self.period(times))
        if jumps:
            log.warning("%s: its time stamps jump %d times; the parts are joined without gaps", path, jumps)
            return read_clock(steady, 0.0, self.rates, self.step)
        clock = read_clock(steady, self._last(path, times, end), self.rates, self.step)
        self._say(path, clock)
        return clock

    def _stamps(self) -> tuple[np.ndarray, float]:
        """When each frame is shown, and when the last one ends: by its own stamp; in AVI, which has none, by the order
        of its packets; else by the stated rate."""
        shown, decoding = np.array(self.times), np.sort(self.decoding)
        if not self.whole:  # the decoder was ahead
            decoding = decoding[: len(shown)]
        counted = len(decoding) == len(shown) and in_order(decoding)
        if in_order(shown) and not (self.untimed and counted):
            return shown, max(self.end, self.held_end)
        if counted:
            return decoding, 0.0
        return np.arange(len(shown)) * self.stated_period, 0.0

    @property
    def stated_period(self) -> float:
        return 1 / (self.rates[0] if self.rates else DEFAULT_RATE)

    def period(self, times: np.ndarray) -> float:
        """Seconds from one frame to the next, usually."""
        usual = float(np.median(np.diff(times))) if len(times) > 1 else 0.0
        return usual if usual > 0 else self.stated_period

    def _last(self, path: str | Path, times: np.ndarray, end: float) -> float:
        """When the last frame ends, in seconds from the first one on; `end` is 0 where no stamp says so."""
        beyond = self.sound_end - max(end, times[-1] + self.period(times))
        if not self.whole or not SOUND_BEYOND < beyond < LONGEST_STILL:
            return end - times[0]
        log.warning(
            "%s: the sound lasts %.1f s longer than the frames; the last frame is repeated", path, beyond
        )
        return self.sound_end - times[0]

    def _say(self, path: str | Path, clock: Clock) -> None:
        held, lost = clock.held, clock.lost(len(self.times))
        if held or lost:
            log.warning(
                "%s has a variable frame rate: read at %.3f frames per second, with %d frames repeated "
                "and %d of %d frames dropped", path, clock.fps, held, lost, len(self.times),
            )  # fmt: skip


def _end(packet: av.Packet) -> float:
    start = packet.dts if packet.pts is None else packet.pts
    return in_seconds((start or 0) + (packet.duration or 0), packet.time_base)
