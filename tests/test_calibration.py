"""`skyreels-audio calibrate`: what the caches need, measured on a model and read from beside it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile

from skyreels_core import assets
from skyreels_core.cli import main
from skyreels_core.model.bundle import MODEL, TEXT_ENCODER, VAE, WHISPER, random_bundle
from skyreels_core.model.detection import describe
from skyreels_core.pipeline.calibration import polynomial
from skyreels_core.run.settings import Settings
from skyreels_core.sampling.magcache import LEVELS
from skyreels_core.weights.header import calibration_of, read_header, sections_of


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bundle")
    random_bundle(folder, 3)
    return folder


def command(bundle, *more: str) -> list[str]:
    voice = bundle / "voice.wav"
    samples, rate = soundfile.read(assets.voice(1))
    soundfile.write(voice, samples[: rate // 2], rate)
    return [
        "calibrate", "--model", str(bundle), "--audio", str(voice), "--image", str(assets.portrait()),
        "--width", "32", "--height", "32", *more,
    ]  # fmt: skip


def test_every_run_reads_what_was_measured(bundle, capsys, tmp_path):
    folder = shutil.copytree(bundle, tmp_path / "model")
    assert main(command(folder, "--steps", "6")) == 0
    measured = json.loads(calibration_of(folder / MODEL).read_text())
    settings = Settings.of(sections_of([read_header(folder / MODEL)]))
    assert list(settings.cache_coefficients) == measured["cache_coefficients"]
    assert list(settings.cache_magnitudes) == measured["cache_magnitudes"]
    assert len(settings.cache_magnitudes) == len(LEVELS) and settings.cache_magnitudes[0] == 1
    assert len(set(settings.cache_magnitudes)) > 3, "a measured curve is not flat"
    assert capsys.readouterr().out.strip().endswith("model.calibration.json")


def test_a_calibration_lies_beside_audio_layers_of_their_own(bundle, tmp_path):
    folder = shutil.copytree(bundle, tmp_path / "model")
    layers = Path(shutil.copy(folder / MODEL, tmp_path / "layers.safetensors"))
    files = {"backbone": folder / MODEL, "audio-layers": layers, "vae": folder / VAE}
    files |= {"text-encoder": folder / TEXT_ENCODER, "whisper": folder / WHISPER}
    words = [word for part, path in files.items() for word in (f"--{part}", str(path))]
    _, _, _, *others = command(folder)
    assert main(["calibrate", *words, *others, "--steps", "6"]) == 0
    assert not calibration_of(folder / MODEL).exists()
    measured = json.loads(calibration_of(layers).read_text())
    assert describe(layers).sampling["cache_magnitudes"] == measured["cache_magnitudes"], (
        "as ComfyUI reads it"
    )
    both = [read_header(path) for path in (folder / MODEL, layers)]
    assert list(Settings.of(sections_of(both)).cache_magnitudes) == measured["cache_magnitudes"]


def test_magcache_is_refused_without_a_curve_and_runs_with_one(bundle, capsys, tmp_path):
    folder = shutil.copytree(bundle, tmp_path / "model")
    given = command(folder)[3:]
    animate = ["animate", "--model", str(folder), *given, "-o", str(tmp_path / "made.mp4"), "--steps", "12"]
    assert main([*animate, "--mag-cache", "0.5"]) == 2
    assert "skyreels-audio calibrate" in capsys.readouterr().err
    assert main(command(folder, "--steps", "6")) == 0
    assert main([*animate, "--mag-cache", "0.5"]) == 0
    assert "MagCache computes" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        (["--steps", "3"], "give 6 or more"),
        (["--output", "figures.txt"], ".json"),
    ],
)
def test_what_cannot_be_calibrated_is_said(bundle, capsys, given, sentence):
    assert main(command(bundle, *given)) == 2
    assert sentence in capsys.readouterr().err


@pytest.mark.parametrize(
    "content", ["[1, 2]", "{", '{"cache_magnitudes": "x"}', '{"cache_coefficients": []}']
)
def test_a_file_that_no_calibration_wrote_is_named(bundle, capsys, tmp_path, content):
    folder = shutil.copytree(bundle, tmp_path / "model")
    calibration_of(folder / MODEL).write_text(content)
    assert main(["animate", "--model", str(folder), *command(folder)[3:], "-o", str(tmp_path / "x.mp4")]) == 2
    assert "model.calibration.json is not what skyreels-audio calibrate writes" in capsys.readouterr().err


def test_several_devices_do_not_calibrate(bundle, capsys):
    assert main(command(bundle, "--devices", "cpu,cpu")) == 2
    assert "give --device instead of --devices" in capsys.readouterr().err


@pytest.mark.parametrize("steps", [5, 9, 23, 49])
def test_a_polynomial_stays_positive_for_the_steps_of_a_longer_schedule(steps):
    generator = np.random.default_rng(steps)
    moved = np.linspace(0.02, 0.12, steps)
    changes = moved * (1 + 0.3 * generator.standard_normal(steps))
    fitted = polynomial(moved.tolist(), changes.tolist())
    assert (np.polyval(fitted, moved / 10) > 0).all() and (np.polyval(fitted, moved) > 0).all()


def test_two_caches_are_not_one(bundle, capsys, tmp_path):
    given = command(bundle)[3:]
    both = ["--tea-cache", "0.2", "--mag-cache", "0.2"]
    assert main(["animate", "--model", str(bundle), *given, "-o", str(tmp_path / "x.mp4"), *both]) == 2
    assert "give one threshold" in capsys.readouterr().err


def test_a_run_resumes_with_its_own_attention_alone(bundle, capsys, tmp_path):
    made, work = tmp_path / "made.mp4", ["--work", str(tmp_path / "state")]
    given = ["animate", "--model", str(bundle), *command(bundle)[3:], "-o", str(made), "--steps", "2", *work]
    folder = shutil.copytree(interrupted(given, tmp_path), tmp_path / "again")
    assert folder.is_dir()
    assert main([*given, "--resume", "--attention", "math"]) == 2
    assert "the attention was empty and is now math" in capsys.readouterr().err
    assert main([*given, "--resume"]) == 0


@pytest.mark.parametrize("cache, status", [("0", 0), ("0.2", 2)])
def test_a_calibration_changes_no_unfinished_run_without_a_cache(bundle, capsys, tmp_path, cache, status):
    model = shutil.copytree(bundle, tmp_path / "model")
    made, work = tmp_path / "made.mp4", ["--work", str(tmp_path / "state")]
    given = ["animate", "--model", str(model), *command(bundle)[3:], "-o", str(made), "--steps", "2", *work]
    interrupted([*given, "--tea-cache", cache], tmp_path)
    calibrated = {"cache_coefficients": [1.0, 0.0], "cache_magnitudes": [1.0] * len(LEVELS)}
    calibration_of(model / MODEL).write_text(json.dumps(calibrated))
    assert main([*given, "--resume", "--tea-cache", cache]) == status
    assert ("the cache coefficients was" in capsys.readouterr().err) == bool(status)


def interrupted(given: list[str], tmp_path):
    """The state of a run that was sampled, and could not be written."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            "skyreels_core.api.video.write_video", lambda *_, **__: (_ for _ in ()).throw(OSError("full"))
        )
        assert main(given) == 2
    return tmp_path / "state"
