"""The workers of a model: started together, asked in turn, ended together whatever happens."""

from __future__ import annotations

import time
import weakref
from collections import defaultdict, deque
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from queue import SimpleQueue
from typing import Any

from ..errors import InputError
from .workers import Inbox, Lost, Worker, take

TIMEOUT = 600.0  # seconds that a worker may take to load its model, or for one forward pass
POLL = 0.05  # seconds after which a caller who cancels is asked again
AHEAD = 2  # messages that a worker is sent before it has answered: one is computed, one has arrived
Start = Callable[[int, Inbox], Worker]  # (number, inbox) -> a worker


@dataclass(frozen=True)
class Job:
    """One message, to several workers where they compute it together; the first of them answers for all."""

    workers: range
    kind: str
    value: Callable[[int], Any]  # of a worker's number, when it is sent


@dataclass
class _State:
    """What one worker is doing."""

    waiting: deque[tuple[int, Job]] = field(default_factory=deque)
    sent: deque[int] = field(default_factory=deque)  # numbers of messages
    since: float = 0.0  # when it began with the first of `sent`


class Pool:
    """Workers that answer in order. After an error all of them are gone, and the next use starts new ones."""

    def __init__(
        self, start: Start, count: int, load: Callable[[int], Any], timeout: float = TIMEOUT
    ) -> None:
        """`load` gives what each is told first, by its number."""
        self.count, self.timeout = count, timeout
        self._start, self._load, self._number = start, load, 0
        self._workers: list[Worker] = []
        self._ended = weakref.finalize(self, _kill, self._workers)

    def start(self) -> None:
        """Without waiting until they have loaded."""
        if self._workers:
            return
        self._inbox: Inbox = SimpleQueue()
        self._states = [_State() for _ in range(self.count)]
        for number in range(self.count):
            self._workers.append(self._start(number, self._inbox))
        self._loading = self._enqueue(self._to_all("load", self._load))

    def wait(self, check_cancel: Callable[[], None] | None = None) -> None:
        """Until all have loaded. Raises InputError where one cannot."""
        self.start()
        if self._loading:
            for _ in self._answers(self._loading, check_cancel):
                pass
            self._loading = []

    def tell(self, kind: str, value: Any, check_cancel: Callable[[], None] | None = None) -> list[Any]:
        """The answers of all workers."""
        return list(self.ask(self._to_all(kind, lambda _: value), check_cancel))

    def ask(self, jobs: Sequence[Job], check_cancel: Callable[[], None] | None = None) -> Iterator[Any]:
        """The answers to the jobs, in order. Raises InputError where a worker is lost, stuck or fails."""
        self.wait(check_cancel)
        yield from self._answers(self._enqueue(jobs), check_cancel)

    def close(self) -> None:
        _kill(self._workers)

    @property
    def workers(self) -> tuple[Worker, ...]:
        """Those that run."""
        return tuple(self._workers)

    def _to_all(self, kind: str, value: Callable[[int], Any]) -> list[Job]:
        return [Job(range(number, number + 1), kind, value) for number in range(self.count)]

    def _enqueue(self, jobs: Collection[Job]) -> list[tuple[int, Job]]:
        numbered = []
        for job in jobs:
            self._number += 1
            numbered.append((self._number, job))
            for worker in job.workers:
                self._states[worker].waiting.append((self._number, job))
        for worker in range(self.count):
            self._fill(worker)
        return numbered

    def _fill(self, worker: int) -> None:
        state = self._states[worker]
        while state.waiting and len(state.sent) < AHEAD:
            number, job = state.waiting.popleft()
            if not state.sent:
                state.since = time.monotonic()
            state.sent.append(number)
            self._workers[worker].send((number, job.kind, job.value(worker)))

    def _answers(self, jobs: list[tuple[int, Job]], check_cancel: Callable[[], None] | None) -> Iterator[Any]:
        """Each once all of its workers have answered."""
        missing = {number: len(job.workers) for number, job in jobs}
        found: dict[int, dict[int, Any]] = defaultdict(dict)
        try:
            for number, job in jobs:
                while len(found[number]) < missing[number]:
                    if check_cancel is not None:
                        check_cancel()
                    self._receive(found, missing)
                yield found.pop(number)[job.workers[0]]
        except InputError:
            self.close()
            raise
        finally:
            self._drop(jobs)

    def _drop(self, jobs: list[tuple[int, Job]]) -> None:
        """Where the caller cancelled, what has not been sent is not computed, and the rest is not read."""
        left = any(state.waiting for state in self._states) if self._workers else False
        if left and any(len(job.workers) > 1 for _, job in jobs):  # some of a group would wait for the others
            self.close()
        for state in self._states:
            state.waiting.clear()

    def _receive(self, found: dict[int, dict[int, Any]], asked: Collection[int]) -> None:
        arrived = take(self._inbox, POLL)
        if arrived is None:
            self._check_stuck()
            return
        worker, answer = arrived
        name = self._workers[worker].name
        if isinstance(answer, Lost):
            raise InputError(
                f"{name} has ended ({answer}). Check its memory and its log (--debug), then run again."
            )
        number, outcome, value = answer
        state = self._states[worker]
        state.sent.popleft()
        state.since = time.monotonic()
        if number in asked:
            if outcome == "failed":
                raise InputError(f"{name} cannot continue: {value}")
            found[number][worker] = value
        self._fill(worker)

    def _check_stuck(self) -> None:
        now = time.monotonic()
        for worker, state in zip(self._workers, self._states, strict=True):
            if state.sent and now - state.since > self.timeout:
                raise InputError(
                    f"{worker.name} has not answered for {self.timeout:g} s and was stopped. Give it more time "
                    "(--worker-timeout; in Python worker_timeout=), or leave its device out (--devices)."
                )


def _kill(workers: list[Worker]) -> None:
    while workers:
        workers.pop().kill()
