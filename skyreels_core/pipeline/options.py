"""What a run is asked to do, and the refusal of what it cannot do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from ..errors import InputError
from ..media.sound import Audio
from ..model.bundle import Bundle
from ..run.resume import WorkFolder
from ..run.settings import Settings
from .result import Report

LONGEST_VOICE = 3600  # seconds

# (stage, done, planned, what was done); stages are "conditions", "sampling" and "decoding"
Progress = Callable[[str, int, int, str], None]


@dataclass(frozen=True)
class Run:
    """One run: the models, what is asked, and where it reports."""

    bundle: Bundle
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


def check_voice(audio: Audio) -> None:
    if audio.seconds > LONGEST_VOICE:
        raise InputError(
            f"The voice lasts {audio.seconds / 60:.0f} minutes; up to {LONGEST_VOICE // 60} minutes can be "
            "generated in one run. Split it into parts."
        )


def check_models(bundle: Bundle) -> None:
    """Raises InputError for parts that do not belong together."""
    if bundle.adapter is None:
        raise InputError(
            "The model has no audio layers, so it cannot use the voice. Give a SkyReels-Audio model, or "
            "a backbone with its audio layers (--backbone and --audio-layers)."
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
