"""How the networks compute: compiled or not, by which attention, from which weights, kept where."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from ..errors import InputError
from ..weights.header import Header, ReadHeader, read_header
from ..weights.lora import Lora
from .adapter import AudioAdapter
from .attention_kernels import AUTO, IN_GRAPHS, NAMES, attention_kernel, use_attention
from .backbone import WanModel
from .checkpoint import load_model
from .compiling import can_compile, compile_blocks
from .fp8 import is_in_fp8
from .offloading import AT_ONCE, offload_blocks
from .sizes import count_blocks

WEIGHTS_DTYPES = ("fp8",)
OFFLOADS = ("none", "group")
CPU = torch.device("cpu")
OFFLOADED = re.compile(r"blocks\.\d+\.(?!audio_)")  # names of weights; audio layers stay on the device


@dataclass(frozen=True)
class Execution:
    """The video is the same but for rounding, which fp8 and SageAttention do most of."""

    compile: bool = False  # the blocks, when they are first called
    attention: str = AUTO  # a name of attention_kernels.NAMES
    weights_dtype: str | None = None  # of the blocks' weights: "fp8", or None as in the file
    offload: str = "none"  # "group": the blocks' weights wait in system memory

    def check(self) -> None:
        """Raises InputError for values that there are not."""
        if not isinstance(self.compile, bool):
            raise InputError(f"compile is {self.compile!r}; give True or False.")
        choices = {"attention": NAMES, "weights_dtype": (None, *WEIGHTS_DTYPES), "offload": OFFLOADS}
        for name, known in choices.items():
            if (value := getattr(self, name)) not in known:
                listed = ", ".join(str(each) for each in known if each is not None)
                raise InputError(f"The {name.replace('_', ' ')} {value!r} is unknown; use one of {listed}.")

    @property
    def fp8(self) -> bool | None:
        """As `load_model` takes it."""
        return True if self.weights_dtype == "fp8" else None

    def load(
        self,
        path: Path,
        audio_path: Path | None = None,
        dtype: torch.dtype = torch.float32,
        device: torch.device = CPU,
        read: ReadHeader = read_header,
        loras: Sequence[Lora] = (),
    ) -> tuple[WanModel, AudioAdapter | None, dict[str, Any]]:
        """`load_model` for forward passes. Raises InputError, before it reads weights, where it cannot compute so."""
        compiled = self.compile and can_compile(device)
        kept = "cpu" if self.offload == "group" else device
        model, adapter, metadata = load_model(
            path, audio_path, dtype, kept, read=read, fp8=self.fp8, loras=loras
        )
        kernel = attention_kernel(self.attention, model.config.head_dim, dtype, device)
        use_attention(kernel, model, adapter)
        if self.offload == "group":
            offload_blocks(model, device)
            if adapter is not None:
                adapter.to(device)
        if compiled:
            compile_blocks(model, adapter, whole_graphs=self.attention in IN_GRAPHS)
        return model, adapter, metadata


AS_LOADED = Execution()


@dataclass(frozen=True)
class NetworkBytes:
    """Of the weights of backbone and audio layers."""

    resident: int  # on the device all the while
    waiting: int  # in system memory, of offloaded blocks
    at_once: int  # of those, on the device while they compute

    @classmethod
    def of(cls, headers: Iterable[Header], itemsize: int, execution: Execution) -> NetworkBytes:
        """itemsize: bytes of a number that is computed with."""
        resident = waiting = unpacked = blocks = 0
        for header in headers:
            for name, shape in header.shapes.items():
                in_fp8 = is_in_fp8(name, shape, header.formats[name], execution.fp8)
                size = math.prod(shape) * (1 if in_fp8 else itemsize)
                unpacked = max(unpacked, in_fp8 * math.prod(shape) * itemsize)
                offloaded = execution.offload == "group" and OFFLOADED.match(name) is not None
                waiting, resident = waiting + offloaded * size, resident + (not offloaded) * size
            blocks = max(blocks, count_blocks(header, "self_attn"))
        return cls(resident, waiting, AT_ONCE * waiting // max(blocks, 1) + unpacked)
