"""What a run is asked to do, and the refusal of what it cannot do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from ..audio.hearing import AS_IT_IS, Hearing
from ..errors import InputError
from ..media.sound import Audio
from ..model.bundle import Bundle
from ..model.preset import SamplingPreset
from ..run.resume import WorkFolder
from ..sampling.cache import CACHE_MEMORY, CacheSettings
from ..sampling.guidance import parse_schedule
from ..sampling.hybrid import Hybrid
from ..sampling.schedule import flow_sigmas
from ..sampling.solvers import SOLVERS
from ..timeline import LARGEST_SIDE, SMALLEST_SIDE, Timeline
from ..windows import WindowPlan
from .result import Report

LONGEST_VOICE = 3600  # seconds

# (stage, done, planned, what was done); stages are "conditions", "sampling" and "decoding"
Progress = Callable[[str, int, int, str], None]


@dataclass(frozen=True)
class Settings:
    """What no model file recommends."""

    seed: int = 0
    fusion: str = "bidirectional"  # of the windows; a name of windows.MODES
    negative_text: str = ""  # in the place of the empty prompt
    null_image: bool = False  # the null branch loses the picture too, as Eq. 3 is printed
    cache_memory: float = CACHE_MEMORY  # GiB, of TeaCache
    colour_strength: float = 1.0  # 0..1, of the colour unification
    composite: bool = (
        True  # an edit keeps the source's own pixels outside the mask; False shows what the model made
    )
    hearing: Hearing = AS_IT_IS  # what is done to the voice before it is encoded


DEFAULTS = Settings()


@dataclass(frozen=True)
class Run:
    """One run: the models, what is asked, and where it reports."""

    bundle: Bundle
    preset: SamplingPreset
    settings: Settings
    progress: Progress | None = None
    check_cancel: Callable[[], None] | None = None  # raises to cancel
    report: Report = field(default_factory=Report)
    work: WorkFolder | None = None  # where the run keeps its state; without one a kill loses it

    def advance(self, stage: str, done: int, planned: int, what: str = "") -> None:
        if self.progress is not None:
            self.progress(stage, done, planned, what)

    def ask_to_go_on(self) -> None:
        if self.check_cancel is not None:
            self.check_cancel()


def check_options(preset: SamplingPreset, settings: Settings) -> None:
    """Raises InputError for options that no run can use; it needs no model and is meant to come first."""
    check_size(preset.width, preset.height, "video to be made")
    Timeline(1, preset.fps)
    parse_schedule(preset.text_guidance)
    parse_schedule(preset.audio_guidance)
    Hybrid(flow_sigmas(preset.steps, preset.shift, preset.spacing), preset.hybrid)
    WindowPlan.plan(1, preset.window, preset.overlap, settings.fusion)
    CacheSettings(preset.cache_threshold or 0.0, settings.cache_memory)
    if preset.solver not in SOLVERS:
        raise InputError(f"The solver {preset.solver!r} is unknown; use one of {', '.join(SOLVERS)}.")
    if not 0 <= settings.colour_strength <= 1:
        raise InputError(
            f"The colour strength is {settings.colour_strength}; give a number from 0, off, to 1, whole."
        )


def check_size(width: int, height: int, what: str) -> None:
    if min(width, height) < SMALLEST_SIDE or max(width, height) > LARGEST_SIDE:
        raise InputError(
            f"The {what} is {width}x{height} pixels; sides of {SMALLEST_SIDE} to {LARGEST_SIDE} pixels are "
            "possible. Scale it, or choose another width and height."
        )


def check_voice(audio: Audio) -> None:
    if audio.seconds > LONGEST_VOICE:
        raise InputError(
            f"The voice lasts {audio.seconds / 60:.0f} minutes; up to {LONGEST_VOICE // 60} minutes can be "
            "made in one run. Cut it into parts."
        )


def check_models(bundle: Bundle) -> None:
    """Raises InputError for parts that do not belong together."""
    if bundle.adapter is None:
        raise InputError(
            "The model has no audio layers, so it cannot hear. Give a SkyReels-Audio model, or a backbone "
            "with its audio layers (--backbone and --audio-layers)."
        )
    pairs = (
        ("Whisper encoder", bundle.whisper.width, bundle.adapter.config.width),
        ("text encoder", bundle.text_encoder.width, bundle.model.config.text_dim),
    )
    for what, given, needed in pairs:
        if given != needed:
            raise InputError(
                f"The {what} gives tokens of width {given}, the model reads width {needed}. Give the {what} "
                "that this model was trained with."
            )
