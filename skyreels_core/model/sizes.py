"""The sizes of a network, told by the shapes of its weights and by what its metadata states."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from typing import Any

import torch

from ..weights.header import Header
from .adapter import AudioAdapter
from .backbone import WanModel
from .config import CONFIGS, PATCH_SIZE, AudioConfig, WanConfig

HEAD_WIDTH = 128  # of every published Wan
PUBLISHED_BLOCKS = {5120: 40, 3072: 30, 1536: 30}  # by the width

# The weights whose shapes tell the sizes.
WAN_SIZES = (
    "patch_embedding.weight",
    "text_embedding.0.weight",
    "time_embedding.0.weight",
    "head.head.weight",
    "blocks.0.ffn.0.weight",
)
AUDIO_SIZES = ("audio_proj.fc1.weight",)


def wan_config(header: Header) -> WanConfig | None:
    """The sizes of the backbone; None where weights that tell them are missing or have other shapes."""
    if missing_sizes(header, WAN_SIZES) or size_problems(header, WAN_SIZES):
        return None
    patch, text, time, head, ffn = (header.shapes[name] for name in WAN_SIZES)
    return replace(
        CONFIGS["t2v-14b"],
        model_type="i2v" if "blocks.0.cross_attn.k_img.weight" in header.shapes else "t2v",
        in_dim=patch[1],
        dim=patch[0],
        ffn_dim=ffn[0],
        freq_dim=time[1],
        text_dim=text[1],
        out_dim=head[0] // math.prod(PATCH_SIZE),
        num_heads=stated(header, "transformer").get("num_heads", patch[0] // HEAD_WIDTH),
        num_layers=count_blocks(header, "self_attn"),
    )


def audio_config(header: Header) -> AudioConfig | None:
    """The sizes of the audio layers; None where weights that tell them are missing or have other shapes."""
    if missing_sizes(header, AUDIO_SIZES) or size_problems(header, AUDIO_SIZES):
        return None
    dim, width = header.shapes[AUDIO_SIZES[0]]
    return AudioConfig(
        width=width,
        dim=dim,
        num_heads=stated(header, "skyreels_audio").get("num_heads", dim // HEAD_WIDTH),
        num_layers=count_blocks(header, "audio_attn"),
        eps=stated(header, "skyreels_audio").get("eps", 1e-6),
        rope=stated(header, "skyreels_audio").get("rope", True),
    )


def stated(header: Header, section: str) -> dict[str, Any]:
    return header.config.get(section, {})


def missing_sizes(header: Header, names: tuple[str, ...]) -> list[str]:
    return [name for name in names if name not in header.shapes]


def size_problems(header: Header, names: tuple[str, ...]) -> list[str]:
    """Of the weights that tell the sizes, those that tell none."""
    return [
        f"{name} has shape {list(header.shapes[name])}, from which no sizes can be read. Download the file again."
        for name in names
        if len(header.shapes[name]) != (5 if name.startswith("patch") else 2) or 0 in header.shapes[name]
    ]


def count_blocks(header: Header, part: str) -> int:
    """Numbers beyond the count are then weights that do not belong there."""
    numbers = (re.match(rf"blocks\.(\d+)\.{part}\.", name) for name in header.shapes)
    return len({match[1] for match in numbers if match})


def stated_problems(header: Header, config: WanConfig | None, audio: AudioConfig | None) -> list[str]:
    """What the metadata says of a network that cannot be."""
    problems = []
    for section, sizes in {"transformer": config, "skyreels_audio": audio}.items():
        if sizes is None or ("num_heads" not in stated(header, section) and sizes.dim % HEAD_WIDTH):
            continue
        heads = sizes.num_heads
        if type(heads) is not int or heads < 1 or sizes.dim % heads or sizes.dim // heads % 2:
            problems.append(
                f"Its metadata states {heads!r} heads, which do not divide its width of {sizes.dim}. "
                "Save it again with the number that it was trained with."
            )
    if audio is not None and (type(audio.eps) is not float or not 0 < audio.eps < 1):
        problems.append(
            f"Its metadata states an eps of {audio.eps!r}; a small number such as 1e-6 is needed."
        )
    if audio is not None and type(audio.rope) is not bool:
        problems.append(f"Its metadata states {audio.rope!r} as rope; true or false is needed.")
    return problems


def head_problems(header: Header, config: WanConfig | None, audio: AudioConfig | None) -> list[str]:
    sections = {"transformer": config, "skyreels_audio": audio}
    return [
        f"Its width of {sizes.dim} is not a multiple of {HEAD_WIDTH} and its metadata does not state "
        f"{section}.num_heads."
        for section, sizes in sections.items()
        if sizes is not None and sizes.dim % HEAD_WIDTH and "num_heads" not in stated(header, section)
    ]


def depth_problems(dim: int, num_layers: int) -> list[str]:
    """Of a file that ends before its last blocks, which nothing else in it tells."""
    published = PUBLISHED_BLOCKS.get(dim, num_layers)
    if num_layers >= published:
        return []
    return [
        f"It has {num_layers} blocks; models of its width, {dim}, have {published}, so the last ones are missing. "
        "Download it again."
    ]


def expected_shapes(config: WanConfig | None, audio: AudioConfig | None) -> dict[str, tuple[int, ...]]:
    with torch.device("meta"):
        modules = [WanModel(config)] if config else []
        modules += [AudioAdapter(audio)] if audio else []
    return {name: tuple(t.shape) for module in modules for name, t in module.state_dict().items()}
