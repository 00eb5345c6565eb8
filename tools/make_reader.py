"""python -m tools.make_reader --work DIR: train the network that reads rendered people, and measure it on unseen ones.

Renders the examples into DIR (about 2000 frames), trains in it, writes skyreels_core/assets/reader.safetensors, and
prints as JSON how well each measure follows the truth at several sizes, sharp and through a VAE.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

from skyreels_core import assets
from skyreels_core.demo.people.examples import measured_takes
from skyreels_core.demo.people.geometry import Measured
from skyreels_core.demo.people.reading import correlations, train_reader
from skyreels_core.demo.people.takes import HELD_OUT
from skyreels_core.model.vae import VideoVAE, load_vae

FIRST, TAKES, UNSEEN = 20_000, 72, 12  # numbers of takes that no recipe learns from
SIZES = (128, 192, 256)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=1400)
    parser.add_argument("--vae", type=Path, help="also measure what this VAE makes of the pictures")
    parser.add_argument("--output", type=Path, default=assets.reader())
    options = parser.parse_args()
    seen = list(measured_takes(options.work, range(FIRST, FIRST + TAKES)))
    unseen = list(measured_takes(options.work, range(HELD_OUT + FIRST, HELD_OUT + FIRST + UNSEEN)))
    reader = train_reader(seen, options.work, options.steps)
    reader.save(options.output)
    figures = {f"sharp {size}": correlations(reader, unseen, size) for size in SIZES}
    if options.vae is not None:
        vae = load_vae(options.vae)
        for size in SIZES:
            blurred = [through(vae, measured, size) for measured in unseen]
            figures[f"through the VAE {size}"] = correlations(reader, blurred, size)
    sys.stdout.write(json.dumps(figures, indent=1) + "\n")


def through(vae: VideoVAE, measured: Measured, size: int) -> Measured:
    """The frames, each by itself, through a VAE at size x size pixels."""
    frames = torch.from_numpy(measured.frames).permute(0, 3, 1, 2).float() / 127.5 - 1
    small = F.interpolate(frames, (size, size), mode="bilinear", antialias=True)[:, :, None]
    decoded = torch.cat([vae.decode(vae.encode(frame[None])) for frame in small])[:, :, 0]
    pictures = ((decoded.clamp(-1, 1) + 1) * 127.5).round().byte().permute(0, 2, 3, 1).numpy()
    scale = size / measured.frames.shape[1]
    return replace(measured, frames=np.ascontiguousarray(pictures), landmarks=measured.landmarks * scale)


if __name__ == "__main__":
    main()
