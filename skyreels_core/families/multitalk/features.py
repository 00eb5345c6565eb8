"""A voice as the MultiTalk family encodes it: for each frame of the video its own states of a wav2vec2 encoder and
those of its neighbours.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d, pad

from ...audio.features import AudioFeatures, at_frame_times
from ...errors import InputError
from ...media.sound import Audio
from ...model.wav2vec import STATE_RATE
from ...timeline import SIZE_MULTIPLE, Timeline, first_frame, frames_of
from ...windows import Window

REACH = 2  # frames of context on each side
MOST_SHARED = 0.5  # of the smaller mask: soft edges overlap, two people do not


@dataclass(frozen=True, eq=False)
class MultiTalkVoice(AudioFeatures):
    """The voice of a video, of one speaker or of two."""

    states: tuple[Tensor, ...]  # of each speaker [f layers width] float32, one for each frame of the timeline
    timeline: Timeline
    masks: Tensor | None = None  # of two speakers, `speaker_masks`
    audio: Audio | None = field(default=None, compare=False)  # of all speakers, as long as the timeline

    @property
    def width(self) -> int:
        """Numbers in the state of one frame."""
        return self.states[0][0].numel()

    def features_for(self, window: Window) -> Tensor:
        """What the frames of a window hear, [speakers f 5 layers width]."""
        frames = first_frame(window.start), frames_of(window.length)
        return torch.stack([features_of_frames(states, *frames) for states in self.states])


def states_of_frames(states: Tensor, timeline: Timeline) -> Tensor:
    """States at 25 a second [n ...] -> those of the timeline's frames [f ...]: themselves at 25 fps, else between
    the two that are nearest to a frame's centre."""
    if timeline.fps == STATE_RATE and len(states) == timeline.frames:
        return states
    return at_frame_times(states, STATE_RATE, timeline)


def features_of_frames(states: Tensor, first: int, count: int) -> Tensor:
    """What the frames first..first+count-1 are conditioned on: [f layers width] -> [count 5 layers width].

    Each frame is conditioned on two on either side; before the voice and after it, its first and last state.
    """
    frames = torch.arange(first, first + count)[:, None] + torch.arange(-REACH, REACH + 1)
    return states[frames.clamp(0, len(states) - 1)]


def packed(heard: Tensor) -> tuple[Tensor, Tensor]:
    """[n 1+4k 5 layers width] -> what latent frame 0 hears [n 1 5 layers width], and what each of the others does
    [n k 8 layers width]: of its first frame the past, of its last one the future, of all
    four the present."""
    group = heard[:, 1:].unflatten(1, (-1, 4))
    parts = [group[:, :, 0, : REACH + 1], group[:, :, 1:3, REACH], group[:, :, 3, REACH:]]
    return heard[:, :1], torch.cat(parts, dim=2)


def place(samples: Tensor, start: int, length: int) -> Tensor:
    """A voice [n] from sample `start` on in silence of `length` samples."""
    return pad(samples, (start, length - start - len(samples)))


def speaker_masks(masks: list[Tensor]) -> Tensor:
    """Where each of two speakers is, [h w] in 0..1 at the video's size -> [3 n] over the backbone's tokens: the
    first, the second, neither. What is in both, as at soft edges, is of the speaker whose middle is nearer.
    Raises InputError for a mask that holds no token, and for two that are about the same place."""
    sizes = [f"{mask.shape[1]}x{mask.shape[0]}" for mask in masks]
    if len(set(sizes)) > 1:
        raise InputError(
            f"The masks of the speakers are {' and '.join(sizes)}. Give masks of the video's size."
        )
    tokens = torch.stack([avg_pool2d(mask[None].float(), SIZE_MULTIPLE)[0] > 0.5 for mask in masks])
    for number, mask in enumerate(tokens, 1):
        if not mask.any():
            raise InputError(
                f"The mask of speaker {number} is empty, or smaller than {SIZE_MULTIPLE} pixels of the video. Paint "
                "the speaker white."
            )
    shared = tokens.all(0)
    overlap = float(shared.sum() / tokens.sum((1, 2)).min())
    if overlap > MOST_SHARED:
        raise InputError(
            f"The masks of the two speakers overlap: {overlap:.0%} of the smaller one is in both, so both "
            "people would speak with both voices. Give each speaker a mask of their own area."
        )
    tokens = tokens & (~shared | nearest(tokens & ~shared))
    tokens = tokens.flatten(1)
    return torch.cat([tokens, ~tokens.any(0, keepdim=True)]).float()


def nearest(masks: Tensor) -> Tensor:
    """Which of the masks' middles is nearest to each place, bool [m h w] -> the same."""
    middles = torch.stack([mask.nonzero().float().mean(0) for mask in masks])  # row, column
    places = torch.cartesian_prod(*(torch.arange(side).float() for side in masks.shape[1:]))
    first = torch.cdist(middles, places).argmin(0).reshape(masks.shape[1:])
    return first == torch.arange(len(masks))[:, None, None]
