"""Which model a weights file holds, told by its names and shapes alone."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from .config import LATENT_CHANNELS, PICTURE_CHANNELS, AudioConfig, WanConfig
from .header import Header, read_header
from .sizes import (
    AUDIO_SIZES,
    WAN_SIZES,
    audio_config,
    expected_shapes,
    head_problems,
    missing_sizes,
    size_problems,
    stated_problems,
    wan_config,
)

Kind = Literal[
    "skyreels-audio", "wan-t2v", "wan-i2v", "audio-layers", "vae", "umt5", "whisper", "wav2vec2",
    "clip-vision", "lora", "humo", "skyreels-v3-a2v", "infinitetalk", "unknown",
]  # fmt: skip

TITLES: dict[Kind, str] = {
    "skyreels-audio": "a SkyReels-Audio model, a Wan backbone with its audio layers",
    "wan-t2v": "a Wan text-to-video backbone",
    "wan-i2v": "a Wan image-to-video backbone",
    "audio-layers": "the audio layers of SkyReels-Audio without a backbone",
    "vae": "a VAE of Wan",
    "umt5": "a UMT5 text encoder",
    "whisper": "a Whisper encoder",
    "wav2vec2": "a wav2vec2 encoder",
    "clip-vision": "a CLIP vision encoder",
    "lora": "a LoRA",
    "humo": "a HuMo model",
    "skyreels-v3-a2v": "a SkyReels-V3 A2V model",
    "infinitetalk": "the audio layers of InfiniteTalk or MultiTalk",
    "unknown": "no model that is known here",
}

# Names, as regular expressions, of which each must occur. The first line that fits wins.
SIGNATURES: tuple[tuple[Kind, tuple[str, ...]], ...] = (
    ("lora", (r"\.lora_(A|B|up|down)\.|^lora_unet_|\.diff(_b)?$",)),
    ("humo", (r"^audio_proj\.audio_proj_glob_1\.",)),
    ("skyreels-v3-a2v", (r"^blocks\.\d+\.audio_cross_attn\.", r"^blocks\.\d+\.self_attn\.")),
    ("infinitetalk", (r"^blocks\.\d+\.audio_cross_attn\.",)),
    ("skyreels-audio", (r"^blocks\.\d+\.audio_attn\.", r"^blocks\.\d+\.self_attn\.")),
    ("audio-layers", (r"^blocks\.\d+\.audio_attn\.",)),
    ("wan-i2v", (r"^blocks\.\d+\.cross_attn\.k_img\.",)),
    ("wan-t2v", (r"^blocks\.\d+\.cross_attn\.norm_q\.",)),
    ("vae", (r"^decoder\.head\.0\.gamma$",)),
    ("umt5", (r"^shared\.weight$", r"^encoder\.block\.\d+\.")),
    ("umt5", (r"^token_embedding\.weight$", r"^blocks\.\d+\.attn\.")),
    ("whisper", (r"^(model\.)?(encoder\.)?layers\.\d+\.fc1\.", r"^(model\.)?(encoder\.)?conv2\.")),
    ("wav2vec2", (r"^(wav2vec2\.)?feature_extractor\.conv_layers\.",)),
    ("clip-vision", (r"^(vision_model\.embeddings|visual)\.",)),
)

SCALE_NAME = re.compile(r"(scaled_fp8|scale_weight|weight_scale|comfy_quant)$")
FORMAT_NAMES = {"F32": "float32", "F16": "float16", "BF16": "bfloat16"}
LISTED, LONGEST_NAME = 4, 100  # names in a message, characters of one

BACKBONES = {"skyreels-audio", "wan-t2v", "wan-i2v"}
VOICED = {"skyreels-audio", "audio-layers"}


@dataclass(frozen=True)
class Description:
    kind: Kind
    config: WanConfig | None  # of the backbone
    audio: AudioConfig | None
    dtype: str  # of most elements first
    parameters: int
    sampling: dict[str, Any]  # the settings that the metadata recommends
    problems: tuple[str, ...]  # why it cannot be loaded here, a sentence each

    @property
    def title(self) -> str:
        return TITLES[self.kind]

    def summary(self) -> str:
        """Lines for the user: what it is, its sizes, audio layers, settings and problems."""
        lines = [f"{self.kind}: {self.title}", f"{self.parameters:,} parameters, {self.dtype}"]
        if self.config is not None:
            lines.append(f"backbone: {backbone_sizes(self.config)}")
        if self.audio is not None:
            lines.append(f"audio layers: {audio_sizes(self.audio)}")
        elif self.config is not None:
            lines.append("audio layers: none")
        lines += [f"{name}: {value}" for name, value in self.sampling.items()]
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
    return describe_header(read_header(path))


def describe_header(header: Header) -> Description:
    kind = find_kind(header.shapes)
    config = wan_config(header) if kind in BACKBONES else None
    audio = audio_config(header) if kind in VOICED else None
    if kind == "wan-t2v" and config is not None and config.takes_picture:
        kind = "wan-i2v"
    return Description(
        kind=kind,
        config=config,
        audio=audio,
        dtype=" + ".join(FORMAT_NAMES.get(name, name) for name in header.element_formats),
        parameters=header.parameters,
        sampling=header.config.get("sampling", {}),
        problems=tuple(find_problems(header, kind, config, audio)),
    )


def find_kind(names: Collection[str]) -> Kind:
    text = "\n".join(names)
    for kind, patterns in SIGNATURES:
        if all(re.search(pattern, text, re.MULTILINE) for pattern in patterns):
            return kind
    return "unknown"


def find_problems(
    header: Header, kind: Kind, config: WanConfig | None, audio: AudioConfig | None
) -> list[str]:
    if kind == "unknown":
        return [unknown_problem(header)]
    if kind not in BACKBONES | VOICED:
        return []
    sizes = (WAN_SIZES if kind in BACKBONES else ()) + (AUDIO_SIZES if kind in VOICED else ())
    if missing := missing_sizes(header, sizes):
        return [f"It lacks {', '.join(missing)}{shard_hint(header)}."]
    if impossible := size_problems(header, sizes) or stated_problems(header, config, audio):
        return impossible
    if quantised := [name for name in header.element_formats if name not in FORMAT_NAMES]:
        return [quantised_problem(header, quantised)]
    return [
        *channel_problems(config),
        *head_problems(header, config, audio),
        *layout_problems(header, expected_shapes(config, audio)),
    ]


def unknown_problem(header: Header) -> str:
    if "condition_embedder.time_proj.weight" in header.shapes:
        return "It has the names of diffusers. Give the file with Wan's original names."
    if not header.shapes:
        return "It holds no weights at all."
    return f"Its weights have names like {listed(header.shapes)}."


def quantised_problem(header: Header, formats: list[str]) -> str:
    scaled = any(SCALE_NAME.search(name) for name in header.shapes)
    return (
        f"It is quantised ({', '.join(formats)}, {'with' if scaled else 'without'} scales). Give its "
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
    foreign = [name for name in header.shapes if name not in expected]
    other = [n for n, shape in header.shapes.items() if n in expected and shape != expected[n]]
    problems = []
    if missing:
        problems.append(
            f"{len(missing)} weights are missing: {listed(missing)}{shard_hint(header)}. Fetch the file again."
        )
    if foreign:
        problems.append(
            f"{len(foreign)} weights belong to another kind of model: {listed(foreign)}. Give a file without them."
        )
    problems += [f"{n} has shape {header.shapes[n]}; {expected[n]} is needed." for n in other[:LISTED]]
    return problems


def listed(names: Collection[str]) -> str:
    return ", ".join(name[:LONGEST_NAME] for name in list(names)[:LISTED]) + (
        ", ..." if len(names) > LISTED else ""
    )


def shard_hint(header: Header) -> str:
    part = re.search(r"-\d{5}-of-\d{5}", header.path.name)
    return ". The file is one part of several; join them into one" if part else ""
