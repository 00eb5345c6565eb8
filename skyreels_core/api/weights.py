"""Which files a model is read from, checked by their headers first and loaded later."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from .. import assets
from ..errors import InputError
from ..model.attention_kernels import AUTO, attention_kernel
from ..model.bundle import CLIP_VISION, MODEL, TEXT_ENCODER, VAE, WHISPER, Bundle, Networks, load_bundle
from ..model.checkpoint import PLANNING, identify, load_model
from ..model.clip_vision import load_clip_vision
from ..model.detection import BACKBONES, VOICED
from ..model.execution import AS_LOADED, Execution, NetworkBytes
from ..model.lora import read_loras
from ..model.text import load_text_encoder
from ..model.vae import WIDTH_KEY, load_vae
from ..model.whisper import load_whisper
from ..parallel.devices import Devices
from ..pipeline.dealt import Workers
from ..pipeline.worker import ModelSpec
from ..run.plan import VAE_WIDTH, ModelFacts
from ..weights.header import Header, Headers
from ..weights.lora import Lora, with_calibrations
from ..weights.signatures import Kind

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}
PARTS: dict[str, tuple[Collection[Kind], str]] = {
    "backbone": (BACKBONES, "a video model is"),
    "audio_layers": (VOICED, "audio layers are"),
    "vae": (("vae",), "a Wan 2.1 VAE is"),
    "text_encoder": (("umt5",), "a UMT5 text encoder is"),
    "whisper": (("whisper",), "a Whisper encoder is"),
}
MODEL_PARTS = ("backbone", "audio_layers")  # that are files, never folders
FILES = (*PARTS, "clip_vision")
NEEDED = ("backbone", "vae", "text_encoder", "whisper")
IN_BUNDLE = {
    "backbone": MODEL, "vae": VAE, "text_encoder": TEXT_ENCODER, "whisper": WHISPER, "clip_vision": CLIP_VISION,
}  # fmt: skip


@dataclass(frozen=True)
class ModelFiles:
    """The files of a model, and where it is loaded."""

    folder: Path | None  # of a bundle, where no files are named
    files: dict[str, Path]  # by part
    device: torch.device
    facts: ModelFacts
    metadata: dict[str, Any]  # the sections of backbone and audio layers
    headers: Headers
    devices: Devices | None = None  # that the forward passes are dealt to
    execution: Execution = AS_LOADED
    loras: tuple[Lora, ...] = ()

    def load(self) -> Bundle:
        """Backbone, audio layers and VAE on the device; the encoders, which run once, on the CPU."""
        bundle = (
            self._load_files()
            if self.folder is None
            else load_bundle(self.folder, self.headers, load=self._networks)
        )
        bundle.vae.to(self.device)
        return replace(bundle, execution=self.execution)

    def start_workers(self) -> Workers | None:
        """Those that the devices ask for, which begin to load the model."""
        if self.devices is None:
            return None
        spec = ModelSpec(
            self.files["backbone"], self.files.get("audio_layers"), self.facts.dtype, torch.get_num_threads(),
            self.execution, self.devices.sequence, self.loras,
        )  # fmt: skip
        workers = Workers(self.devices, spec)
        workers.pool.start()
        return workers

    def _networks(self, backbone: Path) -> Networks:
        """With workers, which have them, only what the run is planned with."""
        audio, dtype, read = self.files.get("audio_layers"), self.facts.dtype, self.headers
        if self.devices is not None:
            return load_model(backbone, audio, dtype, read=read, only=PLANNING, loras=self.loras)
        return self.execution.load(backbone, audio, dtype, self.device, read, self.loras)

    def _load_files(self) -> Bundle:
        files, read = self.files, self.headers
        model, adapter, metadata = self._networks(files["backbone"])
        return Bundle(
            model=model,
            adapter=adapter,
            vae=load_vae(files["vae"], read),
            text_encoder=load_text_encoder(files["text_encoder"], read=read),
            whisper=load_whisper(files["whisper"], read),
            clip_vision=load_clip_vision(files["clip_vision"]) if "clip_vision" in files else None,
            metadata=metadata,
        )

    def numbers(self, part: str) -> int:
        """How many the weights of a part are."""
        return sum(header.parameters for header in self._headers_of(part))

    def network_bytes(self) -> NetworkBytes:
        """Of backbone and audio layers, once they are loaded."""
        headers = [header for part in MODEL_PARTS for header in self._headers_of(part)]
        return NetworkBytes.of(headers, self.facts.dtype.itemsize, self.execution)

    def _headers_of(self, part: str) -> list[Header]:
        path = self.files.get(part)
        if path is None:
            return []
        files = sorted(path.glob("*.safetensors")) if path.is_dir() else [path] if path.is_file() else []
        return [self.headers(file) for file in files]


def find_model(
    folder: Path | None,
    given: Mapping[str, Path],
    device: str | torch.device | None,
    dtype: str | torch.dtype | None,
    devices: Devices | None = None,
    execution: Execution = AS_LOADED,
    loras: Sequence[Lora] = (),
) -> ModelFiles:
    """Read the headers of a folder with all parts, or of single files by part; without any, of the bundled demo.

    Raises InputError for files that are missing or something else, and for a device, dtype or attention that cannot
    be used.
    """
    execution.check()
    check_together(execution, devices)
    if devices is not None and device is not None:
        raise InputError("Both --device and --devices were given; give one of them.")
    place, numbers = choose_device(device if devices is None else devices.first, dtype)
    if given and folder is not None:
        raise InputError(
            "A model folder (--model) and single files (such as --vae) were given; give one or the other."
        )
    files, folder = dict(given), None if given else folder or assets.model()
    if folder is not None:
        files = {part: folder / name for part, name in IN_BUNDLE.items()}
    headers = Headers()
    facts, voiced = read_facts(files, numbers, headers, () if folder is None else ("backbone",))
    # refused now, not once the weights are read
    read_loras(loras, facts.config, files["backbone"])
    attention_kernel(execution.attention, facts.config.head_dim, numbers, place)
    metadata = with_calibrations(voiced, loras)
    return ModelFiles(folder, files, place, facts, metadata, headers, devices, execution, tuple(loras))


def check_together(execution: Execution, devices: Devices | None) -> None:
    """Raises InputError for what cannot be done to a forward pass that several devices share."""
    if devices is None or devices.sequence.largest == 1:
        return
    if execution.compile:
        raise InputError(
            "torch.compile (--compile) cannot compile a forward pass that several devices share "
            "(--sequence-parallel). Leave one of them out."
        )
    if execution.attention != AUTO:
        raise InputError(
            f"The attention {execution.attention!r} (--attention) cannot be shared by several devices "
            "(--sequence-parallel), which have their own. Leave one of them out."
        )


def read_facts(
    files: dict[str, Path], dtype: torch.dtype, headers: Headers, parts: Collection[str]
) -> tuple[ModelFacts, list[Header]]:
    """What the headers say of the model, and those of backbone and audio layers; `parts` are checked, or all."""
    if missing := [f"{part} (--{part.replace('_', '-')})" for part in NEEDED if part not in files]:
        raise InputError(
            f"A model of single files lacks {', '.join(missing)}; give them all, or a model folder (--model)."
        )
    found = {
        part: identify(files[part], *PARTS[part], headers)
        for part in parts or PARTS
        if part in files and (part in MODEL_PARTS or not files[part].is_dir())
    }
    _, backbone = found["backbone"]
    assert backbone.config is not None  # `identify` refuses a backbone without sizes
    audio = found.get("audio_layers", found["backbone"])[1].audio
    width = vae_width(files["vae"], headers)
    voiced = [found[part][0] for part in MODEL_PARTS if part in found]
    facts = ModelFacts(backbone.config, dtype, "eq3", 0 if audio is None else audio.width, width)
    return facts, voiced


def vae_width(path: Path, headers: Headers) -> int:
    """Channels of the first layer; of a folder, and of a file that is none, that of Wan."""
    header: Header | None = headers(path) if path.is_file() else None
    return VAE_WIDTH if header is None else header.shapes.get(WIDTH_KEY, [VAE_WIDTH])[0]


def choose_device(
    device: str | torch.device | None, dtype: str | torch.dtype | None
) -> tuple[torch.device, torch.dtype]:
    """By default the GPU, if there is one, in bfloat16; else the CPU in float32."""
    try:
        place = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
        torch.zeros(1, device=place).item()  # a device without memory of its own fails here, not later
    except (RuntimeError, AssertionError, TypeError) as error:
        reason = str(error).splitlines()[0].split(". ")[0].rstrip(".")
        if isinstance(error, TypeError) or "device type at start" in reason:  # then torch lists all its types
            reason = "there is no device of that name"
        raise InputError(
            f"The device {str(device)!r} cannot be used ({reason}). Try cpu, or cuda for a GPU."
        ) from error
    name = str(dtype or ("float32" if place.type == "cpu" else "bfloat16")).removeprefix("torch.")
    if name not in DTYPES:
        raise InputError(f"The dtype {name!r} is unknown; use one of {', '.join(DTYPES)}.")
    return place, DTYPES[name]
