"""Each metric notices what it should: a frozen mouth, silence, another voice, drift, a seam, another person."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import onnx
import pytest
import scipy.io
import torch
from onnx import TensorProto, helper

from skyreels_core.conditioning.pose import Keypoints
from skyreels_core.evaluation.metrics.faces import Faces, faces_of
from skyreels_core.evaluation.metrics.identity import PLACES, Identity, aligned, similarity
from skyreels_core.evaluation.metrics.lips import Lips, follow, pooled
from skyreels_core.evaluation.metrics.metric import Clip
from skyreels_core.evaluation.metrics.niqe import Niqe, patch_features
from skyreels_core.evaluation.metrics.picture import Flicker, Sharpness
from skyreels_core.evaluation.metrics.run import measure_clip
from skyreels_core.evaluation.metrics.weights import Weights
from skyreels_core.evaluation.metrics.whole import Continuity, Outside
from skyreels_core.media.footage import InMemoryFrames
from skyreels_core.media.reading import Video
from skyreels_core.media.sound import Audio

FPS, FRAMES, SIDE = 25.0, 100, 48
NONE = Weights()


def figures(metric, clip):
    return measure_clip(clip, [metric], NONE)[metric.name].figures


def curve(seed):
    """How far a mouth is open, 0..1, [f]."""
    noise = np.random.default_rng(seed).normal(size=FRAMES + 8)
    smooth = np.convolve(noise, np.hanning(9), "valid")
    return (smooth - smooth.min()) / np.ptp(smooth)


def voice_of(opening):
    """Noise that is as loud as the mouth is open."""
    level = np.interp(np.arange(FRAMES * 640), (np.arange(FRAMES) + 0.5) * 640, 10 ** (2 * opening - 2))
    noise = np.random.default_rng(9).normal(size=len(level)) * level / 10
    return Audio(torch.from_numpy(noise[None]).float(), 16000)


def face(opening):
    """Landmarks of a face 24 pixels wide whose lips open, [f 68 2]."""
    points = torch.zeros(len(opening), 68, 2)
    points[:, :, 0] = torch.linspace(12, 36, 68)
    points[:, :, 1] = torch.linspace(10, 40, 68)
    points[:, 36], points[:, 45] = torch.tensor([16.0, 18]), torch.tensor([32.0, 18])
    points[:, 62] = torch.tensor([24.0, 30])
    points[:, 66, 0], points[:, 66, 1] = 24, 30 + 5 * torch.from_numpy(opening).float()
    return points


@pytest.fixture(scope="module")
def clip():
    """Frames of a fixed texture, a mouth that follows its voice."""
    generator = torch.Generator().manual_seed(3)
    picture = torch.rand(8, 8, 3, generator=generator).repeat_interleave(6, 0).repeat_interleave(6, 1)
    frames = picture.expand(FRAMES, -1, -1, -1) + 0.01 * torch.rand(
        FRAMES, SIDE, SIDE, 3, generator=generator
    )
    opening = curve(1)
    landmarks = Keypoints.of_one_face(face(opening), SIDE, SIDE)
    return Clip("clip", Video(frames.clamp(0, 1), FPS, None), voice_of(opening), landmarks=landmarks)


def with_frames(clip, frames):
    return replace(clip, video=Video(frames, FPS, None))


def test_lips_that_follow_their_voice_beat_chance(clip):
    found = figures(Lips(NONE), clip)
    assert found["lips_r"] > 0.8 and found["lips_lag"] == 0
    assert found["lips_p"] < 0.05 and found["lips_chance"] < found["lips_r"]


def test_lips_that_are_late_are_late_by_as_much(clip):
    late = replace(clip, landmarks=Keypoints.of_one_face(face(np.roll(curve(1), 2)), SIDE, SIDE))
    found = figures(Lips(NONE), late)
    assert found["lips_lag"] == 2 and found["lips_r_best"] > found["lips_r"]


@pytest.mark.parametrize("what", ["a frozen mouth", "silence", "another voice"])
def test_lips_that_do_not_follow_are_noticed(clip, what):
    spoilt = {
        "a frozen mouth": {"landmarks": Keypoints.of_one_face(face(np.full(FRAMES, 0.4)), SIDE, SIDE)},
        "silence": {"voice": Audio(torch.zeros(1, FRAMES * 640), 16000)},
        "another voice": {"voice": voice_of(curve(2))},
    }
    found = figures(Lips(NONE), replace(clip, **spoilt[what]))
    assert found["lips_r"] < 0.4
    assert what == "another voice" or found["lips_p"] == 1  # one voice may be like another by chance


def test_chance_gives_every_p_value_equally_often():
    p_values = [follow(curve(seed), curve(seed + 500)).p for seed in range(60)]
    assert 0.3 < np.mean(p_values) < 0.7 and pooled(p_values) > 0.01


def test_a_steady_video_is_one_take(clip):
    found = figures(Continuity(NONE), clip)
    assert found["likeness_lowest"] > 0.99 and found["colour_drift"] < 0.5 and found["jump"] < 2


def test_colour_drift_is_measured_in_lab(clip):
    darker = clip.video.frames * torch.linspace(1, 0.6, FRAMES)[:, None, None, None]
    found = figures(Continuity(NONE), with_frames(clip, darker))
    assert found["colour_drift"] > 8 and found["likeness_lowest"] < 0.97


@pytest.mark.parametrize("at", [3, 50, 97])
def test_a_seam_is_found_where_it_is(clip, at):
    frames = clip.video.frames.clone()
    frames[at:] = frames[at:].roll(3, 2)
    found = figures(Continuity(NONE), with_frames(clip, frames))
    assert found["jump"] > 5 and found["jump_at"] == at / FPS


def test_flicker_is_what_comes_and_goes_and_a_fade_is_none(clip):
    fade = clip.video.frames * torch.linspace(1, 0.6, FRAMES)[:, None, None, None]
    blinking = clip.video.frames * torch.tensor([1, 0.95]).repeat(FRAMES // 2)[:, None, None, None]
    still, faded, flickering = (
        figures(Flicker(NONE), with_frames(clip, f))["flicker"] for f in (clip.video.frames, fade, blinking)
    )
    assert faded < 2 * still + 0.05 and flickering > 1 and flickering > 10 * still


def test_a_blurred_video_is_less_sharp(clip):
    frames = clip.video.frames
    small = torch.nn.functional.interpolate(frames.permute(0, 3, 1, 2), scale_factor=0.25, mode="area")
    blurred = torch.nn.functional.interpolate(small, scale_factor=4, mode="bilinear").permute(0, 2, 3, 1)
    sharp, soft = (figures(Sharpness(NONE), with_frames(clip, f))["sharpness"] for f in (frames, blurred))
    assert soft < sharp / 3


@pytest.fixture
def edit(clip):
    mask = torch.zeros(1, SIDE, SIDE)
    mask[:, 24:40, 16:32] = 1
    return replace(clip, reference=clip.video, region=InMemoryFrames(mask))


def test_an_edit_inside_its_mask_changes_nothing_outside(edit):
    made = edit.video.frames.clone()
    made[:, 24:40, 16:32] = 0
    found = figures(Outside(NONE), with_frames(edit, made))
    assert found["outside_psnr"] == 120 and found["outside_largest"] == 0
    assert found["edge_step"] > 10  # black against the texture


def test_what_changed_outside_is_measured_and_a_smooth_edge_does_not_step(edit):
    made = edit.video.frames.clone()
    made[:, :8] = (made[:, :8] - 0.1).clamp(0, 1)
    found = figures(Outside(NONE), with_frames(edit, made))
    assert 20 < found["outside_psnr"] < 40 and found["outside_largest"] == pytest.approx(0.1, abs=1e-4)
    assert found["edge_step"] == 0


def test_videos_that_cannot_be_compared_say_why(edit):
    other = replace(edit, reference=Video(torch.rand(5, 32, 32, 3), FPS, None))
    found = measure_clip(other, [Outside(NONE)], NONE)["outside"]
    assert found.figures == {} and "32x32, 48x48" in found.note


@pytest.fixture(scope="module")
def embedder(tmp_path_factory):
    """The layout of colours of an aligned face, in the form of a face embedder."""
    taken = helper.make_tensor_value_info("input", TensorProto.FLOAT, [1, 3, 112, 112])
    given = helper.make_tensor_value_info("embedding", TensorProto.FLOAT, [1, 192])
    nodes = [
        helper.make_node("AveragePool", ["input"], ["cells"], kernel_shape=[14, 14], strides=[14, 14]),
        helper.make_node("Flatten", ["cells"], ["embedding"]),
    ]
    graph = helper.make_graph(nodes, "embedder", [taken], [given])
    folder = tmp_path_factory.mktemp("embedder")
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, folder / "arcface.onnx")
    return Weights([folder])


def person(seed):
    return (
        torch.rand(1, 12, 12, 3, generator=torch.Generator().manual_seed(seed))
        .repeat_interleave(10, 1)
        .repeat_interleave(10, 2)
    )


def test_another_person_is_noticed(embedder):
    faces = Faces(np.zeros((10, 4)), np.tile(PLACES, (10, 1, 1)), np.ones(10, bool))
    portrait = Faces(np.zeros((1, 4)), PLACES[None], np.ones(1, bool))
    same, other = (
        Identity(embedder).meter(
            Clip("c", Video(person(seed).expand(10, -1, -1, -1), FPS, None), reference=InMemoryFrames(person(1)),
                 faces=faces, reference_faces=portrait)
        )
        for seed in (1, 2)
    )  # fmt: skip
    for meter, seed in ((same, 1), (other, 2)):
        for frame in person(seed).expand(10, -1, -1, -1):
            meter.add(frame)
    assert same.result().figures["identity"] > 0.99
    assert other.result().figures["identity"] < 0.5


def test_a_face_that_is_turned_and_scaled_is_brought_to_its_place():
    angle = np.radians(20)
    turn = 0.7 * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    points = PLACES @ turn.T + [31, -12]
    matrix = similarity(points, PLACES)
    assert np.allclose(points @ matrix[:, :2].T + matrix[:, 2], PLACES)
    assert aligned(torch.rand(90, 120, 3), points).shape == (112, 112, 3)


def test_landmarks_give_a_box_from_above_the_brows_to_the_chin():
    keypoints = Keypoints.of_one_face(face(np.zeros(3)), SIDE, SIDE)
    found = faces_of(keypoints)
    left, top, right, bottom = found.boxes[0]
    assert (left, right, bottom) == (12, 36, 40) and top < 10
    assert found.points.shape == (3, 5, 2) and found.found.all()


def test_frames_without_a_face_are_interpolated_and_not_counted():
    keypoints = Keypoints.of_one_face(face(np.zeros(3)), SIDE, SIDE)
    gap = replace(keypoints, faces=(keypoints.faces[0], torch.zeros(0, 68, 3), keypoints.faces[2]))
    found = faces_of(gap)
    assert found.found.tolist() == [True, False, True] and np.isfinite(found.boxes).all()
    assert faces_of(replace(gap, faces=(torch.zeros(0, 68, 3),) * 3)) is None


def pristine(seed):
    """1/f noise, whose statistics are those of natural pictures, [h w] in 0..255."""
    random = np.random.default_rng(seed)
    rows, columns = np.fft.fftfreq(288)[:, None], np.fft.rfftfreq(288)[None]
    spectrum = np.fft.rfft2(random.normal(size=(288, 288))) / np.maximum(np.hypot(rows, columns), 1 / 288)
    picture = np.fft.irfft2(spectrum)
    return np.clip(128 + 45 * picture / picture.std(), 0, 255).astype(np.float32)


def test_noise_and_blur_lie_farther_from_pristine_pictures(tmp_path):
    features = np.concatenate([patch_features(pristine(seed)) for seed in range(6)])
    held = {"pop_mu": features.mean(0)[None], "pop_cov": np.cov(features.T)}
    scipy.io.savemat(tmp_path / "niqe_image_params.mat", held)
    niqe, clean = Niqe(Weights([tmp_path])), pristine(10)
    noisy = clean + np.random.default_rng(0).normal(0, 25, clean.shape).astype(np.float32)
    blurred = (clean + np.roll(clean, 1, 0) + np.roll(clean, 1, 1) + np.roll(clean, (1, 1), (0, 1))) / 4
    assert niqe.score(clean) < niqe.score(noisy) and niqe.score(clean) < niqe.score(blurred)
    small = Clip("small", Video(torch.rand(3, 96, 96, 3), FPS, None))
    assert "193 pixels" in measure_clip(small, [niqe], NONE)["niqe"].note
