"""What the backbone is told about the given pixels: 4 mask channels, then 16 condition latent channels.

Method section 4 (the paper's V_s and V_m). A condition belongs to one window: the causal VAE restarts at the
window's own first frame, so a slice of one long encoding is not the same.
"""

from __future__ import annotations

from typing import Protocol

import torch
from einops import rearrange
from torch import Tensor

from ..errors import InputError
from ..timeline import SIZE_MULTIPLE
from .masks import mask_to_latent, regenerated_cells, snap_holes


class VideoEncoder(Protocol):
    def encode(self, video: Tensor) -> Tensor:
        """[b 3 f h w] in -1..1 -> normalised latents [b 16 t h w]."""
        ...


def condition_latent(vae: VideoEncoder, video: Tensor, given: Tensor) -> Tensor:
    """Blank what is not given, encode, and put the mask in front.

    video [b 3 f h w] in -1..1, given [b f h w] of 0 and 1, whole over each causal group -> [b 20 t h/8 w/8].
    A batch may mix `given_nothing`, `given_first` and `given_outside`.
    """
    latent = vae.encode(video * given.unsqueeze(1))
    return torch.cat([mask_to_latent(given).to(latent), latent], dim=1)


def given_nothing(video: Tensor) -> Tensor:
    """No picture: [b 3 f h w] -> zeros [b f h w]."""
    return torch.zeros_like(video[:, 0])


def given_first(video: Tensor) -> Tensor:
    """Image animation: frame 0 of [b 3 f h w] and nothing else, [b f h w]."""
    given = given_nothing(video)
    given[:, 0] = 1
    return given


def given_outside(holes: Tensor) -> Tensor:
    """Video editing: all but the snapped holes (1 = regenerated), frame 0 whole; [b f h w] -> the same."""
    given = 1 - snap_holes(holes)
    given[:, 0] = 1
    return given


def image_animation(vae: VideoEncoder, picture: Tensor, window_frames: int) -> Tensor:
    """Condition of a window that starts from a picture [h w 3] in 0..1: [1 20 t h/8 w/8] on the CPU.

    It does not depend on where the window starts: one serves all windows of the same length.
    """
    _check_size(picture)
    video = _as_video(picture.expand(window_frames, -1, -1, -1))
    return condition_latent(vae, video, given_first(video)).float().cpu()


def no_picture(vae: VideoEncoder, window_frames: int, height: int, width: int) -> Tensor:
    """Condition of a window without a picture: mask 0, empty video encoded; [1 20 t h/8 w/8] on the CPU."""
    video = torch.zeros(1, 3, window_frames, height, width)
    return condition_latent(vae, video, given_nothing(video)).float().cpu()


def video_editing(vae: VideoEncoder, frames: Tensor, holes: Tensor) -> Tensor:
    """Condition of a window that shows frames [f h w 3] in 0..1 but for the holes [f h w], 1 = to be regenerated,
    and the first one whole: [1 20 t h/8 w/8] on the CPU.

    Raises InputError for a size off the 16 px grid.
    """
    _check_size(frames)
    return condition_latent(vae, _as_video(frames), given_outside(holes[None])).float().cpu()


def pinned_source(vae: VideoEncoder, frames: Tensor, holes: Tensor) -> Tensor:
    """What pinning keeps of a window of frames [f h w 3] in 0..1 with holes [f h w], 1 = to be regenerated:
    [1 1+16 t h/8 w/8] on the CPU, first the cells of the holes (1), then the latents of the frames.

    Raises InputError for a size off the 16 px grid.
    """
    _check_size(frames)
    latent = vae.encode(_as_video(frames)).float().cpu()
    return torch.cat([regenerated_cells(holes)[None, None].to(latent), latent], dim=1)


def _as_video(frames: Tensor) -> Tensor:
    return rearrange(frames, "f h w c -> 1 c f h w") * 2 - 1


def _check_size(frames: Tensor) -> None:
    height, width = frames.shape[-3:-1]
    if height % SIZE_MULTIPLE or width % SIZE_MULTIPLE:
        raise InputError(
            f"The picture is {width}x{height}; both sides must be multiples of {SIZE_MULTIPLE}. "
            "Resize or crop it first."
        )
