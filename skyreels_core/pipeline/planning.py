"""What an animation or an edit will be, decided before a model is loaded."""

from __future__ import annotations

from torch import Tensor

from ..conditioning.crop import crop_size
from ..conditioning.fitting import Length, Shape, fit_length, keep_shape, shaped_size
from ..errors import InputError, naming
from ..media.footage import Footage
from ..media.sound import Audio
from ..model.bundle import Bundle
from ..run.plan import ModelFacts, RunPlan
from ..run.settings import Settings
from ..timeline import Timeline, check_size

LONGEST_VOICE = 3600  # seconds


def plan_animation(
    settings: Settings, model: ModelFacts, audio: Audio, picture: Tensor | None, fit: Shape = "keep_shape"
) -> RunPlan:
    """As long as the voice; of about the settings' size, in the shape of a picture [h w 3] unless `fit` says otherwise.

    Raises InputError for a voice or a picture that no video can be made of.
    """
    check_voice(audio)
    timeline = Timeline.from_seconds(audio.seconds, settings.fps)
    shown = picture if model.config.takes_picture else None
    size, lines = shaped_size(shown, settings.width, settings.height, fit)
    return RunPlan.of(settings, model, timeline, size, "animation", lines)


def plan_edit(
    settings: Settings,
    model: ModelFacts,
    video: Footage,
    audio: Audio,
    length: Length = "shortest",
    crop: str | None = None,
) -> RunPlan:
    """At the video's frame rate; of about the settings' area, in the video's shape or in that of a face crop.

    Raises InputError for a voice, a video or a model that no edit can be made with.
    """
    check_voice(audio)
    with naming(getattr(video, "path", None)):
        check_size(*video.size, "video to edit")
    if not model.config.takes_picture and settings.method == "masks":
        raise InputError(
            "This backbone takes no picture (16 input channels), so it cannot edit a video with masks. Give a model "
            "with 36 input channels, or edit with --editing pinned."
        )
    spoken = Timeline.from_seconds(audio.seconds, video.fps).frames
    timeline, lines = fit_length(len(video), spoken, video.fps, length)
    width, height = video.size
    area = settings.width, settings.height
    size = keep_shape(video.size, *area) if crop is None else crop_size(crop, *area)
    if size != video.size:
        lines.append(f"The model works at {size[0]}x{size[1]}, the video keeps {width}x{height}.")
    return RunPlan.of(settings.override(fps=video.fps), model, timeline, size, "edit", lines)


def facts_of(bundle: Bundle) -> ModelFacts:
    return ModelFacts(
        bundle.model.config,
        bundle.model.patch_embedding.weight.dtype,
        voice_width=bundle.whisper.width,
        vae_width=bundle.vae.network.config["base_dim"],
    )


def checked_settings(bundle: Bundle, settings: Settings | None) -> Settings:
    """Those that are given, or those that the model recommends. Raises InputError for what no run can use."""
    settings = settings or Settings.of(bundle.metadata)
    settings.check()
    return settings


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
