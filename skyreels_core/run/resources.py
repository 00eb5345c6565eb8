"""Whether a run will fit: the memory and disk space that it needs, estimated from its plan before it begins.

Bytes are counted from shapes. The constants below say how many tensors of a shape live at once where it is most;
tests count them in real runs.
"""

from __future__ import annotations

import math
import os
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import psutil

from ..errors import InputError
from ..media.unify import frames_ahead
from ..model.config import BLOCK_NUMBERS, LATENT_CHANNELS, PICTURE_CHANNELS, WanConfig
from ..timeline import SAMPLE_RATE, SPATIAL, TOKEN_RATE, frames_of
from .plan import RunPlan

FLOAT = 4  # bytes of a float32
SOLVER_LATENTS = 7  # x, its prediction, the one before, and what a step of second order makes in between
PINNED_LATENTS = 2  # the first noise, and x as the windows of a pinned edit see it
STATE_LATENTS = 2  # x and its prediction, which a run state keeps
WINDOW_LATENTS = 8  # of one window: its part of x, the predictions of its branches, their sum
WINDOW_PIXELS = 6  # float32 videos of one window: read, stacked, in -1..1, masked, moved
# of the VAE, for a pixel and a channel of its first layer, at the peak
ENCODER_NUMBERS = 39
DECODER_NUMBERS = 54
FEED_FORWARD, TOKENS = 2, 5  # inner and outer tensors of a block at its feed-forward layer
ROTATED, ROTATED_FLOAT = 5, 3  # tensors at the norm and rotation of the keys; those beside them in float32
HEARD_AT_ONCE, HEARD_TENSORS = 1500, 16  # tokens of the speech encoder, tensors of its width
HEARD_COPIES, SPECTRUM = 3, 16_000_000  # of the whole voice at 16 kHz; bytes of 30 s as a spectrum
CONTEXT_TOKENS, CONTEXT_TENSORS = 1024, 4  # text and picture, as they pass through their projections
FRAME_CHANNELS = 3
FRAMES_AT_WORK = 16  # beside those that wait for the statistics of colours
STATISTICS = 50_000  # bytes of a frame's statistics, kept for those that wait and as many before them
ENCODED_FRAMES = 60  # that a video encoder looks ahead, 8 bits a channel
LOSSY_BITS, LOSSLESS_BITS = 1.0, 12.0  # of a pixel in the file, generously

MEMORY, GPU = "memory", "GPU memory"
WEIGHTS_REMEDY = (
    "close other programs that use it, keep the weights in fp8 (--weights-dtype fp8) or in system memory (--offload "
    "group), or use a smaller model"
)
PICTURE, WINDOW, VOICE = "picture", "window", "voice"  # what a part grows with


@dataclass(frozen=True)
class Part:
    what: str
    place: str  # MEMORY or GPU
    stage: str | None  # None: held all the while
    size: int  # bytes
    grows_with: tuple[str, ...]


