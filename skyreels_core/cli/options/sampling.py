"""How a video is sampled."""

from __future__ import annotations

from argparse import ArgumentParser
from argparse import _ArgumentGroup as Group

from .values import integer, number, threshold, whole, words

SCHEDULE = "'4.5', 'linear:5->1', 'cosine:5->1@0.4', 'interval:4.5@0.2-0.8' or 'piecewise:0=5,0.4=1,1=1'"


def add_sampling(parser: ArgumentParser) -> None:
    group = parser.add_argument_group("sampling (defaults come with the model)")
    add_steps(group)
    add_guidance(group)
    add_windows(group)
    add_cache(group)
    group.add_argument(
        "--colour-strength",
        metavar="X",
        type=number,
        default=1.0,
        help="colour correction, 0..1 (default: 1)",
    )


def add_steps(group: Group) -> None:
    group.add_argument(
        "--seed",
        metavar="N",
        type=whole(0, 2**63 - 1),
        default=0,
        help="random seed (change it for a different take)",
    )
    group.add_argument("--steps", metavar="N", type=integer, help="denoising steps; fewer are faster")
    group.add_argument("--shift", metavar="X", type=number, help="flow-matching timestep shift")
    group.add_argument("--solver", metavar="NAME", help="solver: euler, dpmpp_2m, or lcm (distilled models)")


def add_guidance(group: Group) -> None:
    group.add_argument("--audio-guidance", metavar="SCHEDULE", help=f"audio CFG scale: {SCHEDULE}")
    group.add_argument("--text-guidance", metavar="SCHEDULE", help="text CFG scale, in the same forms")
    group.add_argument(
        "--negative-prompt",
        metavar="TEXT",
        dest="negative_text",
        type=words,
        default="",
        help="negative prompt",
    )
    group.add_argument(
        "--null-image", action="store_true", help="drop the image, too, in the unconditional branch"
    )


def add_windows(group: Group) -> None:
    group.add_argument("--window", metavar="N", type=integer, help="latent frames per window (4 frames each)")
    group.add_argument(
        "--overlap", metavar="N", type=integer, help="latent frames that neighbouring windows share"
    )
    group.add_argument(
        "--fusion",
        metavar="NAME",
        default="bidirectional",
        help="how overlapping windows are blended: bidirectional, forward, none (default: %(default)s)",
    )
    group.add_argument(
        "--hybrid",
        metavar="X",
        type=number,
        help="share of the steps (0..1) that attend to the whole edited video, or pin it (pinned: 1)",
    )


def add_cache(group: Group) -> None:
    group.add_argument(
        "--tea-cache",
        metavar="X",
        type=threshold,
        help="TeaCache threshold, such as 0.2, to reuse steps; 0 = off",
    )
    group.add_argument(
        "--mag-cache",
        metavar="X",
        type=threshold,
        help="MagCache threshold, such as 0.12, to reuse steps; 0 = off",
    )
    group.add_argument(
        "--tea-cache-memory",
        metavar="GiB",
        type=number,
        help="memory limit of either cache (default: 8); steps that do not fit are computed",
    )
