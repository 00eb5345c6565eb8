"""The causal video VAE: pixels to normalised latents and back, whole or as a stream.

The network is diffusers' AutoencoderKLWan. Single files carry Wan's original key names, which ComfyUI and the
published checkpoints use.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Protocol

import torch
from diffusers.models.autoencoders.autoencoder_kl_wan import AutoencoderKLWan
from safetensors.torch import load_file, save_file
from torch import Tensor

from ..errors import InputError
from ..timeline import latent_frames
from ..weights.folders import from_folder
from ..weights.header import Header, ReadHeader, read_header
from ..weights.loading import built, check_formats, check_shapes, fill
from .checkpoint import identify
from .config import BLOCK_NUMBERS, LATENT_CHANNELS
from .fast_cpu import FastOnCpu

# Order matters: a block's inner "conv1" is renamed before "conv_in" becomes "conv1".
ORIGINAL_NAMES = {
    ".norm1.": ".residual.0.",
    ".conv1.": ".residual.2.",
    ".norm2.": ".residual.3.",
    ".conv2.": ".residual.6.",
    ".conv_shortcut.": ".shortcut.",
    ".conv_in.": ".conv1.",
    ".norm_out.": ".head.0.",
    ".conv_out.": ".head.2.",
    ".mid_block.resnets.0.": ".middle.0.",
    ".mid_block.attentions.0.": ".middle.1.",
    ".mid_block.resnets.1.": ".middle.2.",
    ".down_blocks.": ".downsamples.",
    ".upsamplers.0.": ".resnets.3.",
    "post_quant_conv.": "conv2.",
    "quant_conv.": "conv1.",
}
WIDTH_KEY = "decoder.head.0.gamma"
FIRST_KEY = "decoder.conv1.weight"
BLOCK = (
    512  # latent frames that the first layer sees at once, if they are small: slices of it round differently
)
WIDEST = 1024  # channels; Wan's has 96


class Latents(Protocol):
    """[b 16 t h w], a tensor or what lies on a disk."""

    @property
    def shape(self) -> torch.Size: ...

    def split(self, frames: int, /, dim: int) -> Iterable[Tensor]: ...


class VideoVAE:
    """Videos [b 3 f h w] lie in -1..1, latents [b 16 t h/8 w/8] are normalised with Wan's constants."""

    def __init__(self, network: AutoencoderKLWan):
        self.network = network.eval().requires_grad_(False)
        shape = (1, network.config["z_dim"], 1, 1, 1)
        self.mean = torch.tensor(network.config["latents_mean"]).view(shape)
        self.std = torch.tensor(network.config["latents_std"]).view(shape)

    def to(self, device: torch.device | str) -> VideoVAE:
        self.network.to(device)  # pyright: ignore[reportArgumentType]  # its decorator hides `self`
        self.mean, self.std = self.mean.to(device), self.std.to(device)
        return self

    @torch.no_grad()
    def encode(self, video: Tensor) -> Tensor:
        """[b 3 f h w], f = 1 + 4k, h and w multiples of 16 -> [b 16 1+k h/8 w/8], the posterior's mean."""
        latent_frames(video.shape[2])  # refuses a length whose last frames the network would silently drop
        with FastOnCpu():
            latents = self.network.encode(video.to(self.network.device, self.network.dtype))[0].mean
        return (latents.float() - self.mean) / self.std

    def decode(self, latents: Tensor) -> Tensor:
        """[b 16 t h w] -> [b 3 1+4(t-1) 8h 8w] float32 in -1..1."""
        return torch.cat(list(self.decode_stream(latents)), dim=2)

    @torch.no_grad()
    def decode_stream(self, latents: Latents) -> Iterator[Tensor]:
        """The video of `decode` in pieces: [b 3 1 8h 8w], then [b 3 4 8h 8w] for each further latent frame.

        Bit for bit what the network gives for the whole. Memory does not grow with the length. The causal cache
        lives in this call: streams may be interleaved.
        """
        decoder, first = self.network.decoder, True
        cache = [None] * sum(isinstance(layer, torch.nn.Conv3d) for layer in decoder.modules())
        at_once = min(BLOCK, max(1, BLOCK_NUMBERS // (latents.shape[3] * latents.shape[4])))
        for block in latents.split(at_once, dim=2):
            block = block.to(self.mean) * self.std + self.mean
            with FastOnCpu():
                whole = self.network.post_quant_conv(block.to(self.network.dtype))
            for hidden in whole.split(1, dim=2):
                with FastOnCpu():  # never across a yield: it is the thread's
                    frames = decoder(hidden, feat_cache=cache, feat_idx=[0], first_chunk=first)
                yield frames.float().clamp(-1, 1)
                first = False


def load_vae(path: str | Path, read: ReadHeader = read_header) -> VideoVAE:
    """A single safetensors file in Wan's original key names, or a diffusers folder with its config.json."""
    path = Path(path)
    if path.is_dir():
        network = from_folder(AutoencoderKLWan, path, "a Wan 2.1 VAE", use_safetensors=True)
        return VideoVAE(network.float())
    header, _ = identify(path, {"vae"}, "a VAE of Wan 2.1 is", read)
    network = empty_network(header)
    state = load_file(path)
    names = {key: header.prefix + original_name(key) for key in network.state_dict()}
    fill(network, path, {key: state[name].float() for key, name in names.items()})
    return VideoVAE(network)


def check(header: Header) -> None:
    """Raises InputError where a file with a VAE of Wan cannot be loaded; no tensor is read."""
    check_formats(header)
    first = header.shapes.get(FIRST_KEY, ())
    if len(first) == 5 and first[1] != LATENT_CHANNELS:
        raise InputError(
            f"It has {first[1]} latent channels{' (the VAE of Wan 2.2)' if first[1] == 48 else ''}; {LATENT_CHANNELS} "
            "are needed, as in Wan 2.1: give wan_2.1_vae.safetensors."
        )
    expected = {original_name(key): tensor for key, tensor in empty_network(header).state_dict().items()}
    if missing := [name for name in expected if name not in header.shapes]:
        raise InputError(
            f"It is incomplete, or not the VAE of Wan 2.1: it lacks {len(missing)} weights, such as "
            f"{missing[0]}. Download it again, or give wan_2.1_vae.safetensors."
        )
    check_shapes(header.path, expected, header.shapes)


def empty_network(header: Header) -> AutoencoderKLWan:
    return built(header.path, AutoencoderKLWan, lambda: base_width(header))


def base_width(header: Header) -> int:
    width, _, _, _ = header.shapes[WIDTH_KEY]
    if not 1 <= width <= WIDEST:
        raise ValueError(f"{WIDTH_KEY} is {width} wide")
    return width


def save_vae(path: str | Path, network: AutoencoderKLWan, dtype: torch.dtype = torch.float16) -> None:
    """Write one safetensors file in Wan's original key names, which ComfyUI's VAE loader reads."""
    state = network.state_dict().items()
    save_file({original_name(key): value.to("cpu", dtype).contiguous() for key, value in state}, path)


def original_name(key: str) -> str:
    """The name in Wan's own VAE of a parameter that diffusers calls `key`."""
    for name, original in ORIGINAL_NAMES.items():
        key = key.replace(name, original)
    return re.sub(r"up_blocks\.(\d)\.resnets\.(\d)", lambda m: f"upsamples.{4 * int(m[1]) + int(m[2])}", key)
