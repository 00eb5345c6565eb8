"""Which model, from which files, and where it runs."""

from __future__ import annotations

from argparse import ArgumentParser

from ...typed import read_path
from .values import lora, number


def add_model(parser: ArgumentParser) -> None:
    model = parser.add_argument_group("model (default: the small bundled one)")
    model.add_argument("--model", metavar="FOLDER", type=read_path, help="folder with all parts of a model")
    model.add_argument(
        "--backbone",
        metavar="FILE",
        type=read_path,
        help="instead of --model: the video model, a .safetensors file",
    )
    model.add_argument(
        "--audio-layers", metavar="FILE", type=read_path, help="audio layers, if the backbone file has none"
    )
    model.add_argument("--vae", metavar="FILE", type=read_path, help="Wan 2.1 VAE, file or diffusers folder")
    model.add_argument("--text-encoder", metavar="FILE", type=read_path, help="UMT5, file or folder")
    model.add_argument("--whisper", metavar="FILE", type=read_path, help="Whisper, file or folder")
    model.add_argument(
        "--clip-vision",
        metavar="FOLDER",
        type=read_path,
        help="CLIP vision folder, for image-to-video backbones",
    )
    model.add_argument(
        "--lora",
        metavar="FILE[:STRENGTH]",
        type=lora,
        action="append",
        help="a LoRA to add to the video model's weights, such as style.safetensors:0.8 (default strength: 1); may be "
        "given several times",
    )
    model.add_argument(
        "--device", metavar="NAME", help="such as cuda or cpu (default: the GPU, if there is one)"
    )
    model.add_argument(
        "--devices",
        metavar="LIST",
        help="instead of --device: several that share the forward passes, such as 0,1,2 for GPUs, or cpu,cpu",
    )
    model.add_argument(
        "--worker-timeout",
        metavar="SECONDS",
        type=number,
        help="how long a device of --devices may take to load the model, or for one forward pass, before the run "
        "stops with an error (default: 600)",
    )
    model.add_argument(
        "--sequence-parallel",
        metavar="N",
        help="how many of --devices may also share one forward pass, such as 2, or 2x2 for Ulysses and ring "
        "(unverified on GPUs; default: none)",
    )
    model.add_argument(
        "--sequence-engine",
        metavar="NAME",
        help="what splits a forward pass: own, diffusers or xfuser, each tested first (default: own)",
    )
    model.add_argument(
        "--dtype", metavar="NAME", help="float32, bfloat16 or float16 (default: bfloat16 on a GPU)"
    )
    add_execution(parser)


def add_execution(parser: ArgumentParser) -> None:
    how = parser.add_argument_group("speed and memory (the video stays the same but for rounding)")
    how.add_argument(
        "--compile",
        action="store_true",
        help="compile the model's blocks (torch.compile): faster on a GPU after a minute or two of compiling",
    )
    how.add_argument(
        "--attention",
        metavar="NAME",
        default="auto",
        help="auto (PyTorch's own choice, cuDNN first on a data centre GPU), cudnn, flash (FlashAttention 3 or 2) or "
        "sage (SageAttention), where their packages are installed, or math (default: %(default)s)",
    )
    how.add_argument(
        "--weights-dtype",
        metavar="NAME",
        help="fp8: keep the weights of the blocks in 8 bits, half of the memory of bfloat16 (default: as in the file)",
    )
    how.add_argument(
        "--offload",
        metavar="NAME",
        default="none",
        help="group: the weights of the blocks wait in system memory, and two blocks at a time are on the GPU "
        "(default: %(default)s)",
    )
