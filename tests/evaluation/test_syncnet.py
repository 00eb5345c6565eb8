"""SyncNet is the published network and arithmetic: against the same written out, and against planted shifts."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import save_file

from skyreels_core.errors import InputError
from skyreels_core.evaluation.metrics.faces import Faces
from skyreels_core.evaluation.metrics.metric import Clip
from skyreels_core.evaluation.metrics.mfcc import mfcc, to_int16
from skyreels_core.evaluation.metrics.sync import (
    SHIFT,
    FaceCrops,
    ShiftedDistances,
    Sync,
    SyncMeter,
    frames_at,
)
from skyreels_core.evaluation.metrics.syncnet import SyncNet, load_syncnet
from skyreels_core.evaluation.metrics.weights import Weights
from skyreels_core.media.reading import Video
from skyreels_core.media.sound import Audio

FPS, FRAMES = 25, 11
# python_speech_features 0.6: mfcc of 0.1 s of a 440 Hz sine at half of full scale, the fifth of its nine frames
SINE = [
    20.4996, 18.8904, 1.826, -14.0726, -27.0613, -33.3808, -29.4831,
    -18.4072, -3.0205, 10.2429, 18.4465, 18.3617, 12.1549,
]  # fmt: skip


@pytest.fixture(scope="module")
def network():
    """Random weights whose batch norms do something too."""
    torch.manual_seed(0)
    network = SyncNet()
    for name, tensor in network.state_dict().items():
        if name.endswith("running_mean"):
            tensor.normal_(0, 0.1)
        elif name.endswith("running_var"):
            tensor.uniform_(0.5, 2)
    return network.eval().requires_grad_(False)


@pytest.fixture(scope="module")
def clip():
    generator = torch.Generator().manual_seed(1)
    frames = torch.rand(FRAMES, 60, 80, 3, generator=generator)
    voice = Audio(torch.rand(1, FRAMES * 640, generator=generator) - 0.5, 16000)
    box = np.array([30.0, 15.0, 50.0, 43.0])
    faces = Faces(np.tile(box, (FRAMES, 1)), np.zeros((FRAMES, 5, 2)), np.ones(FRAMES, bool))
    return Clip("clip", Video(frames, FPS, voice), voice, faces=faces)


def written_out(network, pictures, coefficients):
    """The published evaluation, window by window, layer by layer, from the state dict alone."""
    s = network.state_dict()

    def norm(x, name):
        return F.relu(
            F.batch_norm(
                x, s[f"{name}.running_mean"], s[f"{name}.running_var"], s[f"{name}.weight"], s[f"{name}.bias"]
            )
        )

    def conv(x, part, i, stride, padding):
        run = F.conv3d if x.ndim == 5 else F.conv2d
        x = run(x, s[f"{part}.{i}.weight"], s[f"{part}.{i}.bias"], stride, padding)
        return norm(x, f"{part}.{i + 1}")

    def head(x, part):
        x = norm(F.linear(x.flatten(1), s[f"{part}.0.weight"], s[f"{part}.0.bias"]), f"{part}.1")
        return F.linear(x, s[f"{part}.3.weight"], s[f"{part}.3.bias"])

    def lips(x):
        x = F.max_pool3d(conv(x, "netcnnlip", 0, (1, 2, 2), 0), (1, 3, 3), (1, 2, 2))
        x = F.max_pool3d(conv(x, "netcnnlip", 4, (1, 2, 2), (0, 1, 1)), (1, 3, 3), (1, 2, 2), (0, 1, 1))
        for i in (8, 11):
            x = conv(x, "netcnnlip", i, 1, (0, 1, 1))
        x = F.max_pool3d(conv(x, "netcnnlip", 14, 1, (0, 1, 1)), (1, 3, 3), (1, 2, 2))
        return head(conv(x, "netcnnlip", 18, 1, 0), "netfclip")

    def voice(x):
        x = F.max_pool2d(conv(x, "netcnnaud", 0, 1, 1), 1, 1)
        x = F.max_pool2d(conv(x, "netcnnaud", 4, 1, 1), 3, (1, 2))
        for i in (8, 11):
            x = conv(x, "netcnnaud", i, 1, 1)
        x = F.max_pool2d(conv(x, "netcnnaud", 14, 1, 1), 3, 2)
        return head(conv(x, "netcnnaud", 18, 1, 0), "netfcaud")

    windows = range(len(pictures) - 5)
    seen = torch.cat([lips(pictures[i : i + 5].transpose(0, 1)[None]) for i in windows])
    said = torch.cat([voice(coefficients[4 * i : 4 * i + 20].T[None, None]) for i in windows])
    padded = F.pad(said, (0, 0, SHIFT, SHIFT))
    distances = [F.pairwise_distance(seen[[i]].repeat(31, 1), padded[i : i + 31]) for i in windows]
    means = torch.stack(distances, 1).mean(1)
    return {
        "sync_c": float(means.median() - means.min()),
        "sync_d": float(means.min()),
        "sync_offset": float(SHIFT - means.argmin()),
    }


def test_the_streamed_figures_are_those_of_the_published_evaluation(network, clip):
    meter = SyncMeter(network, clip.voice, clip.faces, clip.fps, len(clip.video))
    for frame in clip.video.stream():
        meter.add(frame)
    crops = FaceCrops(clip.faces)
    pictures = torch.stack([crops(frame, i) for i, frame in enumerate(clip.video.stream())])
    coefficients = torch.from_numpy(mfcc(to_int16(clip.voice.samples[0].numpy()))).float()
    # float32 over 500 to 2400 products
    assert meter.result().figures == pytest.approx(written_out(network, pictures, coefficients), abs=1e-5)


@pytest.mark.parametrize("shift", range(-5, 6))
def test_a_planted_shift_is_recovered_exactly(shift):
    """Embeddings of a voice; the lips are those of `shift` windows earlier."""
    voice = torch.randn(60 + 2 * SHIFT, 64, generator=torch.Generator().manual_seed(2))
    lips = voice.roll(shift, 0)[SHIFT : SHIFT + 60]
    distances = ShiftedDistances()
    for first in range(0, 60, 7):  # in parts, as they come
        last = min(60, first + 7)
        distances.add(lips[first:last], voice[first : last + 2 * SHIFT])
    figures = distances.figures()
    assert figures["sync_offset"] == shift
    assert figures["sync_d"] < 1e-3 < figures["sync_c"]


def test_the_crop_is_a_square_lower_than_the_middle_of_the_box(clip):
    """A box of 20x28 around (40, 29): half a side 14, so columns 20 to 60 (20.4 is cut off) and rows 15 to 54."""
    frame = torch.zeros(60, 80, 3)
    frame[15:54, 20:59, 0] = 1
    crop = FaceCrops(clip.faces)(frame, 0)
    assert crop.shape == (3, 224, 224) and crop.max() == 255
    assert (crop[2] > 250).float().mean() > 0.97 and crop[:2].max() == 0  # red is the last of BGR


def test_outside_of_the_picture_is_grey(clip):
    faces = Faces(np.array([[-40.0, -40.0, 10.0, 10.0]]), np.zeros((1, 5, 2)), np.ones(1, bool))
    crop = FaceCrops(faces)(torch.zeros(60, 80, 3), 0)
    assert crop[0, 0, 0] == 110 and crop[0, -60, -60] == 0


def test_other_frame_rates_are_sampled_at_the_middles_of_25_fps():
    assert np.array_equal(frames_at(25, 25, 10), np.arange(10))
    assert np.array_equal(frames_at(25, 50, 8), [1, 3, 5, 7])
    assert np.array_equal(frames_at(25, 12.5, 3), [0, 0, 1, 1, 2, 2])


def test_silence_and_one_sine_have_the_coefficients_of_python_speech_features():
    sine = np.round(16384 * np.sin(2 * np.pi * 440 * np.arange(1600) / 16000))
    found = mfcc(sine)
    assert found.shape == (9, 13)
    assert np.allclose(found[4], SINE, atol=1e-3)
    assert np.allclose(mfcc(np.zeros(1600))[0, 0], np.log(np.finfo(float).eps))


@pytest.mark.parametrize("form", ["syncnet_v2.model", "a.pth", "a.safetensors", "prefixed.pth"])
def test_the_weights_are_known_by_their_keys(network, tmp_path, form):
    state = {k: v.contiguous() for k, v in network.state_dict().items()}
    if form == "prefixed.pth":
        state = {"state_dict": {f"module.{k}": v for k, v in state.items() if "num_batches" not in k}}
    path = tmp_path / form
    save_file(state, path) if path.suffix == ".safetensors" else torch.save(state, path)
    loaded = load_syncnet(path)
    assert torch.equal(loaded.netfclip[3].weight, network.netfclip[3].weight)


def test_another_file_is_refused_with_what_is_needed(tmp_path):
    torch.save({"some.weight": torch.zeros(3)}, tmp_path / "syncnet_v2.model")
    with pytest.raises(InputError, match=r"is not SyncNet: .* Give syncnet_v2.model"):
        Sync(Weights([tmp_path]))
    (tmp_path / "syncnet_v2.model").write_bytes(b"no weights")
    with pytest.raises(InputError, match="cannot be read as SyncNet"):
        Sync(Weights([tmp_path]))
