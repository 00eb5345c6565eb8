"""What the options ask for: a model, checked by its header first and loaded later, and how it is sampled."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import torch

from .. import assets
from ..audio.hearing import Hearing
from ..errors import InputError
from ..model.bundle import MODEL, Bundle, load_bundle
from ..model.checkpoint import identify, load_model
from ..model.clip_vision import load_clip_vision
from ..model.detection import BACKBONES, VOICED
from ..model.text import load_text_encoder
from ..model.vae import load_vae
from ..model.whisper import load_whisper
from ..run.settings import NAMES, Settings
from ..weights.signatures import Kind

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}
PARTS: dict[str, tuple[Collection[Kind], str]] = {
    "backbone": (BACKBONES, "a video model is"),
    "audio_layers": (VOICED, "audio layers are"),
    "vae": (("vae",), "a Wan 2.1 VAE is"),
    "text_encoder": (("umt5",), "a UMT5 text encoder is"),
    "whisper": (("whisper",), "a Whisper encoder is"),
}
NEEDED = ("backbone", "vae", "text_encoder", "whisper")


@dataclass(frozen=True)
class ModelChoice:
    folder: Path  # of a bundle, where no files are named
    files: dict[str, Path]  # by part
    settings: Settings
    device: torch.device
    dtype: torch.dtype

    def load(self) -> Bundle:
        """Backbone, audio layers and VAE on the device; the encoders, which run once, on the CPU."""
        bundle = self._load_files() if self.files else load_bundle(self.folder)
        bundle.model.to(self.device, self.dtype)
        if bundle.adapter is not None:
            bundle.adapter.to(self.device, self.dtype)
        bundle.vae.to(self.device)
        return bundle

    def _load_files(self) -> Bundle:
        files = self.files
        model, adapter, metadata = load_model(
            files["backbone"], files.get("audio_layers"), self.dtype, self.device
        )
        return Bundle(
            model=model,
            adapter=adapter,
            vae=load_vae(files["vae"]),
            text_encoder=load_text_encoder(files["text_encoder"]),
            whisper=load_whisper(files["whisper"]),
            clip_vision=load_clip_vision(files["clip_vision"]) if "clip_vision" in files else None,
            metadata=metadata,
        )


def choose(args: Namespace) -> ModelChoice:
    """What the options ask for, once the headers of all files have been read; nothing heavy is loaded.

    Raises InputError for files that are missing or something else, and for options that cannot be used.
    """
    device, dtype = choose_device(args)
    files = {part: path for part in (*PARTS, "clip_vision") if (path := getattr(args, part)) is not None}
    if files and args.model is not None:
        raise InputError("A folder (--model) and single files of a model were given; give one or the other.")
    folder = args.model or assets.model()
    headers = (
        check_files(files) if files else [identify(folder / MODEL, BACKBONES, "a video model is")[0].config]
    )
    metadata = {section: value for header in headers for section, value in header.items()}
    settings = Settings.of(metadata).override(**given_settings(args))
    settings.check()
    return ModelChoice(folder, files, settings, device, dtype)


def check_files(files: dict[str, Path]) -> list[dict]:
    if missing := [f"--{part.replace('_', '-')}" for part in NEEDED if part not in files]:
        raise InputError(
            f"A model of single files lacks {', '.join(missing)}; give them all, or a folder with --model."
        )
    headers = {
        part: identify(files[part], *PARTS[part])[0].config
        for part in PARTS
        if part in files and not files[part].is_dir()
    }
    return [headers[part] for part in ("backbone", "audio_layers") if part in headers]


def choose_device(args: Namespace) -> tuple[torch.device, torch.dtype]:
    try:
        device = torch.device(args.device or ("cuda" if torch.cuda.is_available() else "cpu"))
        torch.zeros(1, device=device).item()  # a device without memory of its own fails here, not later
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0].split(". ")[0].rstrip(".")
        raise InputError(f"The device {args.device!r} cannot be used ({reason}). Try cpu or cuda.") from error
    name = args.dtype or ("float32" if device.type == "cpu" else "bfloat16")
    if name not in DTYPES:
        raise InputError(f"The dtype {name!r} is unknown; use one of {', '.join(DTYPES)}.")
    return device, DTYPES[name]


def given_settings(args: Namespace) -> dict[str, object]:
    return {
        **{name: value for name, value in vars(args).items() if name in NAMES},
        "cache_threshold": args.tea_cache,
        "cache_memory": args.tea_cache_memory,
        "hearing": Hearing(getattr(args, "voice_gate", None), getattr(args, "loudness", None)),
    }
