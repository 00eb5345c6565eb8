"""What a run will need, reckoned before it begins: forwards, memory, room on disk; and its pace after the first step.

Bytes are counted from shapes. The constants below say how many tensors of a shape live at once where it is most;
tests count them in real runs.
"""

from __future__ import annotations

import math
import os
import shutil
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import psutil

from ..errors import InputError
from ..model.config import LATENT_CHANNELS, PICTURE_CHANNELS, WanConfig
from ..timeline import SAMPLE_RATE, SPATIAL, TOKEN_RATE, frames_of
from ..windows import WindowPlan

FLOAT = 4  # bytes of a float32
SOLVER_LATENTS = 7  # x, its prediction, the one before, and what a step of second order makes in between
STATE_LATENTS = 2  # x and its prediction, which a work folder keeps
WINDOW_LATENTS = 8  # of one window: its part of x, the predictions of its branches, their sum
WINDOW_PIXELS = 6  # float32 videos of one window: read, stacked, in -1..1, masked, moved
ENCODER_NUMBERS, DECODER_NUMBERS = (
    39,
    54,
)  # of the VAE, for a pixel and a channel of its first layer, at the peak
VAE_WIDTH = 96  # channels of that layer in Wan's VAE
FEED_FORWARD, TOKENS = 2, 5  # inner and outer tensors of a block at its feed-forward layer
ROTATED, ROTATED_FLOAT = 6, 3  # tensors at the rotation of the keys; those that are float32 in any dtype
HEARD_AT_ONCE, HEARD_TENSORS = 1500, 16  # tokens of the speech encoder, tensors of its width
HEARD_COPIES, SPECTRUM = 3, 16_000_000  # of the whole voice at 16 kHz; bytes of 30 s as a spectrum
CONTEXT_TOKENS, CONTEXT_TENSORS = 1024, 4  # text and picture, as they pass through their projections
FRAME_CHANNELS = 3
FRAMES_AT_WORK = 16  # beside those that wait for the statistics of colours
STATISTICS = 50_000  # bytes of a frame's statistics, kept for those that wait and as many before them
ENCODED_FRAMES = 60  # that a video encoder looks ahead, 8 bits a channel
LOSSY_BITS, LOSSLESS_BITS = 1.0, 12.0  # of a pixel in the file, generously

MEMORY, GPU = "memory", "GPU memory"
PICTURE, WINDOW, VOICE = "picture", "window", "voice"  # what a part grows with


