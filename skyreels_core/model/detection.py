"""Which model a weights file holds, told by its names and shapes alone."""

from __future__ import annotations

import math
import re
from collections.abc import Collection
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from ..errors import InputError
from ..weights.header import FORMAT_NAMES, Header, Headers, ReadHeader, read_header, sections_of
from ..weights.parts import is_part, joined, parts_of
from ..weights.signatures import KINDS, Kind, find_kind, other_model, packer
from .config import LATENT_CHANNELS, PICTURE_CHANNELS, AudioConfig, WanConfig
from .fp8 import FORMATS as FP8_FORMATS
from .fp8 import is_beside_weights, scale_of
from .sizes import (
    AUDIO_SIZES,
    WAN_SIZES,
    audio_config,
    depth_problems,
    expected_shapes,
    head_problems,
    missing_sizes,
    size_problems,
    stated_problems,
    wan_config,
)

SCALE_NAME = re.compile(r"(scaled_fp8|scale_weight|weight_scale|comfy_quant)$")
EMBEDDINGS = ("shared.weight", "encoder.embed_tokens.weight", "token_embedding.weight")
LISTED, LONGEST_NAME = 4, 100  # names in a message, characters of one

PACKED_PROBLEM = (
    "It is quantised by {by}, which neither this project nor ComfyUI's Load Diffusion Model reads. Give its float16 or "
    "bfloat16 file; in ComfyUI, the fp8 one with scales too."
)

BACKBONES = {"skyreels-audio", "wan-t2v", "wan-i2v"}
VOICED = {"skyreels-audio", "audio-layers"}
CHECKED: dict[Kind, str] = {  # by their loaders
    "vae": ".vae", "umt5": ".text", "infinitetalk": ".multitalk", "skyreels-v3-a2v": ".multitalk",
    "whisper": ".whisper", "wav2vec2": ".wav2vec",
}  # fmt: skip
IN_PARTS = {"infinitetalk", "skyreels-v3-a2v"}  # whose loader takes all parts of a file


@dataclass(frozen=True)
class Description:
    kind: Kind
    config: WanConfig | None  # of the backbone
    audio: AudioConfig | None
    dtype: str  # of most elements first
    parameters: int
    sampling: dict[str, Any]  # the settings that the metadata recommends
    problems: tuple[str, ...]  # why it cannot be loaded here, a sentence each
    place: str = ""  # what takes it

    @property
    def title(self) -> str:
        return KINDS[self.kind].title

    def summary(self) -> str:
        """Lines for the user: what it is, its sizes, audio layers, settings and problems."""
        lines = [f"{self.kind}: {self.title}", f"{self.parameters:,} parameters, {self.dtype}"]
        if self.config is not None:
            lines.append(f"backbone: {backbone_sizes(self.config)}")
        if self.audio is not None:
            lines.append(f"audio layers: {audio_sizes(self.audio)}")
        elif self.kind in BACKBONES:
            lines.append("audio layers: none")
        lines += [f"{name}: {value}" for name, value in self.sampling.items()]
        if self.kind != "skyreels-audio":  # whose place is everywhere
            lines.append(f"use: {self.place}")
        return "\n".join([*lines, *(f"problem: {problem}" for problem in self.problems)])


def backbone_sizes(config: WanConfig) -> str:
    picture = "takes a picture" if config.takes_picture else "takes no picture"
    return (
        f"width {config.dim}, {config.num_heads} heads, {config.num_layers} blocks, feed-forward "
        f"{config.ffn_dim}, text width {config.text_dim}, {config.in_dim} input channels ({picture})"
    )


def audio_sizes(config: AudioConfig) -> str:
    positions = "with rotary positions" if config.rope else "without positions"
    return (
        f"Whisper width {config.width}, width {config.dim}, {config.num_heads} heads, "
        f"{config.num_layers} blocks, {positions}"
    )


def describe(path: str | Path) -> Description:
    """What a weights file is. Raises InputError as `read_header` does; all else becomes a problem."""
    return examine(path, Headers())[1]


def examine(path: str | Path, read: ReadHeader = read_header) -> tuple[Header, Description]:
    """The header of a file and what it is; of one that is in parts, all of which are there, by all of them."""
    header = read(Path(path))
    kind = find_kind(whole_of(header, read).shapes)
    if kind == "wan-t2v" and (config := wan_config(header)) is not None and config.takes_picture:
        kind = "wan-i2v"
    config = wan_config(header) if kind in BACKBONES or kind.startswith("wan-") else None
    audio = audio_config(header) if kind in VOICED else None
    return header, Description(
        kind=kind,
        config=config,
        audio=audio,
        dtype=" + ".join(FORMAT_NAMES.get(name, name) for name in header.element_formats),
        parameters=header.parameters,
        sampling=sections_of([header]).get("sampling", {}),
        problems=tuple(find_problems(header, kind, config, audio, read)),
        place=KINDS[kind].place,
    )


def whole_of(header: Header, read: ReadHeader = read_header) -> Header:
    if not is_part(header.path):
        return header
    try:
        return joined([read(part) for part in parts_of(header.path)])
    except InputError:
        return header


