"""What finished videos are like, into a folder with one report."""

from __future__ import annotations

import logging
from argparse import Namespace

from ..api.evaluation import Given, evaluate_files
from ..errors import InputError
from ..evaluation.metrics.registry import names_in
from ..evaluation.metrics.report import MARKDOWN
from .progress import Bars

logger = logging.getLogger(__name__)


def evaluate(args: Namespace) -> None:
    with Bars() as bars:
        report = evaluate_files(
            args.videos, args.output, Given(args.reference, args.voice, args.keypoints, args.mask),
            names_in(args.metrics), args.weights_dir,
            lambda what, frame, frames: bars(what, frame, frames, ""),
        )  # fmt: skip
    for line in report.lines:
        logger.info(line)
    if not any(clip.figures for clip in report.clips):
        raise InputError(
            f"Nothing could be measured; {args.output / MARKDOWN} says why for each video and metric."
        )
    print(args.output / MARKDOWN)
