"""Colour unification of a long video against its reference, in LAB, and the measures of drift and flicker.

Two passes that stream: `measure` every chunk, join and smooth the statistics, `apply` them chunk by chunk.
Source: the paper's post-processing step; the method is ours.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from scipy.ndimage import gaussian_filter
from torch import Tensor

from ..errors import InputError
from .footage import InMemoryFrames
from .region import check_region

log = logging.getLogger(__name__)

SMOOTHING_SECONDS = 1.0  # sigma of the Gaussian in time
GAIN_LIMITS = (0.7, 1.4)
SAMPLES = 65536  # pixels of a frame that the statistics look at, at most
OUTLIER = 2.5  # robust standard deviations from the median beyond which a pixel is something else
DEVIATION_OF_MAD = 1.4826  # standard deviation over median absolute deviation, of a normal distribution
DARKEST = 5.0  # L under which a ratio of lightness says nothing
CHUNK = 16  # frames that are measured at once
PASSES = 3  # over each frame of a clip: measured, corrected, measured again

SRGB_TO_XYZ = torch.tensor(
    [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]],
    dtype=torch.float64,
)
WHITE = SRGB_TO_XYZ.sum(1)  # D65, so that equal R, G and B have a = b = 0


def rgb_to_lab(rgb: Tensor) -> Tensor:
    """sRGB [... 3] in 0..1 -> CIE LAB [... 3] with L in 0..100 (D65)."""
    linear = torch.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055).clamp(min=0) ** 2.4)
    xyz = linear @ (SRGB_TO_XYZ / WHITE[:, None]).to(rgb).T
    cube_root = torch.where(xyz > 216 / 24389, xyz.clamp(min=1e-9) ** (1 / 3), (24389 / 27 * xyz + 16) / 116)
    x, y, z = cube_root.unbind(-1)
    return torch.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], -1)


def lab_to_rgb(lab: Tensor) -> Tensor:
    """The inverse of `rgb_to_lab`, clipped to the colours that sRGB has."""
    y = (lab[..., 0] + 16) / 116
    cube_root = torch.stack([y + lab[..., 1] / 500, y, y - lab[..., 2] / 200], -1)
    xyz = torch.where(cube_root > 6 / 29, cube_root**3, (116 * cube_root - 16) * 27 / 24389)
    linear = xyz @ (SRGB_TO_XYZ / WHITE[:, None]).inverse().to(lab).T
    curved = 1.055 * linear.clamp(min=0.0031308) ** (1 / 2.4) - 0.055
    return torch.where(linear <= 0.0031308, 12.92 * linear, curved).clamp(0, 1)


@dataclass(frozen=True)
class ColourStatistics:
    """How far each frame lies from the reference; NaN where nothing could be measured."""

    lightness: Tensor  # [f] L as a multiple of the reference's
    chroma: Tensor  # [f 2] a and b minus the reference's

    def __getitem__(self, frames: slice) -> ColourStatistics:
        return ColourStatistics(self.lightness[frames], self.chroma[frames])

    @classmethod
    def join(cls, chunks: Sequence[ColourStatistics]) -> ColourStatistics:
        return cls(torch.cat([c.lightness for c in chunks]), torch.cat([c.chroma for c in chunks]))

    def smoothed(self, fps: float, seconds: float = SMOOTHING_SECONDS) -> ColourStatistics:
        """Gaussian in time with sigma `seconds`; frames without a measurement lie between their neighbours."""
        values = torch.cat([self.lightness[:, None], self.chroma], 1).double().numpy()  # [f 3]
        measured = np.flatnonzero(np.isfinite(values).all(1))
        if not len(measured):
            log.warning("no frame could be measured against the reference: the colours are unchanged")
            return ColourStatistics(torch.ones_like(self.lightness), torch.zeros_like(self.chroma))
        frames = np.arange(len(values))
        whole = np.stack([np.interp(frames, measured, column[measured]) for column in values.T], 1)
        smooth = torch.from_numpy(gaussian_filter(whole, (seconds * fps, 0), mode="reflect")).float()
        return ColourStatistics(smooth[:, 0], smooth[:, 1:])


def measure(
    frames: Tensor, reference: Tensor, mask: Tensor | None = None, reference_mask: Tensor | None = None
) -> ColourStatistics:
    """Statistics of a chunk of frames [f h w 3] against the reference, [h w 3] or several as [r h w 3].

    With masks, [f h w] for the frames and [h w] or [r h w] for the reference, the trimmed means inside them are
    compared, so that the face may move. Without, every pixel is compared with the reference's at its place and
    the trimmed mean of the differences counts: whatever enters the picture is an outlier and does not.
    """
    reference = reference.reshape(-1, *reference.shape[-3:])
    if mask is not None:
        assert reference_mask is not None  # both or neither
        anchor = _inside(reference, reference_mask.reshape(reference.shape[:3])).nanmean(0)
        means = _inside(frames, mask)
        return ColourStatistics(means[:, 0] / anchor[0], means[:, 1:] - anchor[1:])
    _check_sizes(frames, reference)
    anchor = rgb_to_lab(thinned(reference.mean(0)))
    return ColourStatistics.join([_against(anchor, rgb_to_lab(thinned(frame))) for frame in frames])


def measure_around(frame: Tensor, reference: Tensor, ring: Tensor) -> ColourStatistics:
    """Statistics of one frame [h w 3] against the reference [h w 3] at the same places, those of the ring [h w] > 0.5
    alone; what moves there is an outlier."""
    _check_sizes(frame[None], reference[None])
    where = ring > 0.5
    return _against(rgb_to_lab(reference[where]), rgb_to_lab(frame[where]))


def apply(frames: Tensor, statistics: ColourStatistics, strength: float = 1.0) -> Tensor:
    """Frames [f h w 3] with the departures in `statistics` (of these frames, smoothed) removed.

    One gain on L, kept inside 0.7..1.4, and one shift of a and b per frame; `strength` 0..1 scales both.
    """
    if strength == 0:
        return frames
    gain = 1 + strength * ((1 / statistics.lightness).clamp(*GAIN_LIMITS) - 1)
    factors = torch.nn.functional.pad(gain[:, None], (0, 2), value=1.0)  # [f 3]
    shifts = torch.nn.functional.pad(-strength * statistics.chroma, (1, 0))
    corrections = zip(frames, factors.to(frames), shifts.to(frames), strict=True)
    return torch.stack(
        [lab_to_rgb(rgb_to_lab(frame) * factor + shift) for frame, factor, shift in corrections]
    )


def mean_lab(frames: Tensor, mask: Tensor) -> Tensor:
    """Mean L, a, b [f 3] of frames [f h w 3] where mask [f h w] is above 0.5; NaN where it nowhere is."""
    pairs = zip(frames, mask, strict=True)
    return torch.stack([rgb_to_lab(frame[inside > 0.5]).mean(0) for frame, inside in pairs])


@dataclass(frozen=True)
class Drift:
    slope: Tensor  # [3] L, a, b per minute, least squares
    change: Tensor  # [3] L, a, b of the last frame minus the first


def drift(means: Tensor, fps: float) -> Drift:
    """How mean colours [f 3] (`mean_lab`) drift; frames without a measurement are left out.

    What was measured only once, or never, has not wandered.
    """
    measured = means.isfinite().all(1)
    if measured.sum() < 2:
        return Drift(means.new_zeros(3), means.new_zeros(3))
    minutes = torch.arange(len(means), dtype=torch.float64)[measured] / (60 * fps)
    values = means[measured].double()
    centred = minutes - minutes.mean()
    slope = centred @ (values - values.mean(0)) / centred.square().sum()
    return Drift(slope.float(), (values[-1] - values[0]).float())


def flicker(means: Tensor, source_means: Tensor) -> Tensor:
    """Mean absolute frame-to-frame change of mean colours [f 3], minus the source's: [3] for L, a, b."""
    change, own = (values.diff(dim=0).abs().nanmean(0) for values in (means, source_means))
    return change - own


