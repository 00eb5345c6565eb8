"""A stand-in for PyAV on a machine that has none: training here reads no video files, but imports what could."""

from __future__ import annotations

import sys
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from types import ModuleType

NAMES = ("av", "av.codec", "av.codec.context", "av.container", "av.error", "av.filter", "av.stream")


class _Missing(ModuleType):
    """Whatever is imported from it is a class that nothing can be made of."""

    def __getattr__(self, name: str) -> type:
        if name.startswith("__"):
            raise AttributeError(name)

        def refuse(self, *args: object) -> None:
            raise ImportError("PyAV is not installed, and this needs it: pip install av")

        return type(name, (Exception,), {"__init__": refuse, "__module__": self.__name__})


def stand_in() -> bool:
    """Put the stand-in where PyAV is missing; whether it is."""
    if find_spec("av") is not None and not isinstance(sys.modules.get("av"), _Missing):
        return False
    for name in NAMES:
        module = _Missing(name)
        module.__spec__, module.__path__ = ModuleSpec(name, None), []
        module.__dict__["__version__"] = "0.0"
        sys.modules[name] = module
    return True
