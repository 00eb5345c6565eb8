"""What an object of a graph holds, as values that tell one run from another and are the same after a restart.

What cannot be looked into gets a name that nothing else has: its run begins anew, rather than resume a wrong one.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from functools import partial
from pathlib import Path
from threading import Lock, RLock
from types import BuiltinFunctionType, FunctionType, MethodType, ModuleType
from typing import Any
from uuid import uuid4

import comfy.model_patcher
import numpy as np
import torch
from torch import Tensor

from ...skyreels_core.media.footage import Frames
from ...skyreels_core.run.resume.fingerprint import digest, digest_frames
from .patches import AudioPatch
from .weight_digests import readable_digest, tensor_parts, unpatched, weights_of

logger = logging.getLogger(__name__)

FrameDigests = dict[int, tuple[Frames, str]]  # by the id of frames, held so that it stays theirs

PACK = __name__.rsplit(".", 3)[0]
PLAIN = (str, int, float, bool, type(None), torch.dtype)
CONTAINERS = (Mapping, list, tuple, set, frozenset)
FUNCTIONS = (FunctionType, MethodType, BuiltinFunctionType, partial)
NAMED = (ModuleType, logging.Logger, type)
EMPTY = (type(Lock()), type(RLock()), object)
ENCODERS = ("first_stage_model", "encode_image")  # what a VAE has, and a CLIP vision model
ADAPTERS = "comfy.weight_adapter"  # LoRA of the host
USUAL = {"multiplier": 1000, "noise_scale": 1.0}  # of the host's model sampling
SMALL = 1 << 20  # numbers of a module that are all read; of a larger one some of each weight
MOST = 10_000  # objects that are looked into; what holds more is no option of a run


class Contents:
    """One look at what goes into a run."""

    def __init__(self, frames: FrameDigests | None = None, own: Any = None, within: bool = False) -> None:
        """`own` is the MODEL of the run, whose network is not looked into; `within` one of its clones."""
        self.frames = {} if frames is None else frames
        self.model, self.within = own, within
        self.own = set() if own is None else {id(module) for module in own.model.modules()}
        self.met: dict[int, object] = {}  # held, so that their ids stay theirs
        self.around: list[int] = []  # ids of what is being looked into

    def parts(self, value: Any) -> Iterator[object]:
        """Of networks the digest of their weights, of frames that of their pixels; of all else what lies in it."""
        if isinstance(value, Tensor):
            yield from tensor_parts(value)
        elif isinstance(value, Path):
            yield value if value.is_file() else str(value)
        elif isinstance(value, PLAIN):
            yield value
        elif isinstance(value, Frames) and not isinstance(value, type):
            yield self._digest(value)
        elif id(value) in self.around:
            yield "what it lies in"
        else:
            self.around.append(id(value))
            yield from self._inside(value)
            self.around.pop()

    def _digest(self, frames: Frames) -> str:
        if id(frames) not in self.frames:
            self.frames[id(frames)] = frames, digest_frames(frames.stream())
        return self.frames[id(frames)][1]

    def _inside(self, value: Any) -> Iterator[object]:
        if isinstance(value, CONTAINERS):
            yield from self._items(value)
        elif is_dataclass(value) and not isinstance(value, type):
            ours = type(value).__module__.startswith(PACK)
            for field in fields(value):
                if field.compare or not ours:
                    yield from self.parts(getattr(value, field.name))
        elif hasattr(value, "patcher") and any(hasattr(value, name) for name in ENCODERS):
            yield readable_digest(weights_of(value.patcher))
        elif isinstance(value, AudioPatch):
            yield from (type(value).__name__, *value.traits)
        elif type(value).__module__.startswith(ADAPTERS) and hasattr(value, "weights"):
            yield from self.parts(value.weights)
        elif isinstance(value, FUNCTIONS):
            yield from self._function(value)
        elif isinstance(value, torch.nn.Module):
            yield from self._module(value)
        else:
            yield from self._object(value)

    def _items(self, value: Any) -> Iterator[object]:
        if isinstance(value, Mapping):
            for name in sorted(value, key=str):
                yield str(name)
                yield from self.parts(value[name])
        elif isinstance(value, set | frozenset):  # in an order of their own after each restart
            items = sorted(value, key=lambda item: digest(*self.parts(item)))
            yield from self.parts(items)
        else:
            for item in value:
                yield from self.parts(item)
        if more := getattr(value, "__dict__", None):
            yield from self.parts(more)

    def _module(self, module: torch.nn.Module) -> Iterator[object]:
        """Such as the host's model sampling, with its shift."""
        module = getattr(module, "_orig_mod", module)  # compiled
        if id(module) in self.own:
            yield "of the model"
            return
        weights, known = module.state_dict(), {"training", "shift"}
        small = sum(weight.numel() for weight in weights.values() if isinstance(weight, Tensor)) <= SMALL
        yield type(module).__name__
        yield from self.parts(weights if small else readable_digest(weights))
        yield from self.parts(getattr(module, "shift", None))
        yield from self.parts({
            name: value
            for name, value in vars(module).items()
            if not (name.startswith("_") or name in known or USUAL.get(name) == value)
        })  # fmt: skip

    def _function(self, function: Any) -> Iterator[object]:
        """With what it closes over. What ours depend on is told by `AudioPatch` and the settings."""
        yield type(function).__name__
        inner = getattr(function, "func", getattr(function, "__func__", function))
        if (getattr(inner, "__module__", None) or "").startswith(PACK):
            return
        if isinstance(function, partial):
            yield from self.parts([function.func, function.args, function.keywords])
        elif isinstance(function, MethodType):
            yield from self.parts([function.__func__, function.__self__])
        elif isinstance(function, BuiltinFunctionType):
            yield from self.parts([function.__module__, function.__qualname__, function.__self__])
        elif self._is_new(function):
            code, cells = function.__code__, function.__closure__ or ()
            yield from (function.__module__, function.__qualname__, code.co_code.hex(), *code.co_names)
            yield from self.parts([it for it in code.co_consts if isinstance(it, PLAIN)])
            yield from self.parts([_content(cell) for cell in cells])
            yield from self.parts([function.__defaults__, function.__kwdefaults__])

    def _object(self, value: Any) -> Iterator[object]:
        yield type(value).__name__
        if isinstance(value, NAMED):
            yield f"{getattr(value, '__module__', '')} {getattr(value, '__qualname__', getattr(value, 'name', ''))}"
        elif isinstance(value, np.ndarray) and value.dtype != object:
            yield f"{value.dtype} {value.shape} {hashlib.sha256(np.ascontiguousarray(value)).hexdigest()}"
        elif isinstance(value, bytes | bytearray):
            yield hashlib.sha256(value).hexdigest()
        elif isinstance(value, comfy.model_patcher.ModelPatcher):
            yield from self._model(value)
        elif type(value) not in EMPTY and self._is_new(value):
            yield from self._state(value)

    def _model(self, patcher: Any) -> Iterator[object]:
        """Another MODEL than that of the run, or a clone of this one, which may have other patches."""
        own, inside = id(patcher.model) in self.own, self
        if own:
            yield "of the model"
            inside = Contents(self.frames, self.model, within=True)
        if not self._is_new(patcher) or (own and self.within):
            return
        if not own:
            yield readable_digest(unpatched(patcher))
        yield from inside.parts([patcher.patches, patcher.object_patches, patcher.model_options])
        yield from inside.parts(patcher.get_nested_additional_models())

    def _state(self, value: Any) -> Iterator[object]:
        """What copying it would take along: C code keeps more than its attributes."""
        try:
            copied = object.__reduce_ex__(value, 2)
        except Exception:  # whatever code of others raises
            copied = None
        if copied is None or len(self.met) > MOST:
            kind = f"{type(value).__module__}.{type(value).__qualname__}"
            logger.warning("What a %s holds cannot be read, so a run with it is not resumed.", kind)
            yield uuid4().hex
        elif isinstance(copied, str):
            yield copied
        else:
            yield from self.parts([part for part in copied[1] if part is not type(value)])
            yield from self.parts([_filled(part) for part in _states(copied)])
            yield from self.parts([list(items) for items in copied[3:5] if items is not None])

    def _is_new(self, value: object) -> bool:
        """What was met before is the same object, wherever it lies."""
        new = id(value) not in self.met
        self.met[id(value)] = value
        return new


def _content(cell: Any) -> object:
    try:
        return cell.cell_contents
    except ValueError:  # not set yet
        return None


def _states(copied: tuple) -> list[Any]:
    """Attributes, and those in slots."""
    state = copied[2] if len(copied) > 2 else None
    return list(state) if isinstance(state, tuple) and len(state) == 2 else [state]


def _filled(state: Any) -> Any:
    """An attribute that is None tells nothing."""
    return {name: it for name, it in state.items() if it is not None} if isinstance(state, Mapping) else state
