"""Model files: Wan's own names, the audio layers beside them, the configuration in the metadata."""

from __future__ import annotations

import json
import logging
import os
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, TypeVar

import torch
import torch.nn.functional as F
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from ..errors import InputError
from ..weights.header import FORMAT_NAMES, Header, ReadHeader, read_header, sections_of
from ..weights.lora import Lora, with_calibrations
from ..weights.signatures import KINDS, Kind, find_kind
from .adapter import AudioAdapter
from .backbone import WanModel
from .config import PICTURE_CHANNELS, AudioConfig, WanConfig
from .detection import (
    BACKBONES,
    CHECKED,
    VOICED,
    Description,
    describe,
    examine,
    listed,
)
from .fp8 import FORMATS, block_layers, read_weights, use_fp8
from .lora import NO_CHANGES, Changes, opened, read_loras
from .sizes import AUDIO_SIZES, audio_config, expected_shapes, stated_problems

__all__ = ["describe", "load_model", "read_header", "save_model", "split", "widen_patch_embedding"]

logger = logging.getLogger(__name__)

Module = TypeVar("Module", bound=nn.Module)

# What the process that deals a run to workers has of the networks: for the cache's plan, and to know the demo.
PLANNING = ("patch_embedding.", "time_embedding.", "time_projection.", "audio_proj.")
AUDIO_NAME = re.compile(r"audio_proj\.|blocks\.\d+\.audio_(attn|norm)\.")


def load_model(
    path: str | Path,
    audio_path: str | Path | None = None,
    dtype: torch.dtype = torch.float32,
    device: torch.device | str = "cpu",
    needs_picture: bool = False,
    read: ReadHeader = read_header,
    only: tuple[str, ...] = ("",),
    fp8: bool | None = False,
    loras: Sequence[Lora] = (),
    trains_audio: bool = False,
) -> tuple[WanModel, AudioAdapter | None, dict[str, Any]]:
    """A backbone, its audio layers where there are any, and the sections of its metadata.

    path: a merged file or a plain Wan file; audio_path: the file whose audio layers are taken instead;
    needs_picture: refuse a backbone that takes no picture; only: weights whose names begin otherwise stay empty
    (PLANNING: what a run is planned with); fp8: keep the weights of the blocks in 8 bits, None: those that the file
    has so; loras: added into the backbone's weights; trains_audio: keep the audio layers in float32. Raises InputError
    that names what a file is where it is something else. Tensors are read one by one into place, so memory holds them
    once.
    """
    header, description = identify(path, BACKBONES, "a video model is", read)
    model_config = description.config
    assert model_config is not None  # a backbone without sizes has problems, which `identify` raises
    if needs_picture and not model_config.takes_picture:
        raise InputError(
            f"{path} is {description.title} with {model_config.in_dim} input channels: it takes no picture. "
            f"Give an image-to-video model, which has {PICTURE_CHANNELS}."
        )
    audio_header, audio_config = header, description.audio
    if audio_path is not None:
        audio_header, voice = identify(audio_path, VOICED, "audio layers are", read)
        audio_config = voice.audio
    metadata = with_calibrations([header, audio_header], loras)
    with opened(read_loras(loras, model_config, header.path), device) as changes:
        model = load_weights(WanModel, model_config, header, dtype, device, only, fp8, changes)
    if audio_config is None:
        return model, None, metadata
    check_fit(header.path, model_config, audio_header.path, audio_config)
    how = (torch.float32, device, only, False) if trains_audio else (dtype, device, only, fp8)
    return model, load_weights(AudioAdapter, audio_config, audio_header, *how), metadata


def identify(
    path: str | Path, kinds: Collection[Kind], wanted: str, read: ReadHeader = read_header
) -> tuple[Header, Description]:
    header, description = examine(path, read)
    if description.kind not in kinds:
        why = () if description.kind in BACKBONES | VOICED | CHECKED.keys() else description.problems
        remedy = " ".join([description.place, *why])
        raise InputError(f"{path} is {description.title}; {wanted} needed here. {remedy}")
    if description.problems:
        problems = " ".join(description.problems)
        named = problems.startswith(str(path))
        raise InputError(
            problems if named else f"{path} is {description.title}, but cannot be used. {problems}"
        )
    return header, description


def read_audio_layers(
    path: str | Path, kinds: Collection[Kind] = VOICED, read: ReadHeader = read_header
) -> tuple[dict[str, Tensor], AudioConfig, dict[str, Any]]:
    """The audio layers of a file as weights, sizes and the sections of its metadata; its backbone, which a host loads
    and which may be quantised, is left alone. Raises InputError where the file has none that can be used."""
    header = read(Path(path))
    kind = find_kind(header.shapes)
    if kind not in kinds:
        raise InputError(
            f"{header.path.name} is {KINDS[kind].title}; {' or '.join(KINDS[k].title for k in kinds)} is needed here. "
            f"{KINDS[kind].place} {KINDS[kind].problem}".rstrip()
        )
    names = [name for name in header.shapes if AUDIO_NAME.match(name)]
    if quantised := {header.formats[name] for name in names} - FORMAT_NAMES.keys():
        raise InputError(
            f"The audio layers of {header.path.name} are quantised ({', '.join(sorted(quantised))}); the backbone "
            "may be, they have to be float16, bfloat16 or float32."
        )
    config = _whole_audio_config(header, names)
    with safe_open(header.path, framework="pt") as file:
        state = {name: file.get_tensor(header.prefix + name) for name in names}
    return state, config, sections_of([header])