@dataclass(frozen=True)
class Making:
    """What is to be made and with what: all that its needs depend on."""

    plan: WindowPlan
    size: tuple[int, int]  # width and height that the model works at, pixels
    config: WanConfig
    itemsize: int  # bytes of a number in the network
    on_gpu: bool
    seconds: float = 0.0  # of the voice that is encoded
    voice_width: int = 0  # of its tokens
    conditions: int = 0  # different ones that windows are shown
    conditions_on_disk: bool = False
    velocities: int = 0  # that the cache holds
    keeps_state: bool = False  # in a work folder
    ahead: int = 0  # frames that wait for the statistics of colours
    vae_width: int = VAE_WIDTH
    copies: int = 0  # latents of the whole length that a host holds in memory beside the solver's

    @property
    def pixels(self) -> int:
        return math.prod(self.size)

    @property
    def window_length(self) -> int:
        return self.plan.windows[0].length

    def latents(self, frames: int, channels: int = LATENT_CHANNELS) -> int:
        """Bytes of [1 channels frames h/8 w/8]."""
        return FLOAT * channels * frames * (self.pixels // SPATIAL**2)

    @property
    def whole(self) -> int:
        return self.latents(self.plan.latent_frames)

    @property
    def condition(self) -> int:
        return self.latents(self.window_length, PICTURE_CHANNELS - LATENT_CHANNELS)

    @property
    def cached(self) -> int:
        return self.velocities * self.latents(self.window_length)

    @property
    def tokens(self) -> int:
        """That one forward sees."""
        return self.window_length * self.pixels // (4 * SPATIAL**2)

    @property
    def state(self) -> int:
        """Bytes of the file in the work folder."""
        return STATE_LATENTS * self.whole + self.cached if self.keeps_state else 0

    @property
    def work(self) -> int:
        """Bytes that the work folder takes: a new state is written before the old one goes."""
        return 2 * self.state + self.conditions_on_disk * self.conditions * self.condition


@dataclass(frozen=True)
class Part:
    what: str
    place: str  # MEMORY or GPU
    stage: str | None  # None: held all the while
    size: int  # bytes
    grows_with: tuple[str, ...]


def forward_bytes(config: WanConfig, tokens: int, itemsize: int) -> int:
    """Activations of one forward of a Wan backbone, without weights, with attention that never holds n x n."""
    feed_forward = (FEED_FORWARD * config.ffn_dim + TOKENS * config.dim) * itemsize
    rotation = (ROTATED * itemsize + ROTATED_FLOAT * FLOAT * (itemsize < FLOAT)) * config.dim
    angles = FLOAT * config.head_dim  # complex64, for half of a head's width
    latent = (
        3 * FLOAT * 4 * config.in_dim
    )  # a token's 2 x 2 patch as it came, joined, and in the network's dtype
    context = CONTEXT_TENSORS * CONTEXT_TOKENS * config.dim * itemsize
    return tokens * (max(feed_forward, rotation) + angles + latent) + context


def parts(making: Making, decodes: bool = True) -> list[Part]:
    """Everything that is held, and where; `decodes` is false where somebody else makes frames of the latents."""
    device = GPU if making.on_gpu else MEMORY
    in_memory = 1 if making.conditions_on_disk else making.conditions
    return [
        Part("the windows' conditions", MEMORY, None, in_memory * making.condition, (VOICE, PICTURE)),
        Part("the latents of the whole video", MEMORY, None, making.copies * making.whole, (VOICE, PICTURE)),
        *_encoding(making, device),
        *_sampling(making, device),
        *(_decoding(making, device) if decodes else []),
    ]


def _encoding(making: Making, device: str) -> list[Part]:
    tokens = HEARD_TENSORS * HEARD_AT_ONCE + TOKEN_RATE * int(making.seconds)
    voice = HEARD_COPIES * SAMPLE_RATE * int(making.seconds) + tokens * making.voice_width
    window = FLOAT * FRAME_CHANNELS * making.pixels * frames_of(making.window_length)
    found = [Part("the voice", MEMORY, "voice", SPECTRUM + FLOAT * voice, (VOICE,))] if making.seconds else []
    if not making.conditions:
        return found
    encoder = _vae(making, ENCODER_NUMBERS) + making.on_gpu * window
    return [
        *found,
        Part("a window's frames", MEMORY, "conditions", WINDOW_PIXELS * window, (WINDOW, PICTURE)),
        Part("the VAE's encoder", device, "conditions", encoder, (PICTURE,)),
    ]


def _sampling(making: Making, device: str) -> list[Part]:
    """A step, and after it the writing of the state, which is copied for that."""
    grows = VOICE, PICTURE
    forward = forward_bytes(making.config, making.tokens, making.itemsize)
    forward += WINDOW_LATENTS * making.latents(making.window_length)
    brought = STATE_LATENTS * making.whole if making.on_gpu and making.keeps_state else 0
    return [
        Part("the latents of the whole video", device, "sampling", SOLVER_LATENTS * making.whole, grows),
        Part("a forward of the model", device, "sampling", forward, (WINDOW, PICTURE)),
        Part("what TeaCache holds", MEMORY, "sampling", making.cached, grows),
        Part("the latents of the whole video", device, "keeping", STATE_LATENTS * making.whole, grows),
        Part("the state that is kept", MEMORY, "keeping", making.state + brought + making.cached, grows),
    ]


def _decoding(making: Making, device: str) -> list[Part]:
    frame = FLOAT * FRAME_CHANNELS * making.pixels
    frames = (making.ahead + FRAMES_AT_WORK) * frame + ENCODED_FRAMES * frame // FLOAT
    frames += 2 * making.ahead * STATISTICS
    return [
        Part("the latents of the whole video", device, "decoding", 3 * making.whole, (VOICE, PICTURE)),
        Part("the VAE's decoder", device, "decoding", _vae(making, DECODER_NUMBERS), (PICTURE,)),
        Part("frames on their way", MEMORY, "decoding", frames, (PICTURE,)),
    ]


def _vae(making: Making, numbers: int) -> int:
    return FLOAT * numbers * making.pixels * making.vae_width


def needed(found: Iterable[Part], place: str) -> int:
    """Bytes at the peak: what is held all the while, and the largest of the stages that follow each other."""
    here = [part for part in found if part.place == place]
    stages = {part.stage for part in here if part.stage is not None}
    held = sum(part.size for part in here if part.stage is None)
    return held + max((sum(p.size for p in here if p.stage == stage) for stage in stages), default=0)


def video_bytes(frames: int, size: tuple[int, int], lossless: bool) -> int:
    """Of the finished file, about; more than most are."""
    return int(frames * math.prod(size) * (LOSSLESS_BITS if lossless else LOSSY_BITS) / 8)


def free_memory() -> int:
    """Bytes that can be had without swapping, within the limit of a container."""
    free = psutil.virtual_memory().available
    group = Path("/sys/fs/cgroup")
    try:
        limit = int((group / "memory.max").read_text())
        used = int((group / "memory.current").read_text())
        lines = (line.split() for line in (group / "memory.stat").read_text().splitlines())
        cached = int(dict(lines)["inactive_file"])
    except (OSError, ValueError, KeyError):  # another system, or no limit
        return free
    return min(free, limit - used + cached)


def free_disk(path: Path) -> tuple[int, int]:
    """Bytes that are free where a file or folder is to be, and which file system that is."""
    existing = next(folder for folder in (path, *path.absolute().parents) if folder.exists())
    return shutil.disk_usage(existing).free, os.stat(existing).st_dev


def check_memory(found: list[Part], place: str, free: int, remedies: dict[str, str], more: int = 0) -> None:
    """Raises InputError where less is free than is needed; `more` bytes are those of weights that are still to come.
    `remedies` say what to do about PICTURE, WINDOW and VOICE."""
    total = needed(found, place) + more
    if total <= free:
        return
    largest = max((part for part in found if part.place == place), key=lambda part: part.size)
    if more > largest.size:
        most, advice = "the model's weights", "close what else uses it, or take a smaller model"
    else:
        most, advice = largest.what, ", or ".join(remedies[what] for what in largest.grows_with)
    raise InputError(
        f"This run needs about {gigabytes(total)} of {place}, most of it for {most}, and {gigabytes(free)} are free. "
        f"{advice[0].upper()}{advice[1:]}."
    )


def check_disk(wanted: Iterable[tuple[Path, int, str]]) -> None:
    """Raises InputError where a file system has not the room for all that is to be on it: (place, bytes, what to do
    where it is too small)."""
    totals: dict[int, int] = {}
    for path, size, remedy in wanted:
        free, system = free_disk(path)
        totals[system] = totals.get(system, 0) + size
        if totals[system] > free:
            raise InputError(
                f"This run needs about {gigabytes(totals[system])} of disk space at {path.absolute().parent}, and "
                f"{gigabytes(free)} are free. {remedy}."
            )


def described(found: list[Part], work: int, places: tuple[str, ...] = (MEMORY, GPU)) -> str:
    """What is needed, in words; `work` are bytes on disk."""
    sizes = [f"{gigabytes(size)} of {place}" for place in places if (size := needed(found, place))]
    return ", ".join([*sizes, *([f"{gigabytes(work)} on disk"] if work else [])])


def gigabytes(size: float) -> str:
    return f"{size / 1e9:.2g} GB" if size < 1e10 else f"{size / 1e9:.0f} GB"


class Pace:
    """How long a forward takes, on average since this was made."""

    def __init__(self) -> None:
        self.began = self.last = time.monotonic()
        self.ticks = self.left = 0

    def tick(self, done: int, planned: int) -> None:
        self.ticks, self.left, self.last = self.ticks + 1, planned - done, time.monotonic()

    @property
    def seconds(self) -> float:
        """Of one forward."""
        return (self.last - self.began) / self.ticks

    @property
    def remaining(self) -> str:
        return clock(self.seconds * self.left)


def clock(seconds: float) -> str:
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"