@dataclass(frozen=True)
class Needs:
    """What a plan takes where it is carried out."""

    plan: RunPlan
    on_gpu: bool
    keeps_state: bool = False  # on disk
    conditions_on_disk: bool = False
    decodes: bool = True  # False: somebody else makes frames of the latents
    copies: int = 0  # latents of the whole length that a host holds in memory beside the solver's

    @property
    def pixels(self) -> int:
        return math.prod(self.plan.size)

    def latents(self, frames: int, channels: int = LATENT_CHANNELS) -> int:
        """Bytes of [1 channels frames h/8 w/8]."""
        return FLOAT * channels * frames * (self.pixels // SPATIAL**2)

    @property
    def whole(self) -> int:
        return self.latents(self.plan.windows.latent_frames)

    @property
    def window(self) -> int:
        return self.latents(self.plan.window_length)

    @property
    def conditions(self) -> int:
        """Different ones that windows are shown."""
        plan = self.plan
        if not plan.model.config.takes_picture and not plan.is_pinned:
            return 0
        shown = len(plan.windows.windows) * len(plan.variants) if plan.task == "edit" else 1
        return shown + plan.settings.null_image

    @property
    def condition(self) -> int:
        return self.latents(self.plan.window_length, PICTURE_CHANNELS - LATENT_CHANNELS)

    @property
    def cached(self) -> int:
        return self.plan.velocities * self.window

    @property
    def tokens(self) -> int:
        """That one forward sees."""
        return self.plan.window_length * self.pixels // (4 * SPATIAL**2)

    @property
    def ahead(self) -> int:
        """Frames that wait for the statistics of colours."""
        return frames_ahead(self.plan.timeline.fps) if self.plan.settings.colour_strength else 0

    @property
    def state(self) -> int:
        """Bytes of the file with the state."""
        return STATE_LATENTS * self.whole + self.cached if self.keeps_state else 0

    @property
    def decoded(self) -> int:
        """Latents whose decoding begins at once."""
        return min(self.whole, FLOAT * LATENT_CHANNELS * BLOCK_NUMBERS)

    @property
    def work(self) -> int:
        """Bytes on disk: a new state is written before the old one goes; a pinned edit keeps its noise there."""
        noise = self.whole if self.keeps_state and self.plan.is_pinned else 0
        return 2 * self.state + noise + self.conditions_on_disk * self.conditions * self.condition

    def parts(self) -> list[Part]:
        """Everything that is held, and where."""
        in_memory = 1 if self.conditions_on_disk else self.conditions
        return [
            Part("the windows' conditioning", MEMORY, None, in_memory * self.condition, (VOICE, PICTURE)),
            Part("the latents of the whole video", MEMORY, None, self.copies * self.whole, (VOICE, PICTURE)),
            *_voice(self.plan),
            *_conditions(self),
            *_sampling(self),
            *(_decoding(self) if self.decodes else []),
        ]


def forward_bytes(config: WanConfig, tokens: int, itemsize: int) -> int:
    """Activations of one forward of a Wan backbone, without weights, with attention that never holds n x n."""
    feed_forward = (FEED_FORWARD * config.ffn_dim + TOKENS * config.dim) * itemsize
    rotation = (ROTATED * itemsize + ROTATED_FLOAT * FLOAT) * config.dim
    angles = 2 * FLOAT * config.head_dim
    # a token's 2 x 2 patch as it came, joined, and in the network's dtype
    latent = 3 * FLOAT * 4 * config.in_dim
    context = CONTEXT_TENSORS * CONTEXT_TOKENS * config.dim * itemsize
    return tokens * (max(feed_forward, rotation) + angles + latent) + context


def _voice(plan: RunPlan) -> list[Part]:
    if not plan.model.voice_width:
        return []
    seconds = int(plan.timeline.seconds)
    tokens = HEARD_TENSORS * HEARD_AT_ONCE + TOKEN_RATE * seconds
    voice = HEARD_COPIES * SAMPLE_RATE * seconds + tokens * plan.model.voice_width
    return [Part("the voice", MEMORY, "voice", SPECTRUM + FLOAT * voice, (VOICE,))]


def _conditions(needs: Needs) -> list[Part]:
    if not needs.conditions:
        return []
    window = FLOAT * FRAME_CHANNELS * needs.pixels * frames_of(needs.plan.window_length)
    encoder = _vae(needs, ENCODER_NUMBERS) + needs.on_gpu * window
    return [
        Part("a window's frames", MEMORY, "conditions", WINDOW_PIXELS * window, (WINDOW, PICTURE)),
        Part("the VAE's encoder", _device(needs), "conditions", encoder, (PICTURE,)),
    ]


def _sampling(needs: Needs) -> list[Part]:
    """A step, and after it the writing of the state, which is copied for that."""
    device, grows, model = _device(needs), (VOICE, PICTURE), needs.plan.model
    forward = forward_bytes(model.config, needs.tokens, model.dtype.itemsize) + WINDOW_LATENTS * needs.window
    solver = SOLVER_LATENTS + PINNED_LATENTS * needs.plan.is_pinned
    brought = STATE_LATENTS * needs.whole if needs.on_gpu and needs.keeps_state else 0
    return [
        Part("the latents of the whole video", device, "sampling", solver * needs.whole, grows),
        Part("a forward pass of the model", device, "sampling", forward, (WINDOW, PICTURE)),
        Part("the cache", MEMORY, "sampling", needs.cached, grows),
        Part("the latents of the whole video", device, "keeping", STATE_LATENTS * needs.whole, grows),
        Part("the run state", MEMORY, "keeping", needs.state + brought + needs.cached, grows),
    ]


def _decoding(needs: Needs) -> list[Part]:
    device, frame = _device(needs), FLOAT * FRAME_CHANNELS * needs.pixels
    frames = (needs.ahead + FRAMES_AT_WORK) * frame + ENCODED_FRAMES * frame // FLOAT
    frames += 2 * needs.ahead * STATISTICS
    held = 0 if needs.keeps_state else needs.whole  # with a run state they lie on its disk
    return [
        Part(
            "the latents of the whole video", device, "decoding", held + 2 * needs.decoded, (VOICE, PICTURE)
        ),
        Part("the VAE's decoder", device, "decoding", _vae(needs, DECODER_NUMBERS), (PICTURE,)),
        Part("decoded frames", MEMORY, "decoding", frames, (PICTURE,)),
    ]


def _vae(needs: Needs, numbers: int) -> int:
    return FLOAT * numbers * needs.pixels * needs.plan.model.vae_width


def _device(needs: Needs) -> str:
    return GPU if needs.on_gpu else MEMORY


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


def check_needs(
    needs: Needs,
    free: Mapping[str, int],
    remedies: Mapping[str, str],
    disks: Iterable[tuple[Path, int, str]] = (),
    weights: Mapping[str, int] | None = None,
) -> str:
    """What a run needs, in words. Raises InputError where memory or disk space will not do.

    free: bytes by place, of MEMORY and GPU those that are checked; remedies: what to do about PICTURE, WINDOW and
    VOICE; disks: for `check_disk`; weights: bytes by place that are still to be loaded.
    """
    parts = needs.parts()
    for place, there in free.items():
        check_memory(parts, place, there, remedies, (weights or {}).get(place, 0))
    check_disk(disks)
    return described(parts, needs.work, tuple(free))


def check_memory(
    found: list[Part], place: str, free: int, remedies: Mapping[str, str], more: int = 0
) -> None:
    """Raises InputError where less is free than is needed; `more` bytes are those of weights that are still to come.
    `remedies` say what to do about PICTURE, WINDOW and VOICE."""
    total = needed(found, place) + more
    if total <= free:
        return
    largest = max((part for part in found if part.place == place), key=lambda part: part.size)
    if more > largest.size:
        most, advice = "the model's weights", WEIGHTS_REMEDY
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


def described(found: list[Part], work: int, places: tuple[str, ...]) -> str:
    """What is needed, in words; `work` are bytes on disk."""
    sizes = [f"{gigabytes(size)} of {place}" for place in places if (size := needed(found, place))]
    return ", ".join([*sizes, *([f"{gigabytes(work)} on disk"] if work else [])])


def gigabytes(size: float) -> str:
    return f"{size / 1e9:.2g} GB" if size < 1e10 else f"{size / 1e9:.0f} GB"
