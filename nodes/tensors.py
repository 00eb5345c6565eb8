"""What sockets carry as the core takes it: float32 on the CPU."""

from __future__ import annotations

from torch import Tensor

from ..skyreels_core.media.footage import InMemoryFrames
from ..skyreels_core.media.region import Region


def to_frames(images: Tensor) -> Tensor:
    """An IMAGE socket's value without its alpha, [f h w 3]."""
    return images[..., :3].float().cpu()


def to_region(value: Tensor | Region) -> Region:
    """The value of a MASK socket, or of one of regions."""
    return InMemoryFrames(to_mask(value)) if isinstance(value, Tensor) else value


def to_mask(mask: Tensor) -> Tensor:
    """A MASK socket's value, [f h w]."""
    return mask.reshape(-1, *mask.shape[-2:]).float().cpu()
