"""From raw footage to clips to train on."""

from __future__ import annotations

import logging
from argparse import Namespace

from ..data.collect import collect
from ..data.manifest import MANIFEST
from .progress import Bars

logger = logging.getLogger(__name__)


def data(args: Namespace) -> None:
    with Bars() as bars:
        found = collect(
            args.videos, args.output, thresholds=args.thresholds, weights=args.weights_dir, whisper=args.whisper,
            workers=args.workers, ray=args.ray, every_stage=args.every_stage, progress=bars,
        )  # fmt: skip
    for level in found.levels:
        logger.info(
            "%s: %d refused, %d left, %.2f hours", level.stage, level.refused, level.left, level.hours
        )
    logger.info("Bad among the kept: %s.", found.bad)
    print(args.output / MANIFEST)