@dataclass(frozen=True)
class Unified:
    frames: Tensor  # [f h w 3]
    before: ColourStatistics
    after: ColourStatistics
    fps: float

    def __str__(self) -> str:
        measured = int(self.before.lightness.isfinite().sum())
        if not measured:
            return "No frame could be measured against the reference: the colours are unchanged."
        wandered = (_wandered(statistics, self.fps) for statistics in (self.before, self.after))
        before, after = (f"lightness {l:+.1f} %, a {a:+.1f}, b {b:+.1f}" for l, a, b in wandered)
        return (
            f"{measured} of {len(self.frames)} frames measured. Drift over the clip, against the reference: "
            f"{before} before; {after} after."
        )


def unify_clip(
    frames: Tensor,
    reference: Tensor,
    fps: float,
    mask: Tensor | None = None,
    reference_mask: Tensor | None = None,
    strength: float = 1.0,
    seconds: float = SMOOTHING_SECONDS,
    callback: Callable[[int], None] | None = None,
) -> Unified:
    """Both passes over frames [f h w 3] in memory, and a third that measures what is left.

    reference, masks as `measure`, a single mask for all frames; without `reference_mask` the reference is where
    the video starts. `callback` is called for PASSES steps for each frame, counted from 0, and may raise to cancel.
    Raises InputError for sizes that do not belong together.
    """
    callback = callback or (lambda step: None)
    reference = reference.reshape(-1, *reference.shape[-3:])
    masks = _matched(frames, reference, mask, reference_mask)
    before = _measured(frames, reference, *masks, callback)
    correction = before.smoothed(fps, seconds)
    unified = torch.empty_like(frames)
    for index, frame in enumerate(frames):
        unified[index] = apply(frame[None], correction[index : index + 1], strength)[0]
        callback(len(frames) + index)
    after = _measured(unified, reference, *masks, lambda step: callback(2 * len(frames) + step))
    return Unified(unified, before, after, fps)


