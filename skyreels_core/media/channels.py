"""Channels of sound by their places: other layouts, two for a video, one for a speech encoder.

The coefficients are those of ITU-R BS.775: what stands in the centre or behind is shared out at 0.707 (-3 dB), the
low frequency effects are left out. A channel that is the only one with sound keeps its level.
"""

from __future__ import annotations

import av
import numpy as np
import torch
from scipy.ndimage import maximum_filter1d
from torch import Tensor

# layouts by their count of channels
USUAL = ("", "mono", "stereo", "3.0", "quad", "5.0", "5.1", "6.1", "7.1")
HALF = 0.5**0.5  # -3 dB, half the power
PLACES = {  # shares of left and right
    "FL": (1, 0), "FR": (0, 1), "FC": (HALF, HALF), "LFE": (0, 0), "LFE2": (0, 0), "BC": (0.5, 0.5),
    "BL": (HALF, 0), "BR": (0, HALF), "SL": (HALF, 0), "SR": (0, HALF), "FLC": (1, 0), "FRC": (0, 1),
    "WL": (HALF, 0), "WR": (0, HALF), "DL": (1, 0), "DR": (0, 1), "TC": (0.5, 0.5), "TFC": (0.5, 0.5),
    "TBC": (0.5, 0.5), "TFL": (HALF, 0), "TFR": (0, HALF), "TBL": (HALF, 0), "TBR": (0, HALF),
    "TSL": (HALF, 0), "TSR": (0, HALF), "BFC": (0.5, 0.5), "BFL": (HALF, 0), "BFR": (0, HALF),
}  # fmt: skip
ALIKE = {"SL": "BL", "SR": "BR", "BL": "SL", "BR": "SR"}  # surrounds, which layouts name either way
SILENT = 10 ** (-30 / 20)  # of the loudest channel's peak; a dead one hums and hisses less
FEW = 100  # samples, in which nobody can tell
CANCELLED = 0.25  # of the power that the channels have one by one; uncorrelated ones keep it all
BLOCK_SECONDS = 0.5  # in which channels are compared
QUIET = 10 ** (-40 / 20)  # of the loudest block, in which there is nothing to compare


def layout_of(name: str, channels: int) -> str:
    """FFmpeg's name of a layout; where a file states none, the usual one of as many channels, "" of unusual many."""
    known = bool(name) and all(channel in PLACES for channel in _names(name))
    return name if known else USUAL[channels] if channels < len(USUAL) else ""


def remix(samples: np.ndarray, layout: str, target: str, channels: int) -> np.ndarray:
    """[c n] -> [channels n] in another layout of as many channels or more, each at its level.

    One channel alone is on both sides of a layout without a centre.
    """
    if layout == target and len(samples) == channels:
        return samples
    wanted = _names(target) if target else [str(index) for index in range(channels)]
    given = _names(layout) if layout and target else [str(index) for index in range(len(samples))]
    matrix = np.zeros((channels, len(given)), np.float32)
    for column, name in enumerate(given):
        matrix[:, column] = _shares(name, wanted, alone=len(given) == 1)
    return matrix @ samples


def to_mono_or_stereo(samples: Tensor, layout: str) -> Tensor:
    """[c n] -> [1 n] or [2 n]: one or two channels as they are, more by their places, quieter where they would clip.

    Where only one channel holds sound, or nobody knows the places, there is no left and right.
    """
    if len(samples) <= 2:
        return samples
    sounding = _sounding(samples)
    if not layout or len(sounding) == 1:
        return _mean(samples, sounding)
    mixed = torch.tensor([PLACES[name] for name in _names(layout)]).T @ samples
    peak = float(mixed.abs().max()) if mixed.numel() else 0.0
    return mixed * (max(1.0, float(samples.abs().max())) / peak) if peak > 1 else mixed


def to_mono(samples: Tensor, layout: str, sample_rate: int) -> tuple[Tensor, float]:
    """[c n] -> [n] for a speech encoder, and the seconds in which the channels cancel out.

    A voice in the centre, or the same on both sides, keeps its level. Where channels cancel out, as of a cable with
    its poles swapped, the loudest is taken instead of them.
    """
    sounding = _sounding(samples)
    if len(sounding) == 1:
        return samples[sounding[0]], 0.0
    if len(samples) == 2 or not layout:
        weights = torch.zeros(len(samples))
        weights[sounding] = 1 / len(sounding)
        mixed = _mean(samples, sounding)[0]
    else:
        names = _names(layout)
        weights = torch.tensor([1.0 if name == "FC" else sum(PLACES[name]) / 2 for name in names])
        mixed = weights @ samples
    return _without_cancelling(samples, weights, mixed, sample_rate)


def _names(layout: str) -> list[str]:
    return [channel.name for channel in av.AudioLayout(layout).channels]


def _shares(name: str, wanted: list[str], alone: bool) -> list[float]:
    """How loud a channel is in each of those of another layout."""
    place = next((it for it in (name, ALIKE.get(name)) if it in wanted), None)
    if place is not None:
        return [float(it == place) for it in wanted]
    left, right = (1.0, 1.0) if alone else PLACES.get(name, (0.0, 0.0))
    return [left * (it == "FL") + right * (it == "FR") for it in wanted]


def _sounding(samples: Tensor) -> list[int]:
    """The channels that hold sound; all of them where none does."""
    if samples.shape[1] < FEW:
        return list(range(len(samples)))
    lowest, highest = torch.aminmax(samples, dim=1)
    levels = torch.maximum(-lowest, highest)  # peaks: a word in ten minutes is sound as well
    return (levels >= SILENT * levels.max()).nonzero()[:, 0].tolist()


def _mean(samples: Tensor, channels: list[int]) -> Tensor:
    chosen = samples if len(channels) == len(samples) else samples[channels]
    return chosen.mean(0, keepdim=True)


def _without_cancelling(
    samples: Tensor, weights: Tensor, mixed: Tensor, sample_rate: int
) -> tuple[Tensor, float]:
    if not mixed.numel():
        return mixed, 0.0
    length = min(round(BLOCK_SECONDS * sample_rate), len(mixed))
    levels = weights.abs()[:, None] * _levels(samples, length)  # [c blocks]
    apart, together = torch.linalg.vector_norm(levels, dim=0), _levels(mixed[None], length)[0]
    heard = apart > QUIET * apart.max()
    cancelled = together.square() < CANCELLED * apart.square()
    if not (heard & cancelled).any():
        return mixed, 0.0
    blocks = heard.nonzero()[:, 0].numpy()
    found = cancelled[heard].float().numpy()
    beside = maximum_filter1d(found, 3)  # the channel that is taken is as loud beside such a block
    share = np.interp(np.arange(len(mixed)), (blocks + 0.5) * length, beside).astype(np.float32)
    loudest = int(torch.linalg.vector_norm(levels, dim=1).argmax())
    seconds = float(found.sum()) * length / sample_rate
    return torch.lerp(mixed, samples[loudest], torch.from_numpy(share)), seconds


def _levels(samples: Tensor, length: int) -> Tensor:
    """[c n] -> [c blocks]: the magnitude of whole blocks; a rest shorter than one counts to none."""
    count = samples.shape[1] // length
    blocks = samples[:, : count * length].reshape(len(samples), count, length)
    return torch.linalg.vector_norm(blocks, dim=2)
