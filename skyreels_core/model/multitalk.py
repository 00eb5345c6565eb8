"""The audio layers of the MultiTalk family beside a Wan I2V backbone: InfiniteTalk, and SkyReels-V3 A2V, whose
files hold both. Names and sizes only; no tensor is read.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from ..errors import InputError
from ..weights.header import Header, ReadHeader, read_header
from ..weights.parts import joined, parts_of
from ..weights.signatures import KINDS, Kind, find_kind, packer
from .config import WanConfig
from .detection import SCALE_NAME, listed
from .sizes import (
    HEAD_WIDTH,
    WAN_SIZES,
    count_blocks,
    depth_problems,
    expected_shapes,
    stated_problems,
    wan_config,
)

AUDIO_PREFIXES = ("audio_proj.", "blocks.*.audio_cross_attn.", "blocks.*.norm_x.")  # all else is Wan's own
AUDIO_NAME = re.compile("|".join(re.escape(prefix).replace(r"\*", r"\d+") for prefix in AUDIO_PREFIXES))
WINDOW = 5  # frames of the voice that one frame is conditioned on
DESCRIBED = "comfy_quant"  # beside a quantised weight: how ComfyUI reads it
LATER_WINDOW = 8  # frames that a group of four is conditioned on
AUDIO_SIZES = (
    "audio_proj.proj1.weight",
    "audio_proj.proj1_vf.weight",
    "audio_proj.proj3.weight",
    "audio_proj.norm.weight",
    "blocks.0.audio_cross_attn.kv_linear.weight",
)

NEEDED: dict[Kind, str] = {
    "skyreels-v3-a2v": "a SkyReels-V3 A2V file in models/diffusion_models, such as "
    "Wan21-SkyReelsV3-A2V_fp8_scaled_mixed.safetensors",
    "infinitetalk": "InfiniteTalk's audio layers in models/model_patches, such as "
    "wan2.1_infiniteTalk_single_fp16.safetensors",
}

# Where a file belongs that was given instead of these, other than for everybody.
PLACES: dict[Kind, str] = {
    "skyreels-v3-a2v": "Load SkyReels-V3 A2V takes it, from models/diffusion_models.",
    "infinitetalk": "Apply InfiniteTalk takes it, from models/model_patches.",
    "wan-i2v": "Load Diffusion Model takes it, and Apply InfiniteTalk adds audio conditioning to it.",
    "wan-t2v": "It takes no picture; the MultiTalk family needs an image-to-video model.",
    "skyreels-audio": "Load SkyReels-Audio Model takes it.",
    "audio-layers": "Apply SkyReels Audio Layers takes it, from models/model_patches.",
    "lora": "Load LoRA takes it.",
    "humo": "Load Diffusion Model takes it.",
}


@dataclass(frozen=True)
class MultiTalkConfig:
    dim: int  # of the backbone
    num_layers: int
    num_heads: int
    features: int  # of one frame of the voice: layers times width
    intermediate_dim: int
    context_tokens: int  # for each latent frame
    token_dim: int

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Every weight of the audio layers."""
        between, tokens, width = self.intermediate_dim, self.context_tokens * self.token_dim, self.dim
        linear = {
            "audio_proj.proj1": (between, WINDOW * self.features),
            "audio_proj.proj1_vf": (between, LATER_WINDOW * self.features),
            "audio_proj.proj2": (between, between),
            "audio_proj.proj3": (tokens, between),
        }
        norms = {"audio_proj.norm": self.token_dim}
        for block in (f"blocks.{number}" for number in range(self.num_layers)):
            linear[f"{block}.audio_cross_attn.q_linear"] = width, width
            linear[f"{block}.audio_cross_attn.kv_linear"] = 2 * width, self.token_dim
            linear[f"{block}.audio_cross_attn.proj"] = width, width
            norms[f"{block}.norm_x"] = width
        weights = {f"{name}.weight": shape for name, shape in linear.items()}
        weights |= {f"{name}.bias": shape[:1] for name, shape in linear.items()}
        return weights | {f"{name}.{part}": (n,) for name, n in norms.items() for part in ("weight", "bias")}


@dataclass(frozen=True)
class MultiTalkFile:
    """What a file, or the parts of one, hold."""

    parts: tuple[Header, ...]
    audio: MultiTalkConfig
    backbone: WanConfig | None  # None in a file of audio layers alone

    @property
    def path(self) -> Path:
        return self.parts[0].path

    @property
    def prefix(self) -> str:
        return self.parts[0].prefix


def is_audio_name(name: str) -> bool:
    """Whether a weight, by its name without a prefix, belongs to the audio layers."""
    return AUDIO_NAME.match(name) is not None


