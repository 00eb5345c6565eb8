"""What several devices really do: python -m benchmarks parallel --devices 0,1

For whoever has two GPUs: seconds of a run by one device and by all, how far the latents differ, and each engine of
sequence parallelism for a single forward. With cpu,cpu it shows that it works, and no speed.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch

import skyreels_core as sky
from skyreels_core import assets
from skyreels_core.errors import InputError
from skyreels_core.parallel.sequence.engines import ENGINES

STEPS, SECONDS, SHORT = 3, 12.0, 0.2  # of several windows' voice, and of one window's


def run(record: dict[str, Any], devices: str, model: Path | None = None) -> None:
    names = devices.split(",")
    one = {"devices": names[:1]}
    record["devices"], record["ways"] = devices, {}
    for voice, guidance, ways in (
        (SECONDS, "3", {"one": one, "units dealt": {"devices": names}}),
        (SHORT, "1", {"one forward pass on one": one, **dict(splits(names))}),
    ):
        expected = None
        for way, options in ways.items():
            try:
                latents, seconds = sampled(options, voice, guidance, model)
            except InputError as error:
                record["ways"][way] = {"refused": str(error)}
                continue
            expected = latents if expected is None else expected
            found = {"seconds": seconds, "differs": float((latents - expected).abs().max())}
            record["ways"][way] = found
            sys.stderr.write(f"{way}: {found}\n")


def splits(names: list[str]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each engine, by Ulysses and by a ring."""
    ranks = 2 ** (len(names).bit_length() - 1)
    for engine in ENGINES if ranks > 1 else ():
        for way, sequence in (("Ulysses", f"{ranks}x1"), ("ring", f"1x{ranks}")):
            options = {"devices": names, "sequence_parallel": sequence, "sequence_engine": engine}
            yield f"one forward pass split by {engine}, {way}", options


def sampled(
    options: dict[str, Any], seconds: float, guidance: str, model: Path | None
) -> tuple[torch.Tensor, float]:
    """Latents, and the seconds of sampling, the second time: kernels are chosen in the first. Without guidance a step
    of one window is one forward pass, which does not fill two devices."""
    noise = torch.rand(1, round(16000 * seconds), generator=torch.Generator().manual_seed(0)) - 0.5
    with sky.load(model, **options) as loaded:
        loaded.animate(
            assets.portrait(), (noise, 16000), steps=STEPS, audio_guidance=guidance, text_guidance="1"
        )
        video = loaded.animate(
            assets.portrait(), (noise, 16000), steps=STEPS, audio_guidance=guidance, text_guidance="1"
        )
    latents = video._result.frames.latents  # pyright: ignore[reportAttributeAccessIssue]
    return latents, video.report.seconds["sampling"]
