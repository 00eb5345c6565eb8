"""What a window between two key frames is shown, and what it hears."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from einops import rearrange
from torch import Tensor

from ...conditioning.conditions import VideoEncoder
from ...conditioning.masks import causal_groups
from ...sampling.hybrid import Variant
from ...timeline import SPATIAL, TEMPORAL
from ...windows import Window
from .features import MultiTalkVoice
from .key_frames import HELD, WINDOW


@dataclass(frozen=True, eq=False)
class BetweenFrames:
    """A window that starts with some frames [m h w 3] in 0..1 and ends in a key frame [h w 3]."""

    motion: Tensor
    key_frame: Tensor
    hybrid: None = None

    @property
    def size(self) -> tuple[int, int]:
        return self.key_frame.shape[1], self.key_frame.shape[0]

    def key(self, window: Window, variant: Variant) -> str:
        return "between"

    def condition(self, vae: VideoEncoder, window: Window, variant: Variant) -> Tensor:
        return between_frames(vae, self.motion, self.key_frame)

    def close(self) -> None:
        pass


def between_frames(vae: VideoEncoder, motion: Tensor, key: Tensor) -> Tensor:
    """The condition [1 20 t h/8 w/8] of a whole window, on the CPU; what is not given is grey.

    The mask's channels are the frames behind a latent frame, each for itself: the first of the frames that hold the
    key belongs to a latent frame whose others are not given.
    """
    height, width = key.shape[:2]
    blank = torch.full((WINDOW - len(motion) - HELD, height, width, 3), 0.5)
    frames = torch.cat([motion.float().cpu(), blank, key.float().cpu().expand(HELD, -1, -1, -1)])
    given = torch.zeros(WINDOW, height // SPATIAL, width // SPATIAL)
    given[: len(motion)] = given[-HELD:] = 1
    latent = vae.encode(rearrange(frames, "f h w c -> 1 c f h w") * 2 - 1).float().cpu()
    return torch.cat([causal_groups(given).movedim(1, 0)[None], latent], dim=1)


@dataclass(frozen=True, eq=False)
class VoiceFrom(MultiTalkVoice):
    """A voice as a pass gets it that starts later in the video; after its end it is read backwards, as published."""

    first: int = 0  # frames, a multiple of 4

    def features_for(self, window: Window) -> Tensor:
        return super().features_for(replace(window, start=window.start + self.first // TEMPORAL))


def voice_from(voice: MultiTalkVoice, first: int, length: int) -> VoiceFrom:
    """The voice from frame `first` on in a video of `length` frames."""
    missing = max(0, length - voice.timeline.frames)
    states = tuple(torch.cat([part, part[len(part) - missing :].flip(0)]) for part in voice.states)
    return VoiceFrom(states, voice.timeline, voice.masks, first=first)