def split_names(names: Iterable[str]) -> tuple[list[str], list[str]]:
    """The names of the Wan backbone, those of the audio layers."""
    sides: tuple[list[str], list[str]] = [], []
    for name in names:
        sides[is_audio_name(name)].append(name)
    return sides


def check(header: Header, read: ReadHeader) -> None:
    """Raises InputError where a file of this family, with all its parts, cannot be loaded; no tensor is read."""
    kind = find_kind(joined([read(part) for part in parts_of(header.path)]).shapes)
    read_multitalk(header.path, kind, read)


def read_multitalk(path: str | Path, kind: Kind, read: ReadHeader = read_header) -> MultiTalkFile:
    """What is in a file of this kind, "skyreels-v3-a2v" or "infinitetalk"; of one that is in parts, any part.

    Raises InputError, with the node that takes it, for any other file, and for one that is not whole.
    """
    parts = tuple(read(part) for part in parts_of(Path(path)))
    header = joined(parts)
    found = find_kind(header.shapes)
    if found != kind:
        place = PLACES.get(found, KINDS[found].place)
        raise InputError(f"{header.path.name} is {KINDS[found].title}; needed here: {NEEDED[kind]}. {place}")
    if by := packer(header.shapes):
        raise InputError(
            f"{header.path.name} is quantised by {by}, which is not read here. Give the float16 or bfloat16 file, or "
            "the fp8 one with scales."
        )
    file = MultiTalkFile(parts, *sizes_in(header, with_backbone=kind == "skyreels-v3-a2v"))
    check_whole(header, file)
    check_numbers(header)
    return file


def sizes_in(header: Header, with_backbone: bool) -> tuple[MultiTalkConfig, WanConfig | None]:
    """Of the audio layers, and of the backbone beside them. Raises InputError where they cannot be had."""
    needed = (*AUDIO_SIZES, *(WAN_SIZES if with_backbone else ()))
    if missing := [name for name in needed if name not in header.shapes]:
        raise InputError(f"{header.path.name} lacks {listed(missing)}; it is incomplete. Download it again.")
    backbone = wan_config(header) if with_backbone else None
    if with_backbone and (backbone is None or stated_problems(header, backbone, None)):
        raise InputError(f"{header.path.name} is damaged: its video model has no sizes. Download it again.")
    try:
        return multitalk_config(header), backbone
    except (IndexError, ValueError, ZeroDivisionError) as error:
        raise InputError(
            f"{header.path.name} is damaged: its audio layers have no sizes. Download it again."
        ) from error


def multitalk_config(header: Header) -> MultiTalkConfig:
    proj1, _, proj3, norm, kv = (header.shapes[name] for name in AUDIO_SIZES)
    dim = kv[0] // 2
    return MultiTalkConfig(
        dim=dim,
        num_layers=count_blocks(header, "audio_cross_attn"),
        num_heads=max(1, dim // HEAD_WIDTH),
        features=proj1[1] // WINDOW,
        intermediate_dim=proj1[0],
        context_tokens=proj3[0] // norm[0],
        token_dim=norm[0],
    )


def check_whole(header: Header, file: MultiTalkFile) -> None:
    """Raises InputError where a weight is missing, of another shape, or of no known use."""
    expected = file.audio.shapes() | expected_shapes(file.backbone, None)
    name = header.path.name
    if missing := sorted(expected.keys() - header.shapes.keys()):
        raise InputError(f"{name} lacks {len(missing)} weights: {listed(missing)}. Download it again.")
    if other := [n for n, shape in expected.items() if header.shapes[n] != shape]:
        given = header.shapes[other[0]]
        raise InputError(
            f"{name} has {other[0]} of shape {given}; {expected[other[0]]} is needed. Download it again."
        )
    if short := depth_problems(file.audio.dim, file.audio.num_layers):
        raise InputError(f"{name} cannot be used. {short[0]}")
    if foreign := [n for n in header.shapes if n not in expected and not is_scale(n)]:
        raise InputError(
            f"{name} has {len(foreign)} weights that are not known here: {listed(foreign)}. Give the published file, "
            "or its fp8 one with scales."
        )


def check_numbers(header: Header) -> None:
    """Raises InputError for integers of which nothing in the file says what they stand for."""
    described = {name.removesuffix(DESCRIBED) for name in header.shapes if name.endswith(DESCRIBED)}
    packed = {
        form
        for name, form in header.formats.items()
        if form[0] in "IU" and not is_scale(name) and name.removesuffix("weight") not in described
    }
    if packed:
        raise InputError(
            f"{header.path.name} is quantised ({', '.join(sorted(packed))}) in a way that is not read here. Give the "
            "float16 or bfloat16 file, or the fp8 one with scales."
        )


def is_scale(name: str) -> bool:
    """Whether it belongs to a quantised weight."""
    return SCALE_NAME.search(name) is not None or name.endswith((".input_scale", ".scale_input"))
