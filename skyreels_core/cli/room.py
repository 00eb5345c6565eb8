"""Whether memory and disks have the room that a run needs, before anything heavy is loaded."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path

from ..conditioning.fitting import fit_size
from ..model.bundle import CLIP_VISION, MODEL, TEXT_ENCODER, VAE, WHISPER
from ..model.checkpoint import describe, read_header
from ..model.vae import WIDTH_KEY
from ..pipeline.room import WORK_REMEDY, check_places, making_of, space_held
from ..run.resources import FLOAT, VAE_WIDTH, Making, check_disk, parts, video_bytes
from ..timeline import Timeline
from ..windows import WindowPlan
from .choices import ModelChoice
from .work import work_path

OUTPUT_REMEDY = "Free disk space there, or write the video to another disk (-o)"
IN_BUNDLE = {
    "backbone": MODEL, "vae": VAE, "text_encoder": TEXT_ENCODER, "whisper": WHISPER, "clip_vision": CLIP_VISION,
}  # fmt: skip
ON_DEVICE = ("backbone", "audio_layers")  # in the dtype of the run, as the VAE is in float32
ENCODERS = ("text_encoder", "whisper", "clip_vision")  # on the CPU, in float32


def check_room(
    args: Namespace,
    choice: ModelChoice,
    timeline: Timeline,
    size: tuple[int, int] | None = None,
) -> None:
    """`size`: width and height of the video that is edited. Raises InputError, with the numbers."""
    files = choice.files or {part: choice.folder / name for part, name in IN_BUNDLE.items()}
    numbers = {part: numbers_in(path) for part, path in files.items()}
    making = what_is_made(choice, timeline, files, editing=size is not None)
    on_device = choice.dtype.itemsize * sum(numbers.get(part, 0) for part in ON_DEVICE)
    on_device += FLOAT * numbers["vae"]
    encoders = FLOAT * sum(numbers.get(part, 0) for part in ENCODERS)
    check_places(parts(making), choice.device, encoders, on_device)
    work = work_path(args)
    check_disk([
        (work, making.work - space_held(work), WORK_REMEDY),
        (args.output, video_bytes(timeline.frames, size or making.size, args.lossless), OUTPUT_REMEDY),
    ])  # fmt: skip


def what_is_made(
    choice: ModelChoice, timeline: Timeline, files: dict[str, Path], editing: bool
) -> Making:
    settings, backbone = choice.settings, describe(files["backbone"])
    audio = describe(files["audio_layers"]).audio if "audio_layers" in files else backbone.audio
    vae = {} if files["vae"].is_dir() else read_header(files["vae"]).shapes
    return making_of(
        settings,
        WindowPlan.plan(timeline.latent_frames, settings.window, settings.overlap, settings.fusion),
        fit_size(settings.width, settings.height)[0], backbone.config, choice.dtype, choice.device, editing,
        keeps_state=True, vae_width=vae.get(WIDTH_KEY, [VAE_WIDTH])[0],
        voice=(timeline.seconds, 0 if audio is None else audio.width),
    )  # fmt: skip


def numbers_in(path: Path) -> int:
    """How many a file of weights holds, or all files of a folder."""
    files = sorted(path.glob("*.safetensors")) if path.is_dir() else [path] if path.is_file() else []
    return sum(read_header(file).parameters for file in files)
