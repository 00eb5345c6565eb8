"""How fast a run is, and how long it will still take."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

from torch import Tensor

from ..sampling.denoise import Progress

MANY = 20  # latent frames, of which one can be decoded to see how long it takes


class Pace:
    """How long a forward takes, on average since this was made."""

    def __init__(self) -> None:
        self.began = self.last = time.monotonic()
        self.ticks = self.left = 0

    def tick(self, done: int, planned: int) -> None:
        self.ticks, self.left, self.last = self.ticks + 1, planned - done, time.monotonic()

    @property
    def seconds(self) -> float:
        """Of one forward."""
        return (self.last - self.began) / self.ticks

    @property
    def remaining(self) -> str:
        return clock(self.seconds * self.left)


def clock(seconds: float) -> str:
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"


class EtaTracker:
    """Is called for every forward and step of a run; after the first step it says how long the rest will take."""

    def __init__(
        self, say: Callable[[str], None], decode: Callable[[Tensor], Iterator[Tensor]], advance: Progress
    ) -> None:
        """`decode` gives the frames of latents [1 16 t h w] in chunks; `advance` is called for forward passes too."""
        self.say, self.decode, self.advance = say, decode, advance
        self.pace, self.announced = Pace(), False

    def forward(self, done: int, planned: int, what: str) -> None:
        self.pace.tick(done, planned)
        self.advance(done, planned, what)

    def step(self, step: int, x: Tensor, denoised: Tensor) -> None:
        if not self.announced and self.pace.ticks:
            self.announced = True
            left = f"{self.pace.remaining} of sampling{self._decoding(denoised)}"
            self.say(f"A forward pass takes {self.pace.seconds:.3g} s; about {left} left.")

    def _decoding(self, latents: Tensor) -> str:
        """By one latent frame; nothing else tells how fast the VAE is."""
        if latents.shape[2] < MANY:
            return ""
        chunks = self.decode(latents[:, :, :2])
        next(chunks).cpu()  # the first is a single frame
        began = time.perf_counter()
        next(chunks).cpu()
        return f" and {clock((time.perf_counter() - began) * latents.shape[2])} of decoding"
