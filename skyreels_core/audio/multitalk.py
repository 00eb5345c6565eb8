"""A voice as the MultiTalk family hears it: for each frame of the video its own states of a wav2vec2 encoder and
those of its neighbours.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ..sampling.fusion import Window
from ..timeline import Timeline, first_frame, frames_of

STATE_RATE = 25  # states of the encoder per second, the frame rate of the family
REACH = 2  # frames heard on each side


@dataclass(frozen=True, eq=False)
class SpokenFrames:
    states: Tensor  # [f layers width] float32, one for each frame of the timeline
    timeline: Timeline

    @property
    def features(self) -> int:
        """Numbers in the state of one frame."""
        return self.states[0].numel()


def states_of_frames(states: Tensor, timeline: Timeline) -> Tensor:
    """States at 25 a second [n ...] -> those of the timeline's frames [f ...]: themselves at 25 fps, else between
    the two that are nearest to a frame's centre."""
    if timeline.fps == STATE_RATE and len(states) == timeline.frames:
        return states
    centre = (torch.arange(timeline.frames, dtype=torch.float64) + 0.5) * STATE_RATE / timeline.fps - 0.5
    centre = centre.clamp(0, len(states) - 1)
    before = centre.floor().long()
    share = (centre - before).to(states).reshape(-1, *[1] * (states.ndim - 1))
    return torch.lerp(states[before], states[(before + 1).clamp(max=len(states) - 1)], share)


def heard_by(states: Tensor, first: int, count: int) -> Tensor:
    """What the frames first..first+count-1 hear: [f layers width] -> [count 5 layers width].

    Each frame hears two on either side; before the voice and after it, its first and last state.
    """
    frames = torch.arange(first, first + count)[:, None] + torch.arange(-REACH, REACH + 1)
    return states[frames.clamp(0, len(states) - 1)]


def heard_in(states: Tensor, window: Window) -> Tensor:
    """What the frames of a window hear, [f 5 layers width]."""
    return heard_by(states, first_frame(window.start), frames_of(window.length))


def packed(heard: Tensor) -> tuple[Tensor, Tensor]:
    """[speakers 1+4k 5 layers width] -> what latent frame 0 hears [speakers 1 5 layers width], and what each of
    the others does [speakers k 8 layers width]: of its first frame the past, of its last one the future, of all
    four the present."""
    group = heard[:, 1:].unflatten(1, (-1, 4))
    parts = [group[:, :, 0, : REACH + 1], group[:, :, 1:3, REACH], group[:, :, 3, REACH:]]
    return heard[:, :1], torch.cat(parts, dim=2)