def _matched(
    frames: Tensor, reference: Tensor, mask: Tensor | None, reference_mask: Tensor | None
) -> tuple[Tensor | None, Tensor | None]:
    """A mask for each frame and each picture of the reference, or none at all."""
    if reference_mask is None:
        _check_sizes(frames, reference)
    if mask is None:
        if reference_mask is not None:
            raise InputError(
                "A mask of the colour reference was given and none of the frames. Give both, or neither to compare "
                "whole frames."
            )
        return None, None
    check_region(InMemoryFrames(mask), InMemoryFrames(frames))
    if reference_mask is None:
        reference_mask = mask[: len(reference)]
    check_region(InMemoryFrames(reference_mask), InMemoryFrames(reference), "colour reference")
    return _one_each(mask, len(frames)), _one_each(reference_mask, len(reference))


def _one_each(mask: Tensor, frames: int) -> Tensor:
    return mask[:frames].expand(frames, -1, -1)


def _measured(
    frames: Tensor,
    reference: Tensor,
    mask: Tensor | None,
    reference_mask: Tensor | None,
    callback: Callable[[int], None],
) -> ColourStatistics:
    chunks = []
    for start in range(0, len(frames), CHUNK):
        chunk = slice(start, start + CHUNK)
        inside = None if mask is None else mask[chunk]
        chunks.append(measure(frames[chunk], reference, inside, reference_mask))
        callback(min(chunk.stop, len(frames)) - 1)
    return ColourStatistics.join(chunks)


def _wandered(statistics: ColourStatistics, fps: float) -> list[float]:
    """Lightness in % of the reference's, a and b: the straight line through them, its end minus its start."""
    values = torch.cat([100 * statistics.lightness[:, None], statistics.chroma], 1)
    return (drift(values, fps).slope * (len(values) - 1) / (60 * fps)).tolist()


def _check_sizes(frames: Tensor, reference: Tensor) -> None:
    if frames.shape[1:] != reference.shape[1:]:
        raise InputError(
            f"The frames are {tuple(frames.shape[1:3])} and the colour reference is {tuple(reference.shape[1:3])} "
            "(height, width). Fit the reference to the frames first."
        )


def thinned(frame: Tensor) -> Tensor:
    step = max(1, math.ceil(math.sqrt(frame.shape[0] * frame.shape[1] / SAMPLES)))
    return frame[::step, ::step]


def _inside(frames: Tensor, mask: Tensor) -> Tensor:
    pairs = zip(frames, mask, strict=True)
    chosen = [thinned(frame)[thinned(inside) > 0.5] for frame, inside in pairs]
    return torch.stack([_robust_mean(rgb_to_lab(pixels)) for pixels in chosen])


def _against(anchor: Tensor, lab: Tensor) -> ColourStatistics:
    anchor, lab = anchor.reshape(-1, 3), lab.reshape(-1, 3)
    bright = anchor[:, 0] + lab[:, 0] > 2 * DARKEST
    ratios = (lab[bright, :1].clamp(min=1) / anchor[bright, :1].clamp(min=1)).log()
    return ColourStatistics(_robust_mean(ratios).exp(), _robust_mean(lab[:, 1:] - anchor[:, 1:])[None])


def _robust_mean(values: Tensor) -> Tensor:
    """Mean of [n c] over n after trimming outliers, channel by channel."""
    if not len(values):
        return values.new_full(values.shape[1:], torch.nan)
    distance = (values - values.median(0).values).abs()
    kept = distance <= OUTLIER * DEVIATION_OF_MAD * distance.median(0).values
    return (values * kept).sum(0) / kept.sum(0)
