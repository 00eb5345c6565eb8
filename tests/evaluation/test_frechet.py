"""The Fréchet distance of Gaussians, and of features that come in parts, from networks of the forms that are given."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.linalg
import torch

from skyreels_core.errors import InputError
from skyreels_core.evaluation.metrics.features import Fid, Fvd
from skyreels_core.evaluation.metrics.frechet import Gaussian, Moments, frechet_distance
from skyreels_core.evaluation.metrics.metric import Clip
from skyreels_core.evaluation.metrics.weights import Weights
from skyreels_core.media.reading import Video


class Inception(torch.nn.Module):
    """Takes what the published file takes: 8-bit pictures of any size."""

    def forward(self, x: torch.Tensor, return_features: bool = False) -> torch.Tensor:
        assert x.dtype == torch.uint8
        return x.float().mean((2, 3))


class I3d(torch.nn.Module):
    def forward(
        self, x: torch.Tensor, rescale: bool = True, resize: bool = True, return_features: bool = False
    ) -> torch.Tensor:
        assert x.shape[2:] == (16, 224, 224) and not rescale and not resize
        return torch.cat([x.mean((2, 3, 4)), x.amin((2, 3, 4)), x.amax((2, 3, 4))], dim=1)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("weights")
    torch.jit.script(Inception()).save(str(folder / "inception-2015-12-05.pt"))
    torch.jit.script(I3d()).save(str(folder / "i3d_torchscript.pt"))
    return folder


def gaussian(mean, covariance) -> Gaussian:
    return Gaussian(np.array(mean, float), np.array(covariance, float))


def test_gaussians_whose_axes_agree_are_apart_by_means_and_deviations():
    """|m1 - m2|^2 + sum of (s1 - s2)^2"""
    one, other = gaussian([0, 1, 2], np.diag([4, 9, 1])), gaussian([1, 1, 4], np.diag([1, 25, 0]))
    assert frechet_distance(one, other) == pytest.approx(1 + 4 + 1 + 4 + 1)
    assert frechet_distance(one, one) == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("samples", [200, 20])  # 20 of 32 dimensions: a singular covariance
def test_the_distance_is_that_of_the_matrix_square_root(samples):
    random = np.random.default_rng(samples)
    a = random.normal(size=(samples, 32)) @ random.normal(size=(32, 32))
    b = random.normal(size=(samples, 32)) @ random.normal(size=(32, 32)) + 0.5
    one, other = Moments.of(a).gaussian(), Moments.of(b).gaussian()
    root = scipy.linalg.sqrtm(one.covariance @ other.covariance)
    expected = np.square(a.mean(0) - b.mean(0)).sum() + np.trace(np.cov(a.T) + np.cov(b.T) - 2 * root.real)
    assert frechet_distance(one, other) == pytest.approx(expected, rel=1e-4)


def test_moments_of_parts_are_those_of_the_whole():
    features = np.random.default_rng(0).normal(3, 2, (101, 8))
    moments = Moments()
    for part in np.split(features, [0, 1, 40, 41]):
        moments.add(Moments.of(part))
    found = moments.gaussian()
    assert moments.count == 101
    assert np.allclose(found.mean, features.mean(0)) and np.allclose(found.covariance, np.cov(features.T))


def test_a_part_that_is_drawn_several_times_counts_so_often():
    one, other = np.random.default_rng(1).normal(3, 2, (2, 30, 4))
    moments = Moments()
    moments.add(Moments.of(one), 2)
    moments.add(Moments.of(other), 3)
    moments.add(Moments.of(other), 0)
    found, whole = moments.gaussian(), np.concatenate([one, one, other, other, other])
    assert moments.count == len(whole)
    assert np.allclose(found.mean, whole.mean(0)) and np.allclose(found.covariance, np.cov(whole.T))


def features_of(metric, frames):
    meter = metric.meter(Clip("clip", Video(frames, 25.0, None)))
    for frame in frames:
        meter.add(frame)
    return meter.result()


def test_inception_sees_every_frame_as_it_is(folder):
    frames = torch.rand(11, 20, 30, 3, generator=torch.Generator().manual_seed(0))
    found = features_of(Fid(Weights([folder])), frames).features
    assert found.shape == (11, 3)
    assert np.allclose(found, (frames * 255).round().mean((1, 2)), atol=1e-3)


def test_i3d_sees_the_middle_of_sixteen_frames_in_minus_one_to_one(folder):
    frames = torch.zeros(37, 30, 60, 3)  # two runs; five frames are left
    frames[:, :, 15:45] = 1  # the middle
    found = features_of(Fvd(Weights([folder])), frames).features
    assert found.shape == (2, 9)
    assert np.allclose(found[:, 6:], 1) and found[:, :3].min() > 0.9


def test_a_clip_that_is_too_short_says_so(folder):
    found = features_of(Fvd(Weights([folder])), torch.zeros(15, 32, 32, 3))
    assert found.features is None and "16 frames" in found.note


def test_a_file_of_another_form_is_refused(folder, tmp_path):
    (tmp_path / "inception-2015-12-05.pt").write_bytes(b"weights")
    with pytest.raises(InputError, match="cannot be read as a TorchScript file"):
        Fid(Weights([tmp_path]))
    torch.jit.script(Inception()).save(str(tmp_path / "i3d_torchscript.pt"))
    with pytest.raises(InputError, match="cannot be called with"):
        features_of(Fvd(Weights([tmp_path])), torch.zeros(16, 32, 32, 3))
