"""The Fréchet distance between two sets of features, each taken as a Gaussian (Dowson and Landau 1982)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Gaussian:
    mean: Numbers  # [d]
    covariance: Numbers  # [d d]

    @cached_property
    def root(self) -> Numbers:
        """Of the covariance."""
        values, vectors = np.linalg.eigh(self.covariance)
        return (vectors * np.sqrt(values.clip(0))) @ vectors.T


@dataclass
class Moments:
    """Mean and covariance of features that come in parts, by Chan's update: each part is seen once."""

    count: int = 0
    mean: Numbers | float = 0.0  # [d]
    scatter: Numbers | float = 0.0  # [d d], sum of the products of deviations

    @classmethod
    def of(cls, features: NDArray) -> Moments:
        """[n d]"""
        part = np.asarray(features, np.float64)
        if not len(part):
            return cls()
        mean = part.mean(0)
        centred = part - mean
        return cls(len(part), mean, centred.T @ centred)

    def add(self, part: Moments, times: int = 1) -> None:
        """A part that is there several times counts so."""
        if not part.count or not times:
            return
        count, apart = times * part.count, np.asarray(part.mean) - self.mean
        total = self.count + count
        self.scatter = self.scatter + np.outer(apart, apart) * (self.count * count / total)
        self.scatter += times * np.asarray(part.scatter)
        self.mean = self.mean + apart * (count / total)
        self.count = total

    def gaussian(self) -> Gaussian:
        """With the covariance of the population that was sampled: over n - 1."""
        return Gaussian(np.asarray(self.mean), np.asarray(self.scatter) / max(self.count - 1, 1))


def frechet_distance(one: Gaussian, other: Gaussian) -> float:
    """|m1 - m2|^2 + tr(C1 + C2 - 2 (C1 C2)^(1/2))

    The trace of the root is the sum of the roots of the eigenvalues of C2^(1/2) C1 C2^(1/2), which is symmetric: no
    imaginary part has to be dropped, and singular covariances need no offset.
    """
    apart = np.square(one.mean - other.mean).sum()
    values = np.linalg.eigvalsh(other.root @ one.covariance @ other.root)
    shared = np.sqrt(values.clip(0)).sum()
    return float(apart + np.trace(one.covariance) + np.trace(other.covariance) - 2 * shared)