def find_problems(
    header: Header, kind: Kind, config: WanConfig | None, audio: AudioConfig | None, read: ReadHeader
) -> list[str]:
    if kind == "unknown":
        return [unknown_problem(header)]
    if kind in CHECKED:
        return checked_problems(header, kind, read)
    if kind not in BACKBONES | VOICED:
        return foreign_problems(header, kind, config)
    sizes = (WAN_SIZES if kind in BACKBONES else ()) + (AUDIO_SIZES if kind in VOICED else ())
    if by := packer(header.shapes):
        return [PACKED_PROBLEM.format(by=by)]
    if missing := missing_sizes(header, sizes):
        return [f"It lacks {', '.join(missing)}{shard_hint(header)}."]
    if impossible := size_problems(header, sizes) or stated_problems(header, config, audio):
        return impossible
    if quantised := unread_formats(header):
        return [quantised_problem(header, quantised)]
    problems = [
        *channel_problems(config),
        *head_problems(header, config, audio),
        *layout_problems(header, expected_shapes(config, audio)),
    ]
    sized = config or audio
    assert sized is not None  # no size is missing
    return problems or depth_problems(sized.dim, sized.num_layers)


def checked_problems(header: Header, kind: Kind, read: ReadHeader) -> list[str]:
    """What the loader of this kind says of a file, which it says before it reads a tensor."""
    loader = import_module(CHECKED[kind], __package__)  # it imports this module
    of_parts = (read,) if kind in IN_PARTS else ()
    try:
        loader.check(header, *of_parts)
    except InputError as error:
        return [str(error)]
    return []


def foreign_problems(header: Header, kind: Kind, config: WanConfig | None) -> list[str]:
    """Of a file that no loader of this project takes, or that the host's own loaders take."""
    if kind == "humo":
        return uneven_problems(header)
    rows = next((header.shapes[n][0] for n in EMBEDDINGS if header.shapes.get(n)), "other")
    problems = [KINDS[kind].problem.format(rows=rows)] if KINDS[kind].problem else []
    if config is None or impossible_sizes(header, config):
        return problems
    own = expected_shapes(config, None)
    foreign = [name for name in header.shapes if name not in own]
    return [*problems, *channel_problems(config), *belonging_problems(foreign)]


def impossible_sizes(header: Header, config: WanConfig) -> list[str]:
    return stated_problems(header, config, None) or head_problems(header, config, None)


def uneven_problems(header: Header) -> list[str]:
    """Blocks that lack what the others have: a file that is cut or was joined wrongly."""
    blocks: dict[str, set[str]] = {}
    for name in header.shapes:
        if found := re.match(r"blocks\.(\d+)\.(.+)", name):
            blocks.setdefault(found[1], set()).add(found[2])
    every = set().union(*blocks.values())
    missing = [f"blocks.{n}.{name}" for n, own in blocks.items() for name in sorted(every - own)]
    return missing_problems(missing, header) if missing else []


def unknown_problem(header: Header) -> str:
    if not header.shapes:
        return "It holds no weights at all."
    names = f"Its weights have names like {listed(header.shapes)}."
    if other := other_model(header.shapes):
        names = f"Its weights have the names of {other}, which this project does not use."
    packed = packer(header.shapes)
    return names if packed is None else f"{names} They are quantised by {packed}."


def unread_formats(header: Header) -> list[str]:
    """Of the weights, those that are not read here: fp8 is, as it is or with one scale for a weight or for each row."""
    formats = {header.formats[name] for name in header.shapes if not is_beside_weights(name)}
    unread = sorted(formats - FORMAT_NAMES.keys() - FP8_FORMATS.keys())
    scales = ((name, scale_of(name, header.shapes)) for name in header.shapes)
    in_blocks = any(
        scale is not None and math.prod(header.shapes[scale]) not in (1, header.shapes[name][0])
        for name, scale in scales
    )
    return [*unread, *(["fp8 in blocks of weights"] if in_blocks else [])]


def quantised_problem(header: Header, formats: list[str]) -> str:
    scaled = any(SCALE_NAME.search(name) for name in header.shapes)
    return (
        f"It is quantised ({', '.join(formats)}, {'with' if scaled else 'without'} scales). Give its fp8, "
        "float16, bfloat16 or float32 file; in ComfyUI, Load Diffusion Model reads quantised ones."
    )


def channel_problems(config: WanConfig | None) -> list[str]:
    inputs = (LATENT_CHANNELS, PICTURE_CHANNELS)
    if config is None or (config.in_dim in inputs and config.out_dim == LATENT_CHANNELS):
        return []
    return [
        f"It has {config.in_dim} input and {config.out_dim} output channels; {LATENT_CHANNELS} or "
        f"{PICTURE_CHANNELS} and {LATENT_CHANNELS} are needed, as in Wan 2.1."
    ]


def layout_problems(header: Header, expected: dict[str, tuple[int, ...]]) -> list[str]:
    missing = [name for name in expected if name not in header.shapes]
    foreign = [name for name in header.shapes if name not in expected and not is_beside_weights(name)]
    other = [n for n, shape in header.shapes.items() if n in expected and shape != expected[n]]
    problems = missing_problems(missing, header) if missing else []
    problems += belonging_problems(foreign)
    problems += [f"{n} has shape {header.shapes[n]}; {expected[n]} is needed." for n in other[:LISTED]]
    return problems


def missing_problems(missing: Collection[str], header: Header) -> list[str]:
    return [
        f"{len(missing)} weights are missing: {listed(missing)}{shard_hint(header)}. Download the file again."
    ]


def belonging_problems(foreign: Collection[str]) -> list[str]:
    if not foreign:
        return []
    return [
        f"{len(foreign)} weights belong to another kind of model: {listed(foreign)}. Give a file without them."
    ]


def listed(names: Collection[str]) -> str:
    return ", ".join(name[:LONGEST_NAME] for name in list(names)[:LISTED]) + (
        ", ..." if len(names) > LISTED else ""
    )


def shard_hint(header: Header) -> str:
    return ". The file is one part of several; join them into one" if is_part(header.path) else ""
