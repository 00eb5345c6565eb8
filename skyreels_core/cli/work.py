"""The run state of a command: a folder beside its output, until that is complete."""

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
    """Whatever ends the command early, the message says how to resume."""
    path = work_path(args)
    begin = "restart" if args.restart else "resume" if args.resume else "new"
    with WorkFolder(path, begin) as work:
        if args.resume and not work.unfinished:
            logger.info("No saved progress in %s; starting from the beginning.", path)
        try:
            yield work
        except KeyboardInterrupt:
            raise KeyboardInterrupt(f"Interrupted. {advice(work)}" if work.keeps else "") from None
        except (InputError, OSError, torch.cuda.OutOfMemoryError) as error:
            if not work.keeps:
                raise
            out_of_memory = isinstance(error, torch.cuda.OutOfMemoryError)
            what = (
                "The GPU ran out of memory: close other programs that use it."
                if out_of_memory
                else sentence(error)
            )
            raise InputError(f"{what} {advice(work)}") from error


def work_path(args: Namespace) -> Path:
    return args.work or Path(f"{args.output}.work")


def advice(work: WorkFolder) -> str:
    return f"{work.path} keeps the progress; resume with the same command and --resume."
