"""A decode that streams against the decode of the whole, bit for bit: the core's at every length of 33 to 481 frames,
and where COMFYUI_PATH is set that of the host's own VAE, at every length and in every legal chunking.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import torch
from torch import Tensor

from skyreels_core import assets
from skyreels_core.model.fast_cpu import FastOnCpu
from skyreels_core.model.vae import load_vae
from skyreels_core.timeline import latent_frames

from .record import Record

LENGTHS = range(33, 482, 4)  # frames
HERE = Path(__file__).parent


@torch.no_grad()
def run(record: Record) -> None:
    torch.set_num_threads(1)
    vae = load_vae(assets.model() / "vae.safetensors")
    record["lengths"], record["core_equal"] = len(LENGTHS), 0
    for frames in LENGTHS:
        latents = latents_of(frames)
        with FastOnCpu():  # as the stream
            whole = vae.network.decode(latents * vae.std + vae.mean)[0]
        streamed = torch.cat(list(vae.decode_stream(latents)), dim=2)
        record["core_equal"] += int(torch.equal(streamed, whole))
    if "COMFYUI_PATH" in os.environ:
        record.update(in_host())


def latents_of(frames: int) -> Tensor:
    """Of a video of 24x16 pixels."""
    shape = (1, 16, latent_frames(frames), 2, 3)
    return torch.randn(shape, generator=torch.Generator().manual_seed(frames))


def in_host() -> dict:
    """What decode_in_host.py finds in the ComfyUI in COMFYUI_PATH, run by COMFYUI_PYTHON."""
    host, interpreter = os.environ["COMFYUI_PATH"], os.environ.get("COMFYUI_PYTHON", sys.executable)
    paths = os.pathsep.join([host, str(HERE.parent / "tests" / "host")])
    ran = subprocess.run(
        [interpreter, HERE / "decode_in_host.py", json.dumps(list(LENGTHS))],
        cwd=host, env=os.environ | {"PYTHONPATH": paths}, stdout=subprocess.PIPE, text=True, check=True,
    )  # fmt: skip
    return json.loads(ran.stdout.splitlines()[-1])
