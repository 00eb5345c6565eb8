"""Unseen people spoken by a model, and what is measured on them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

import skyreels_core
from skyreels_core import assets
from skyreels_core.demo.people.articulation import groups_of
from skyreels_core.demo.people.shards import Shard
from skyreels_core.demo.rendered import View
from skyreels_core.evaluation.agreement import psnr
from skyreels_core.evaluation.reader import Reader
from skyreels_core.evaluation.talking import compare, summary
from skyreels_core.files import atomic
from skyreels_core.media.muxing import to_uint8

FRAMES = 49
COLUMNS = 10  # frames of a sample on the sheet


@dataclass(frozen=True, eq=False)
class Sample:
    """A take's first frames [f h w 3]: rendered, through the VAE, and its first picture speaking with its voice."""

    clips: tuple[Tensor, Tensor, Tensor]
    landmarks: Tensor  # [f 68 2] of the rendered ones
    groups: NDArray  # [f] number of what is said

    @classmethod
    def of(cls, model: skyreels_core.Model, shard: Shard) -> Sample:
        sampling = model.bundle.metadata["sampling"]
        size, fps = (sampling["height"], sampling["width"]), sampling.get("fps", 25.0)
        count = min(FRAMES, 1 + 4 * ((len(shard) - 1) // 4))
        pictures = shard.frames
        view = View.portrait(pictures.shape[1:3], size)
        frames, vae = view.of(pictures[:count]), model.bundle.vae
        decoded = (
            vae.decode(vae.encode(frames.permute(3, 0, 1, 2)[None] * 2 - 1))[0].permute(1, 2, 3, 0).cpu()
        )
        voice = shard.samples[: round(count / fps * 16000)]
        with model.animate(frames[0], (voice[None], 16000), shard.caption) as video:
            spoken = torch.stack([frame.cpu() for frame in video])
        groups = groups_of(shard.visemes[:count])
        return cls((frames, (decoded + 1) / 2, spoken), view.places(shard.landmarks[:count]), groups)

    @property
    def psnr(self) -> float:
        """Of the VAE, dB."""
        rendered, decoded, _ = self.clips
        return psnr(rendered, decoded)


def figures(made: Sequence[Sample]) -> dict[str, Any]:
    """The VAE's PSNR; what the mouths follow, through the VAE alone and generated, where the reader is there."""
    known: dict[str, Any] = {"vae_psnr": float(np.median([sample.psnr for sample in made]))}
    if not assets.reader().exists():
        return known
    reader = Reader.load()
    for name, number in (("ceiling", 1), ("animation", 2)):
        talkings = []
        for sample in made:
            rendered = reader.read(sample.clips[0], sample.landmarks)
            places = sample.landmarks if number == 1 else sample.landmarks[:1]
            talkings.append(compare(reader.read(sample.clips[number], places), rendered, sample.groups))
        known[name] = summary(talkings)
    return known


def write_samples(folder: Path, made: Sequence[Sequence[Tensor]]) -> None:
    """samples.png: rendered, through the VAE, spoken; samples.webp: the spoken ones, moving."""
    rows = []
    for clips in made:
        length = min(len(clip) for clip in clips)
        chosen = np.linspace(0, length - 1, COLUMNS).round().astype(int)
        rows += [torch.cat(list(clip[chosen]), dim=1) for clip in clips]
    with atomic(folder / "samples.png") as part:
        Image.fromarray(to_uint8(torch.cat(rows)).numpy()).save(part, format="PNG")
    spoken = [[clip[min(f, len(clip) - 1)] for _, _, clip in made] for f in range(FRAMES)]
    pictures = [Image.fromarray(to_uint8(torch.cat(row, dim=1)).numpy()) for row in spoken]
    with atomic(folder / "samples.webp") as part:
        pictures[0].save(
            part, format="WEBP", save_all=True, append_images=pictures[1:], duration=40, loop=0, quality=80
        )
