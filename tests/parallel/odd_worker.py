"""A worker that does as it is told, good or bad."""

from __future__ import annotations

import os
import signal
import sys
import time

from skyreels_core.errors import InputError
from skyreels_core.parallel.serving import serve


def handle(kind, value):
    if kind == "sleep":
        time.sleep(value)
    elif kind == "die":
        os.kill(os.getpid(), signal.SIGKILL)
    elif kind == "leave":
        sys.stderr.write(f"{value}\n")
        os._exit(3)
    elif kind == "refuse":
        raise InputError(value)
    elif kind == "break":
        raise RuntimeError(value)
    elif kind == "pid":
        return os.getpid()
    elif kind == "print":
        print(value)
    elif kind == "load" and value is not None:
        return handle(*value)
    return value


def main():
    serve(handle)
