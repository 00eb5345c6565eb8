"""How a run is sampled: one value, at once what a model file recommends, the command's options and a node's
fields."""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from numbers import Real
from typing import Any, get_args, get_type_hints

from ..audio.preprocessing import NO_PREPROCESSING, AudioPreprocessing
from ..errors import InputError
from ..sampling.cache import CACHE_MEMORY, CacheSettings
from ..sampling.guidance import AUDIO_SCHEDULE, TEXT_SCHEDULE, GuidanceSettings
from ..sampling.hybrid import Hybrid
from ..sampling.schedule import flow_sigmas, whole_steps
from ..sampling.solvers import SOLVERS
from ..timeline import Timeline, check_size
from ..windows import WindowSettings

logger = logging.getLogger(__name__)

SEEDS = 2**64  # of torch.Generator, and of ComfyUI
# how an edit keeps what it does not regenerate: with the masks that the model was trained with, or by putting the video
# back at every step
METHODS = ("masks", "pinned")
SECTION = "sampling"  # of a model file's metadata
# What a model file may recommend there. Old files have these names, so none of them changes.
RECOMMENDED = (
    "width", "height", "fps", "window", "overlap", "steps", "shift", "spacing", "solver", "text_guidance",
    "audio_guidance", "hybrid", "cache_threshold", "cache_coefficients", "cache", "cache_magnitudes",
)  # fmt: skip


@dataclass(frozen=True)
class Settings:
    """The defaults are those of a plain Wan model (method sections 1, 5, 6 and 7)."""

    width: int = 832  # pixels
    height: int = 480
    fps: float = 25.0
    window: int = 21  # latent frames
    overlap: int = 5  # latent frames that neighbouring windows share
    steps: int = 50
    shift: float = 5.0  # of the flow schedule
    spacing: str = "even"  # of its steps, a name of sampling.schedule.SPACINGS
    solver: str = "euler"  # a name of sampling.solvers.SOLVERS
    text_guidance: str = TEXT_SCHEDULE  # in the words of sampling.guidance.parse_schedule
    audio_guidance: str = AUDIO_SCHEDULE
    hybrid: float = 0.2  # share of the steps, 0..1, in which an edit sees the whole masked video
    cache_threshold: float | None = None  # None computes every step
    # of TeaCache, highest power first; None: the backbone's published ones
    cache_coefficients: tuple[float, ...] | None = None
    cache: str = "teacache"  # a name of sampling.cache.CACHES
    # of MagCache, at sampling.magcache.LEVELS; None: the backbone's published ones
    cache_magnitudes: tuple[float, ...] | None = None
    cache_in_a_row: int | None = None  # steps that MagCache reuses at most; None: as published
    seed: int = 0
    fusion: str = "bidirectional"  # of the windows; a name of windows.MODES
    fuse_first_step: bool = True  # False: the last window wins there, as printed in the paper
    # of the guidance, a name of sampling.guidance.RULES; None: the model family's own
    rule: str | None = None
    negative_text: str = ""  # instead of the empty prompt
    null_image: bool = False  # the null branch loses the picture too, as Eq. 3 is printed
    cache_memory: float = CACHE_MEMORY  # GiB
    colour_strength: float = 1.0  # 0..1, of the colour unification
    # an edit keeps the source's pixels outside the mask; False shows what the model made
    composite: bool = True
    hearing: AudioPreprocessing = NO_PREPROCESSING  # what is done to the voice before it is encoded
    method: str = "masks"  # of an edit; one of METHODS
    denoise: float = 1.0  # above 0..1: a pinned edit begins at this part of the schedule, from its video

    @classmethod
    def of(cls, metadata: Mapping[str, Any]) -> Settings:
        """What a model's metadata recommends. Raises InputError for a value that cannot be meant; what is out of range
        is refused by `check`."""
        stated = dict(metadata.get(SECTION) or {})
        if unknown := sorted(stated.keys() - set(RECOMMENDED)):
            logger.warning("Sampling settings that this version does not know: %s.", ", ".join(unknown))
        return cls().override(**{name: _read(name, stated[name]) for name in RECOMMENDED if name in stated})

    def override(self, **given: Any) -> Settings:
        """With other values for those that are given; None is not given, and a cache threshold of 0 is no cache.
        A pinned edit pins at every step unless a hybrid share is given."""
        values = {name: value for name, value in given.items() if value is not None}
        if values.get("method") == "pinned":
            values.setdefault("hybrid", 1.0)
        if values.get("cache_threshold") == 0:
            values["cache_threshold"] = None
        return replace(self, **values)

    def recommendation(self) -> dict[str, Any]:
        """What `of` reads, for a model's metadata."""
        return {name: getattr(self, name) for name in RECOMMENDED}

    def windows(self) -> WindowSettings:
        return WindowSettings(self.window, self.overlap, self.fusion, self.fuse_first_step)

    def check(self) -> None:
        """Raises InputError for what no run can use; it needs no model and is meant to come first."""
        check_size(self.width, self.height, "video to generate")
        Timeline(1, self.fps)
        GuidanceSettings(self.audio_guidance, self.text_guidance, self.rule)
        Hybrid(flow_sigmas(self.steps, self.shift, self.spacing).tolist(), self.hybrid)
        self._check_method()
        self.windows()
        CacheSettings(self.cache_threshold or 0.0, self.cache_memory, self.cache, self.cache_in_a_row)
        if self.solver not in SOLVERS:
            raise InputError(f"The solver {self.solver!r} is unknown; use one of {', '.join(SOLVERS)}.")
        if not 0 <= self.colour_strength <= 1:
            raise InputError(
                f"The colour strength is {self.colour_strength}; give a number from 0 (off) to 1 (full)."
            )

    def _check_method(self) -> None:
        if self.method not in METHODS:
            raise InputError(
                f"The editing method {self.method!r} is unknown; use one of {', '.join(METHODS)}."
            )
        whole_steps(self.steps, self.denoise)
        if self.denoise < 1 and self.method != "pinned":
            raise InputError(
                f"The denoise strength is {self.denoise:g}, which only pinned editing has. Edit with --editing pinned "
                '(in Python method="pinned"), or leave the strength out.'
            )