def _whole_audio_config(header: Header, names: Collection[str]) -> AudioConfig:
    """The sizes of the audio layers of these names. Raises InputError where some are missing or of another shape."""
    config = audio_config(header)
    if problems := stated_problems(header, None, config):
        raise InputError(f"{header.path.name} cannot be used. {problems[0]} Download it again.")
    expected = {} if config is None else expected_shapes(None, config)
    lacking = sorted(expected.keys() - set(names))
    if config is None or lacking:
        raise InputError(
            f"{header.path.name} lacks {listed(lacking or AUDIO_SIZES)}; the file is incomplete. Download it again."
        )
    if wrong := [name for name, shape in expected.items() if header.shapes[name] != shape]:
        raise InputError(f"{header.path.name} has {listed(wrong)} of a different shape. Download it again.")
    return config


def check_fit(path: Path, config: WanConfig, audio_path: Path, audio: AudioConfig) -> None:
    if (audio.dim, audio.num_layers) != (config.dim, config.num_layers):
        raise InputError(
            f"The audio layers of {audio_path} are for a backbone of width {audio.dim} with "
            f"{audio.num_layers} blocks; {path} has width {config.dim} and {config.num_layers} blocks. "
            "Give the ones that were trained on this backbone."
        )
    if not config.takes_picture:
        logger.warning("%s takes no picture: it is conditioned on prompt and voice alone.", path)


def load_weights(
    kind: type[Module],
    config: Any,
    header: Header,
    dtype: torch.dtype,
    device: torch.device | str,
    only: tuple[str, ...] = ("",),
    fp8: bool | None = False,
    changes: Changes = NO_CHANGES,
) -> Module:
    with torch.device("meta"):
        module = kind(config)
        use_fp8(module, fp8_layers(module, header, fp8))
    with safe_open(header.path, framework="pt", device=str(device)) as file:
        state = dict(read_weights(module, header, file.get_tensor, dtype, only, changes))
    module.load_state_dict(state, assign=True, strict=only == ("",))
    return module


def fp8_layers(module: nn.Module, header: Header, fp8: bool | None) -> list[str]:
    """Names of the layers that are to be in fp8; `fp8` as in `load_model`."""
    if fp8 is False:
        return []
    return [name for name in block_layers(module) if fp8 or header.formats[f"{name}.weight"] in FORMATS]


def split(state: Mapping[str, Tensor]) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """The weights of a merged file -> those of the plain Wan backbone, those of the audio layers."""
    audio = {name: tensor for name, tensor in state.items() if AUDIO_NAME.match(name)}
    return {name: tensor for name, tensor in state.items() if name not in audio}, audio


def save_model(
    path: str | Path,
    model: WanModel | None,
    adapter: AudioAdapter | None,
    metadata: Mapping[str, Any],
    dtype: torch.dtype,
) -> None:
    """Write a merged file, or the backbone or the audio layers alone.

    metadata: sections to keep beside the sizes, such as "sampling". ComfyUI reads "transformer" as arguments
    of its own Wan model, so nothing else stands there. The file appears under its name once it is whole.
    """
    sections = {key: value for key, value in metadata.items() if key not in ("transformer", "skyreels_audio")}
    state: dict[str, Tensor] = {}
    if model is not None:
        sections["transformer"] = {"num_heads": model.config.num_heads, "text_dim": model.config.text_dim}
        state |= model.state_dict()
    if adapter is not None:
        sections["skyreels_audio"] = asdict(adapter.config)
        state |= adapter.state_dict()
    state = {name: tensor.to("cpu", dtype).contiguous() for name, tensor in state.items()}
    partial = Path(f"{path}.partial")
    save_file(state, partial, metadata={"format": "pt", "config": json.dumps(sections)})
    os.replace(partial, path)


def widen_patch_embedding(model: WanModel) -> None:
    """Give a 16-channel backbone inputs for mask and condition, of zero weight: its output stays the same."""
    convolution = model.patch_embedding
    columns = PICTURE_CHANNELS - model.config.in_dim
    convolution.weight = nn.Parameter(F.pad(convolution.weight.detach(), (0, 0, 0, 0, 0, 0, 0, columns)))
    convolution.in_channels = PICTURE_CHANNELS
    model.config = replace(model.config, in_dim=PICTURE_CHANNELS)
