"""What the next steps need, read and drawn by a thread while the device computes."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Any

import torch

AHEAD = 2  # steps


class Prefetch:
    """The generator of each step, and what `prepare`, where there is one, makes with it; steps are taken in order."""

    def __init__(
        self,
        prepare: Callable[[torch.Generator], Any] | None,
        generator: Callable[[int], torch.Generator],
        steps: int,
    ):
        self.prepare, self.generator, self.steps = prepare, generator, steps
        self.thread = ThreadPoolExecutor(1, thread_name_prefix="prefetch")
        self.begun: dict[int, Future[tuple[Any, ...]]] = {}
        self.waited = 0.0  # seconds that steps had to wait, altogether

    def __enter__(self) -> Prefetch:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.thread.shutdown(wait=True, cancel_futures=True)

    def take(self, step: int) -> tuple[Any, ...]:
        """A step's generator, to draw on from, and what was prepared for it. Raises what `prepare` raised."""
        if self.prepare is None:
            return (self.generator(step),)
        for number in range(step, min(step + AHEAD + 1, self.steps)):
            if number not in self.begun:
                self.begun[number] = self.thread.submit(self._prepared, self.prepare, number)
        asked = time.monotonic()
        taken = self.begun.pop(step).result()
        self.waited += time.monotonic() - asked
        return taken

    def _prepared(self, prepare: Callable[[torch.Generator], Any], step: int) -> tuple[Any, ...]:
        generator = self.generator(step)
        return generator, prepare(generator)
