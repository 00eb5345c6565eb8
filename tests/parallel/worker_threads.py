"""Workers as threads of this process: the messages and the answers are those of processes, the start costs nothing."""

from __future__ import annotations

import io
from queue import SimpleQueue
from threading import Thread

from skyreels_core.parallel.devices import Devices
from skyreels_core.parallel.messages import read_message, write_message
from skyreels_core.parallel.serving import answer
from skyreels_core.pipeline.dealt import Workers
from skyreels_core.pipeline.worker import CoreWorker, ModelSpec


def through_a_pipe(message):
    stream = io.BytesIO()
    write_message(stream, message)
    stream.seek(0)
    return read_message(stream)


class ThreadWorker:
    def __init__(self, number, handler, inbox):
        self.name = f"Worker {number + 1}"
        self.number, self.handler, self.inbox = number, handler, inbox
        self.requests = SimpleQueue()
        Thread(target=self.run, daemon=True).start()

    def send(self, message):
        self.requests.put(through_a_pipe(message))

    def kill(self):
        self.requests.put(None)

    def run(self):
        while (message := self.requests.get()) is not None:
            self.inbox.put((self.number, through_a_pipe(answer(self.handler, message))))


class CountingWorker(CoreWorker):
    """Remembers which units it computed."""

    def __init__(self):
        super().__init__()
        self.units = []

    def evaluate(self, request):
        self.units.append(request.unit)
        return super().evaluate(request)


class ThreadWorkers(Workers):
    def __init__(self, count, spec: ModelSpec):
        self.handlers = []
        super().__init__(Devices(("cpu",) * count), spec)

    def _start(self, number, inbox):
        self.handlers.append(CountingWorker())
        return ThreadWorker(number, self.handlers[-1], inbox)
