"""The work folder of a command: beside its output, until that is whole."""

from __future__ import annotations

import logging
from argparse import Namespace
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch

from ..errors import InputError, sentence
from ..run.resume import WorkFolder

logger = logging.getLogger(__name__)


@contextmanager
def work_folder(args: Namespace) -> Iterator[WorkFolder]:
    """Whatever ends the command early, it says how to go on."""
    path = work_path(args)
    begin = "restart" if args.restart else "resume" if args.resume else "new"
    with WorkFolder(path, begin) as work:
        if args.resume and not work.unfinished:
            logger.info("%s holds nothing to go on with: the run begins.", path)
        try:
            yield work
        except KeyboardInterrupt:
            raise KeyboardInterrupt(f"Interrupted. {advice(work)}" if work.keeps else "") from None
        except (InputError, OSError, torch.cuda.OutOfMemoryError) as error:
            if not work.keeps:
                raise
            out_of_memory = isinstance(error, torch.cuda.OutOfMemoryError)
            what = "The GPU ran out of memory: close what else uses it." if out_of_memory else sentence(error)
            raise InputError(f"{what} {advice(work)}") from error


def work_path(args: Namespace) -> Path:
    return args.work or Path(f"{args.output}.work")


def advice(work: WorkFolder) -> str:
    return f"{work.path} keeps what was sampled: the same command with --resume goes on."
