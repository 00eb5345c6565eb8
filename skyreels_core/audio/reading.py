"""Sound files and the sound of videos: every format as float samples, every rate to 16 kHz mono."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
import soundfile
import soxr
import torch
from torch import Tensor

from ..errors import InputError
from ..media.container import check_whole, mpeg_start, open_media
from ..timeline import SAMPLE_RATE, Timeline

SAMPLE_RATES = range(4_000, 384_001)  # Hz; outside of it the header is wrong
MOST_CHANNELS = 64
LOUDEST = 100.0  # times full scale; whole numbers stored as floats are far beyond
MISSING_SECONDS = 0.5  # between the end that a container states and that of the last sound in it


@dataclass(frozen=True)
class Audio:
    samples: Tensor  # float32 [c, n], full scale is -1..1
    sample_rate: int  # Hz

    @property
    def seconds(self) -> float:
        return self.samples.shape[1] / self.sample_rate


def read_audio(path: str | Path) -> Audio:
    """The sound of an audio file, or of a video from its first frame on.

    Raises InputError for a file that is missing, unreadable, cut short, without a sound track, empty, not finite, or
    of a form that no recording has.
    """
    path = Path(path).absolute()
    if path.is_dir():
        raise InputError(f"{path} is a folder; give an audio file, or a video with sound.")
    if not path.is_file():
        raise InputError(f"There is no file {path}; check the name and the folder.")
    audio = _read(path)
    _check(path, audio)
    return audio


def _read(path: Path) -> Audio:
    check_whole(path)
    with path.open("rb") as file:
        is_mpeg = mpeg_start(file) is not None
    if not is_mpeg:  # libsndfile ends an MP3 without an index where it guesses its end
        try:
            samples, sample_rate = soundfile.read(path, dtype="float32", always_2d=True)
            return Audio(torch.from_numpy(samples.T), sample_rate)
        except (soundfile.LibsndfileError, TypeError, MemoryError):
            pass  # TypeError: a .raw file states no rate; MemoryError: a damaged header states hours
    try:
        with open_media(path) as container:
            return _decode(path, container)
    except av.FFmpegError as error:
        raise InputError(
            f"{path} cannot be read as sound ({error.strerror}); it may be damaged or no audio file. "
            "Give a WAV, FLAC, MP3, OGG or M4A file, or a video with sound."
        ) from error


def _decode(path: Path, container: av.container.InputContainer) -> Audio:
    stream = container.streams.best("audio")
    if stream is None:
        raise InputError(f"{path} has no sound track; give an audio file, or a video with sound.")
    resampler = av.AudioResampler(format="fltp")
    frames = [part for frame in container.decode(stream) for part in resampler.resample(frame)]
    if not frames:
        return Audio(torch.zeros(1, 0), stream.rate)
    sample_rate = frames[0].sample_rate
    _check_end(path, container, stream, frames[-1])
    samples = np.concatenate([frame.to_ndarray() for frame in frames], axis=1)
    if "mp4" in container.format.name and stream.duration:  # its padding at the end is cut by nobody else
        samples = samples[:, : round(stream.duration * stream.time_base * sample_rate)]
    lead = round(_seconds_after_picture(container, frames[0]) * sample_rate)
    samples = np.pad(samples, ((0, 0), (max(lead, 0), 0)))[:, max(-lead, 0) :]
    return Audio(torch.from_numpy(samples), sample_rate)


def _check_end(
    path: Path, container: av.container.InputContainer, stream: av.AudioStream, last: av.AudioFrame
) -> None:
    """Of what states how long its sound is: MP4 and its kin."""
    if "mp4" not in container.format.name or not stream.duration or last.time is None:
        return
    stated = float(((stream.start_time or 0) + stream.duration) * stream.time_base)
    end = last.time + last.samples / last.sample_rate
    if end + MISSING_SECONDS < stated:
        raise InputError(
            f"{path} is cut short: its sound should end at {stated:.1f} s and ends at {end:.1f} s. Fetch or export it "
            "again."
        )


def _seconds_after_picture(container: av.container.InputContainer, first: av.AudioFrame) -> float:
    """How much later than the first picture of a video its sound begins, negative where it begins before."""
    video = container.streams.best("video")
    if video is None or video.start_time is None:
        return 0.0
    return first.time - float(video.start_time * video.time_base)


def _check(path: Path, audio: Audio) -> None:
    if audio.samples.shape[1] == 0:
        raise InputError(f"{path} holds no samples; record or export the sound again.")
    if audio.sample_rate not in SAMPLE_RATES:
        raise InputError(
            f"{path} states a sample rate of {audio.sample_rate} Hz; "
            f"export the sound with {SAMPLE_RATES.start} to {SAMPLE_RATES.stop - 1} Hz, such as 48000."
        )
    if len(audio.samples) > MOST_CHANNELS:
        raise InputError(
            f"{path} has {len(audio.samples)} channels; export the sound with up to {MOST_CHANNELS}, such as 1."
        )
    loudest = float(audio.samples.abs().max())  # NaN where any is
    if not math.isfinite(loudest):
        raise InputError(f"{path} holds samples that are no numbers (NaN, infinite); export the sound again.")
    if loudest > LOUDEST:
        raise InputError(
            f"{path} holds samples of {loudest:.3g} times full scale; export the sound with samples within -1..1."
        )


def mono_16k(audio: Audio) -> Tensor:
    """The mean of the channels at 16 kHz: float32 [n], n = the seconds of `audio` to the nearest sample."""
    samples = audio.samples.mean(0)
    if audio.sample_rate == SAMPLE_RATE:
        return samples
    length = round(len(samples) * SAMPLE_RATE / audio.sample_rate)
    resampled = soxr.resample(samples.numpy(), audio.sample_rate, SAMPLE_RATE, quality="HQ")
    return torch.from_numpy(resampled[:length])


def fill(samples: Tensor, length: int) -> Tensor:
    """[... n] -> [... length]: cut, or followed by silence."""
    kept = samples[..., :length]
    return torch.nn.functional.pad(kept, (0, length - kept.shape[-1]))


def cut_voice(audio: Audio, timeline: Timeline) -> Audio:
    """The voice exactly as long as the timeline, filled with silence where it is shorter."""
    return Audio(fill(audio.samples, timeline.sample_count(audio.sample_rate)), audio.sample_rate)


def heard(audio: Audio, timeline: Timeline) -> Tensor:
    """The voice as a speech encoder gets it, as long as the timeline: [n] at 16 kHz."""
    return fill(mono_16k(audio), timeline.sample_count(SAMPLE_RATE))


def write_wav(path: str | Path, audio: Audio) -> None:
    """A WAV file of 32-bit floats: what is read back is what was written."""
    soundfile.write(path, audio.samples.T.numpy(), audio.sample_rate, subtype="FLOAT", format="WAV")
