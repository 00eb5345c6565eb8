"""The memory of a device that a training step needs, reckoned without weights, clips or a GPU.

The step itself runs on tensors that have sizes and no data (PyTorch's FakeTensorMode); what lives at a time is counted.
"""

from __future__ import annotations

import weakref
from dataclasses import dataclass, fields, replace
from typing import Any

import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from ..model.adapter import AudioAdapter
from ..model.backbone import WanModel
from ..model.config import CLIP_WIDTH, LATENT_CHANNELS, PICTURE_CHANNELS, AudioConfig, WanConfig
from ..model.fp8 import block_layers, use_fp8
from ..timeline import SPATIAL, latent_frames
from .encoded import Batch
from .lora import LoraSettings, add_lora
from .memory import CPU, PLAIN, Elsewhere, Memory, save_memory
from .optimizers import block_matrices, state_bytes
from .transformer import AudioDrivenModel, Conditions

GIB = 2**30
TOKENS_A_SECOND, TOKENS_AROUND = 50, 16  # of the voice of a clip


@dataclass(frozen=True)
class Shape:
    """Of the clips of a batch, in frames and pixels."""

    clips: int
    frames: int
    width: int
    height: int
    fps: float = 25.0
    prompt: int = 128  # tokens

    @property
    def latent(self) -> tuple[int, int, int, int, int]:
        place = latent_frames(self.frames), self.height // SPATIAL, self.width // SPATIAL
        return (self.clips, LATENT_CHANNELS, *place)

    def __str__(self) -> str:
        return f"{self.frames} frames, {self.width}x{self.height}, {self.fps:g} fps"


@dataclass(frozen=True)
class Training:
    """What is trained, and how."""

    backbone: WanConfig
    audio: AudioConfig
    part: str  # as Leg.train
    kept: torch.dtype = torch.float32  # of the frozen weights
    computes: torch.dtype = torch.float32  # autocast's
    trained: torch.dtype = torch.float32  # of the weights that move
    checkpointing: bool = False
    lora: LoraSettings | None = None
    memory: Memory = PLAIN


@dataclass(frozen=True)
class Estimate:
    """Bytes; activations are all that a step needs beside the other four, when it needs the most."""

    frozen: int
    trained: int
    gradients: int
    optimizer: int
    activations: int

    @property
    def peak(self) -> int:
        return sum(getattr(self, field.name) for field in fields(self))

    def shared(self, devices: int, block: int) -> Estimate:
        """Of each of several devices, which split all but the activations; a block of so many bytes is whole where it
        computes, and so is the next one."""
        if devices == 1:
            return self
        split = {
            f.name: -(-getattr(self, f.name) // devices) for f in fields(self) if f.name != "activations"
        }
        return replace(self, **split, activations=self.activations + 2 * block)


class Counting(TorchDispatchMode):
    """Bytes of the tensors on the CPU that live, and the most that ever did."""

    def __init__(self) -> None:
        super().__init__()
        self.live = self.most = 0
        self.known: weakref.WeakKeyDictionary[Any, int] = weakref.WeakKeyDictionary()

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        made = function(*args, **(kwargs or {}))
        for tensor in tree_leaves(made):
            if isinstance(tensor, Tensor) and tensor.device == CPU:
                self._count(tensor.untyped_storage())
        return made

    def _count(self, storage: torch.UntypedStorage) -> None:
        if storage not in self.known:
            self.known[storage] = size = storage.nbytes()
            weakref.finalize(storage, self._release, size)
            self.live += size
            self.most = max(self.most, self.live)

    def _release(self, size: int) -> None:
        self.live -= size


def estimate(training: Training, shape: Shape) -> Estimate:
    """Of a step with one device."""
    model = _model(training)
    with FakeTensorMode(), Counting() as counting:
        _materialise(model)
        model.backbone.gradient_checkpointing = training.checkpointing
        model.saving = save_memory(model.backbone, training.memory, Elsewhere(CPU, torch.device("meta")))
        trained = model.train_only(training.part)
        moving = {id(weight) for weight in trained}
        frozen = sum(_bytes(w) for w in model.parameters() if id(w) not in moving)
        before, counting.most = counting.live, counting.live
        _step(model, training, shape)
        gradients = sum(_bytes(w.grad) for w in trained if w.grad is not None)
        most = counting.most - before
    matrices = {id(weight) for weight in block_matrices(model)}
    states = sum(state_bytes(training.memory.optimizer, weight, id(weight) in matrices) for weight in trained)
    weights = sum(_bytes(weight) for weight in trained)
    return Estimate(frozen, weights, gradients, states, max(0, most - gradients))


def largest_block(training: Training) -> int:
    """Bytes of a block of the backbone as it computes."""
    with torch.device("meta"):
        block = WanModel(replace(training.backbone, num_layers=1)).blocks[0]
        return sum(weight.numel() for weight in block.parameters()) * training.computes.itemsize


def _bytes(tensor: Tensor) -> int:
    return tensor.numel() * tensor.element_size()


def _model(training: Training) -> AudioDrivenModel:
    with torch.device("meta"):
        backbone = WanModel(training.backbone).to(training.kept).requires_grad_(False)
        if training.memory.fp8:
            use_fp8(backbone, block_layers(backbone))
        if training.lora is not None:
            add_lora(backbone, training.lora, seed=0)
        model = AudioDrivenModel(backbone, AudioAdapter(training.audio).to(training.trained))
    return model


def _materialise(model: nn.Module) -> None:
    """Put tensors of the CPU, which have no data here, in the place of those of the meta device."""
    for module in model.modules():
        for name, weight in module.named_parameters(recurse=False):
            made = torch.empty(weight.shape, dtype=weight.dtype, device=CPU)
            setattr(module, name, nn.Parameter(made, weight.requires_grad))


def _step(model: AudioDrivenModel, training: Training, shape: Shape) -> None:
    batch, told = _batch(training, shape)
    sigmas = torch.rand(shape.clips)
    lower = training.computes != torch.float32
    with torch.autocast("cpu", training.computes if lower else torch.bfloat16, enabled=lower):
        velocity = model(batch.latent, sigmas, batch, told, shape.fps)
    (velocity.float() - batch.latent).square().mean().backward()


def _batch(training: Training, shape: Shape) -> tuple[Batch, Conditions]:
    count, latent = shape.clips, torch.zeros(shape.latent)
    heard = round(shape.frames / shape.fps * TOKENS_A_SECOND) + TOKENS_AROUND
    condition = torch.zeros(count, PICTURE_CHANNELS - LATENT_CHANNELS, *shape.latent[2:])
    mask = torch.ones(count, heard, dtype=torch.bool)
    context = torch.zeros(count, shape.prompt, training.backbone.text_dim)
    batch = Batch(
        latent=latent,
        animation=condition,
        editing=condition,
        lips=torch.zeros(count, 1, *shape.latent[2:]),
        tokens=torch.zeros(count, heard, training.audio.width),
        key_positions=torch.zeros(count, heard, dtype=torch.float64),
        key_mask=mask,
        context=context,
        clip_fea=torch.zeros(count, 257, CLIP_WIDTH) if training.backbone.model_type == "i2v" else None,
    )
    return batch, Conditions(condition, context, mask, heard=True)
