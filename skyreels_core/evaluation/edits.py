"""What an edit did around its region: what changed outside, which colour its surroundings have, and its edge."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ..media.colour import rgb_to_lab
from ..media.compositing import Changed, Layers
from .edges import steps_over_edge


@dataclass(frozen=True)
class EditFindings:
    outside_db: float | None  # PSNR before compositing; None where nothing changed
    ring_shift: (
        tuple[float, float, float] | None
    )  # L, a, b of the generated ring minus the source's; None: no ring
    edge_jump: (
        float | None
    )  # mean step over the edge beyond the source's, 0..1; None: no edge inside the picture
    edge_ratio: float | None  # mean step over the edge, in steps of the source's own

    def __str__(self) -> str:
        parts = []
        if self.outside_db is not None:
            parts.append(f"outside the mask {self.outside_db:.1f} dB before compositing")
        if self.ring_shift is not None:
            parts.append("around it L {:+.1f}, a {:+.1f}, b {:+.1f} from the source".format(*self.ring_shift))
        if self.edge_jump is not None:
            ratio = "" if self.edge_ratio is None else f", {self.edge_ratio:.2f} times the source's own"
            parts.append(f"step over its edge {255 * self.edge_jump:.1f} of 255 beyond the source's{ratio}")
        return f"Edit: {'; '.join(parts) or 'nothing was regenerated'}."


class EditMeter(Changed):
    """Of frames that come one by one. The ring is where the mask's edge is feathered."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        super().__init__()
        self.shift, self.ring = torch.zeros(3, dtype=torch.float64), 0
        self.jumps, self.edited, self.own, self.steps = 0.0, 0.0, 0.0, 0

    def add(self, layer: Layers, composited: Tensor) -> None:
        super().add(layer, composited)
        ring = (layer.weight > 0) & (layer.weight < 1)
        self.shift += (rgb_to_lab(layer.made[ring]) - rgb_to_lab(layer.original[ring])).double().sum(0)
        self.ring += int(ring.sum())
        inside = layer.weight >= 1
        edited, own = (steps_over_edge(frame, inside) for frame in (composited, layer.original))
        self.jumps += float((edited - own).abs().sum())
        self.edited, self.own = self.edited + float(edited.abs().sum()), self.own + float(own.abs().sum())
        self.steps += own.numel()

    def merge(self, other: EditMeter) -> None:
        """As if the frames of the other one had passed here too."""
        self.made.merge(other.made)
        self.composited.merge(other.composited)
        self.shift += other.shift
        self.ring += other.ring
        self.jumps += other.jumps
        self.edited, self.own = self.edited + other.edited, self.own + other.own
        self.steps += other.steps

    def findings(self) -> EditFindings:
        outside, shift = self.made.error(), (self.shift / max(self.ring, 1)).tolist()
        return EditFindings(
            outside.psnr if outside.largest else None,
            (shift[0], shift[1], shift[2]) if self.ring else None,
            self.jumps / self.steps if self.steps else None,
            self.edited / self.own if self.own else None,
        )