WAN = Settings()
NAMES = tuple(field.name for field in fields(Settings))
TYPES = get_type_hints(Settings)


def in_type(value: Any, hint: Any) -> Any:
    """A value in a type that the hint names: 8.0 is the integer 8, and a number in an array of no dimensions is a
    number. Raises TypeError for what cannot be meant, such as "8" or True for a number."""
    kinds = get_args(hint) or (hint,)
    if getattr(value, "ndim", None) == 0:
        value = value.item()
    if any(kind in kinds and isinstance(value, kind) for kind in (bool, str)):
        return value
    if isinstance(value, Real) and not isinstance(value, bool):
        number = value if isinstance(value, int) else float(value)
        if float in kinds:
            return number
        if int in kinds and number % 1 == 0:
            return int(number)
    raise TypeError(f"{type(value).__name__} is none of {kinds}")


def _read(name: str, value: Any) -> Any:
    """A value of a model's metadata. Raises InputError for one of another type."""
    if value is None and type(None) in get_args(TYPES[name]):
        return value
    try:
        if name in ("cache_coefficients", "cache_magnitudes"):
            return _finite_numbers(value)
        kept = in_type(value, TYPES[name])
        return kept if isinstance(kept, str) else _finite_numbers([kept])[0]
    except (TypeError, OverflowError) as error:
        raise InputError(
            f"Invalid value in the model's sampling metadata: {name} = {value!r}. Give another model, or save this "
            "one again with a valid value."
        ) from error


def _finite_numbers(values: Any) -> tuple[float, ...]:
    if not (
        isinstance(values, list) and values and all(math.isfinite(in_type(item, float)) for item in values)
    ):
        raise TypeError("these are no finite numbers")
    return tuple(values)
