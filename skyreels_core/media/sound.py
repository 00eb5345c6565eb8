"""The reader of sound: any file, and the sound of videos, as samples of one rate and layout at their own time."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import av
import numpy as np
import soxr
import torch
from av.container import InputContainer
from av.error import FFmpegError
from torch import Tensor

from ..errors import InputError
from .channels import layout_of, remix
from .container import (
    UNTIMED,
    check_whole,
    demuxed,
    in_seconds,
    moving_pictures,
    open_media,
    sound_track,
)
from .gaps import LONGEST, LONGEST_UNSTEADY, Gaps, find_gaps
from .kinds import foreign
from .packets import Decoded, Piece, decode
from .parts import parts

log = logging.getLogger(__name__)

SAMPLE_RATES = range(4_000, 384_001)  # Hz; outside of it the header is wrong
MOST_CHANNELS = 64
LOUDEST = 100.0  # times full scale; whole numbers stored as floats are far beyond
MISSING_SECONDS = 0.5  # between the end that a container states and that of the last sound in it
PADDING_SECONDS = 0.3  # that an encoder adds at the end: a packet or two
STAMP = 0.001  # seconds, to which Matroska rounds its times
SAID_SECONDS = 0.1  # of silence in place of missing sound, from which the log says so
STATING = {"mp4", "flac", "ogg"}  # formats whose header says how long the sound is
COUNTED = 0x100  # flag of FFmpeg's formats whose stamps are made from the samples
UNSTEADY = 0x200  # of those whose clocks may start anew


@dataclass(frozen=True)
class Audio:
    """A recording: `samples` [c n] as float32, c channels of n samples each, full scale -1..1; `sample_rate` in Hz;
    `seconds`, its length.

    To cut it, cut the samples: `Audio(audio.samples[:, : audio.sample_rate], audio.sample_rate)` is the first second.
    """

    samples: Tensor  # float32 [c, n], full scale is -1..1
    sample_rate: int  # Hz
    layout: str = ""  # FFmpeg's name of the channels' places, such as "5.1"; "": unknown
    name: str = ""  # what messages call it, such as its file; "": the voice

    @property
    def seconds(self) -> float:
        return self.samples.shape[1] / self.sample_rate


@dataclass(frozen=True, eq=False)
class _Recording:
    """What one whole file, or one of several that were joined, holds."""

    pieces: list[Piece]
    gaps: Gaps
    lead: float  # seconds by which its sound begins after its pictures
    packets: Decoded


def read_audio(path: str | Path) -> Audio:
    """The sound of an audio file, or of a video from its first frame on.

    Pauses in the time stamps are silence. Where rate or channels change, the highest rate and most channels hold for
    the whole. Single damaged packets are left out; the log says so.
    Raises InputError for a file that is missing, unreadable, truncated, without a sound track, empty, not finite, or
    of a form that no recording has.
    """
    path = Path(path).absolute()
    if path.is_dir():
        raise InputError(f"{path} is a folder; give an audio file, or a video with sound.")
    if not path.is_file():
        raise InputError(f"There is no file {path}; check the name and the folder.")
    recordings = _recordings(path)
    _report(path, recordings)
    _check_forms(path, recordings)
    audio = replace(_joined(path, recordings), name=str(path))
    _check_samples(path, audio)
    return audio


def _recordings(path: Path) -> list[_Recording]:
    check_whole(path)
    first, *others = parts(path)
    try:
        found = [_recording(path, first if others else None)]
    except FFmpegError as error:
        raise InputError(
            f"{path} cannot be read as sound ({foreign(path, str(error.strerror))}); it may be damaged or not an "
            "audio file. Give a WAV, FLAC, MP3, OGG or M4A file, or a video with sound."
        ) from error
    for part in others:
        try:
            found.append(_recording(path, part))
        except (FFmpegError, InputError) as error:
            why = error.strerror if isinstance(error, FFmpegError) else error
            log.warning("%s: its %d bytes from %d on are skipped (%s)", path, len(part), part.start, why)
    return found


def _recording(path: Path, part: range | None) -> _Recording:
    with open_media(path, part) as container:
        stream = sound_track(container)
        if stream is None:
            raise InputError(f"{path} has no sound track; give an audio file, or a video with sound.")
        packets = _decoded(path, container, stream)
        if packets.is_broken:
            raise InputError(
                f"{path} cannot be read as sound: {len(packets.damaged)} of its {packets.packets} packets are "
                f"damaged, the first at {packets.damaged[0]:.1f} s. Download or export it again."
            )
        if not packets.pieces:
            packets.pieces.append(Piece(np.zeros((1, 0), np.float32), max(stream.rate, 1), "mono", None))
        moving = moving_pictures(container)
        longest = LONGEST_UNSTEADY if container.format.flags & UNSTEADY and moving is None else LONGEST
        pieces = _without_lead_in(container, packets.pieces) if moving is None else packets.pieces
        start = pieces[0].time or 0.0
        if container.format.name == "ogg":  # whose stamps within the first page are guessed
            start = in_seconds(stream.start_time, stream.time_base)
        gaps = find_gaps(_timed(container, pieces), longest)
        stated = _stated_end(container, stream)
        if stated is not None:
            end = start + gaps.seconds + sum(piece.seconds for piece in pieces)
            _check_end(path, container.format.name, end, stated)
            padding = round((end - stated) * pieces[-1].rate)
            pieces = _without_end(pieces, padding) if end - stated < PADDING_SECONDS else pieces
    lead = 0.0 if moving is None else start - _first_picture(path, part)
    return _Recording(pieces, gaps, lead, packets)


def _decoded(path: Path, container: InputContainer, stream: av.AudioStream) -> Decoded:
    if stream.codec_context is not None:
        try:
            return decode(container, stream)
        except ValueError as error:
            if isinstance(error, FFmpegError):
                raise
    raise InputError(f"{path} has sound in a format that cannot be decoded here. Export it as WAV or AAC.")


def _without_lead_in(container: InputContainer, pieces: list[Piece]) -> list[Piece]:
    """FFmpeg 8.0 gives what an encoder put before the sound of a Matroska file, at times below zero."""
    if not container.format.name.startswith("matroska"):
        return pieces
    return [it for it in pieces if it.time is None or it.time + it.seconds > STAMP] or pieces


def _timed(container: InputContainer, pieces: list[Piece]) -> list[Piece]:
    """Without the stamps of formats that have none: FFmpeg counts them, and wrongly where the rate changes, and in AVI
    where a packet is larger than its header says."""
    counted = container.format.flags & (COUNTED | UNSTEADY) == COUNTED and container.format.name != "flac"
    untimed = counted or container.format.name in UNTIMED
    return [replace(piece, time=None) for piece in pieces] if untimed else pieces


def _stated_end(container: InputContainer, stream: av.AudioStream) -> float | None:
    """Seconds at which the sound ends by a header of MP4 and its kin, FLAC, or Ogg."""
    if not stream.duration or not STATING & set(container.format.name.split(",")):
        return None
    return in_seconds((stream.start_time or 0) + stream.duration, stream.time_base)


def _check_end(path: Path, format_name: str, end: float, stated: float) -> None:
    missing = {"flac": 0.001, "ogg": math.inf}.get(format_name, MISSING_SECONDS)
    if end + missing < stated:
        raise InputError(
            f"{path} is truncated: its sound should end at {stated:.1f} s and ends at {end:.1f} s. Download or "
            "export it again."
        )


def _without_end(pieces: list[Piece], padding: int) -> list[Piece]:
    """padding: samples."""
    count = len(pieces)
    while count and padding >= pieces[count - 1].samples.shape[1]:
        padding -= pieces[count - 1].samples.shape[1]
        count -= 1
    if not count or padding <= 0:
        return pieces[: max(count, 1)]
    last = pieces[count - 1]
    return [*pieces[: count - 1], replace(last, samples=last.samples[:, :-padding])]


def _first_picture(path: Path, part: range | None) -> float:
    """Seconds at which the first picture is shown that can be decoded."""
    with open_media(path, part) as container:
        stream = moving_pictures(container)
        assert stream is not None  # who calls has seen it
        stream.thread_type = "SLICE"
        try:
            packets = demuxed(container, stream)
            if container.format.name in UNTIMED:
                return in_seconds(next(packets).dts, stream.time_base)
            times = (frame.time for packet in packets for frame in packet.decode())
            return next((time for time in times if time is not None), 0.0)
        except FFmpegError:
            return in_seconds(stream.start_time, stream.time_base)


def _report(path: Path, recordings: Sequence[_Recording]) -> None:
    damaged = [seconds for it in recordings for seconds in it.packets.damaged]
    if damaged:
        places = ", ".join(f"{seconds:.1f}" for seconds in damaged[:5]) + (
            ", ..." if len(damaged) > 5 else ""
        )
        log.warning("%s: %d damaged packets are skipped, at %s s", path, len(damaged), places)
    silent = sum(it.gaps.seconds for it in recordings)
    if silent > SAID_SECONDS:
        log.warning("%s: no sound was recorded for %.1f s within it; silence fills the gap", path, silent)
    jumps = [seconds for it in recordings for seconds in it.gaps.jumps]
    if jumps:
        log.warning(
            "%s: its time stamps jump ahead at %.1f s; the sound continues without a pause", path, jumps[0]
        )


def _check_forms(path: Path, recordings: Sequence[_Recording]) -> None:
    """Says which there are where the form changes."""
    forms = {(piece.rate, len(piece.samples), piece.layout) for it in recordings for piece in it.pieces}
    for rate, channels, _ in forms:
        if rate not in SAMPLE_RATES:
            raise InputError(
                f"{path} states a sample rate of {rate} Hz; export the sound with {SAMPLE_RATES.start} to "
                f"{SAMPLE_RATES.stop - 1} Hz, such as 48000."
            )
        if channels > MOST_CHANNELS:
            raise InputError(
                f"{path} has {channels} channels; export the sound with up to {MOST_CHANNELS}, such as 1."
            )
    if len(forms) > 1:
        found = ", ".join(f"{rate} Hz {layout}" for rate, _, layout in sorted(forms))
        log.warning("%s changes midway (%s): its highest rate and most channels hold for all", path, found)


def _joined(path: Path, recordings: Sequence[_Recording]) -> Audio:
    pieces = [piece for it in recordings for piece in it.pieces]
    rate = max(piece.rate for piece in pieces)
    widest = max(pieces, key=lambda piece: len(piece.samples))
    layout, channels = layout_of(widest.layout, len(widest.samples)), len(widest.samples)
    runs = [run for it in recordings for run in _runs(it)]
    lead = round(
        _lead(path, recordings[0].lead, sum(silence + _seconds(run) for silence, run in runs)) * rate
    )
    ends, end = [], max(lead, 0)
    for silence, run in runs:
        ends.append(end := end + round(silence * rate) + round(_seconds(run) * rate))
    samples = np.zeros((channels, end), np.float32)
    for (_, run), end in zip(runs, ends, strict=True):
        _lay(samples[:, end - round(_seconds(run) * rate) : end], run, rate, layout)
    return Audio(torch.from_numpy(samples[:, max(-lead, 0) :]), rate, layout)


def _seconds(run: Sequence[Piece]) -> float:
    return sum(piece.samples.shape[1] for piece in run) / run[0].rate


def _lead(path: Path, lead: float, seconds: float) -> float:
    """How much later than the pictures the sound begins, as far as that has a meaning."""
    if -seconds < lead < LONGEST or not lead:
        return lead
    log.warning("%s: its sound and its pictures are %.0f s apart; both begin at once", path, abs(lead))
    return 0.0


def _runs(recording: _Recording) -> Iterator[tuple[float, list[Piece]]]:
    """Pieces of one form that follow each other, and the seconds of silence before them."""
    run: list[Piece] = []
    silence = 0.0
    for piece, gap in zip(recording.pieces, recording.gaps.before, strict=False):
        if run and (gap or _form(piece) != _form(run[-1])):
            yield silence, run
            run = []
        if not run:
            silence = float(gap)
        run.append(piece)
    yield silence, run


def _form(piece: Piece) -> tuple[int, int, str]:
    return piece.rate, len(piece.samples), piece.layout


def _lay(place: np.ndarray, run: Sequence[Piece], rate: int, layout: str) -> None:
    """Writes pieces of one form to their place [c n]."""
    start = 0
    if (run[0].rate, len(run[0].samples)) == (rate, len(place)):
        for piece in run:
            end = start + piece.samples.shape[1]
            place[:, start:end] = remix(
                piece.samples, layout_of(piece.layout, len(place)), layout, len(place)
            )
            start = end
        return
    samples = np.concatenate([piece.samples for piece in run], axis=1)
    samples = remix(samples, layout_of(run[0].layout, len(samples)), layout, len(place))
    if run[0].rate != rate:
        samples = soxr.resample(np.ascontiguousarray(samples.T), run[0].rate, rate, quality="HQ").T
    length = min(samples.shape[1], place.shape[1])  # resampling may round the other way
    place[:, :length] = samples[:, :length]


def _check_samples(path: Path, audio: Audio) -> None:
    if audio.samples.shape[1] == 0:
        raise InputError(f"{path} holds no samples; record or export the sound again.")
    loudest = float(audio.samples.abs().max())  # NaN where any is
    if not math.isfinite(loudest):
        raise InputError(
            f"{path} holds samples that are not numbers (NaN, infinite); export the sound again."
        )
    if loudest > LOUDEST:
        raise InputError(
            f"{path} holds samples of {loudest:.3g} times full scale; export the sound with samples within -1..1."
        )
