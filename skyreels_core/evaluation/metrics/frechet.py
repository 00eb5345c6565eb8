"""The Fréchet distance between two sets of features, each taken as a Gaussian (Dowson and Landau 1982)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass
class Moments:
    """Mean and covariance of features that come in parts, by Chan's update: each part is seen once."""

    count: int = 0
    mean: NDArray[np.float64] | float = 0.0  # [d]
    scatter: NDArray[np.float64] | float = 0.0  # [d d], sum of the products of deviations

    def add(self, features: NDArray) -> None:
        """[n d]"""
        part = np.asarray(features, np.float64)
        if not len(part):
            return
        mean = part.mean(0)
        centred, apart = part - mean, mean - self.mean
        total = self.count + len(part)
        self.scatter = (
            self.scatter + centred.T @ centred + np.outer(apart, apart) * self.count * len(part) / total
        )
        self.mean = self.mean + apart * len(part) / total
        self.count = total

    @property
    def covariance(self) -> NDArray[np.float64]:
        """Of the population that was sampled: over n - 1."""
        return np.asarray(self.scatter) / max(self.count - 1, 1)


def frechet_distance(one: Moments, other: Moments) -> float:
    """|m1 - m2|^2 + tr(C1 + C2 - 2 (C1 C2)^(1/2))

    The trace of the root is the sum of the roots of the eigenvalues of C1^(1/2) C2 C1^(1/2), which is symmetric: no
    imaginary part has to be dropped, and singular covariances need no offset.
    """
    apart = np.square(np.asarray(one.mean) - np.asarray(other.mean)).sum()
    root = _root(one.covariance)
    values = np.linalg.eigvalsh(root @ other.covariance @ root)
    shared = np.sqrt(values.clip(0)).sum()
    return float(apart + np.trace(one.covariance) + np.trace(other.covariance) - 2 * shared)


def _root(covariance: NDArray[np.float64]) -> NDArray[np.float64]:
    values, vectors = np.linalg.eigh(covariance)
    return (vectors * np.sqrt(values.clip(0))) @ vectors.T
