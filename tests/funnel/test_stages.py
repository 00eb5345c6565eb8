"""Each stage of the data pipeline measures what it says, and refuses what is planted."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
import torch
from funnel_clips import FPS, FRAMES, face, write
from transformers import WhisperConfig, WhisperFeatureExtractor, WhisperForConditionalGeneration

from skyreels_core.data.stages import STAGES, Tools
from skyreels_core.data.stages.captions import Captions
from skyreels_core.data.stages.language import language_of
from skyreels_core.data.stages.portrait import Portrait
from skyreels_core.data.stages.quality import Quality, blur_effect
from skyreels_core.data.stages.shot import Recording, Shot
from skyreels_core.data.stages.sound import of_pauses, pitches, syllables, voice_power, voices
from skyreels_core.data.stages.thresholds import Thresholds
from skyreels_core.errors import InputError
from skyreels_core.evaluation.metrics.weights import Weights

RATE = 16000
TIMES = np.arange(3 * RATE) / RATE


def tools(**captions) -> Tools:
    sections = dict(Thresholds.shipped().sections)
    sections["captions"] = {**sections["captions"], **captions}
    return Tools(Weights(), None, sections)


def shot(path) -> Shot:
    return Shot(Recording(path), 0, FRAMES)


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    return write(tmp_path_factory.mktemp("clip"), "talk", *face())


def refused(stage, values) -> str:
    return "; ".join(stage.refuse(values, Thresholds.shipped()[stage.name]))


def test_columns_are_what_is_measured(clip):
    for stage in STAGES:
        assert set(stage.measure(shot(clip), tools())) <= set(stage.columns), stage.name


def test_black_bars_and_a_still_picture_are_found(tmp_path):
    frames, samples, _ = face()
    frames = frames[:1].repeat(FRAMES, 1, 1, 1)
    frames[:, :12] = frames[:, -12:] = 0
    values = Quality().measure(shot(write(tmp_path, "bars", frames, samples)), tools())
    assert values["bars"] == pytest.approx(24 / 96, abs=0.03)
    assert "black bars" in refused(Quality(), values) and "a still picture" in refused(Quality(), values)


def test_blur_is_told_from_sharpness():
    rng = np.random.default_rng(0)
    sharp = (rng.uniform(size=(64, 64)) > 0.5).astype(np.float32)
    wave = np.sin(np.linspace(0, 6, 64, dtype=np.float32))
    assert blur_effect(sharp) < 0.1 and blur_effect(wave[:, None] + wave) > 0.8
    assert blur_effect(np.zeros((8, 8), np.float32)) == 1


def test_two_faces_a_small_one_and_a_jump_are_found(tmp_path):
    frames, samples, pose = face()
    two = [{**one, "people": one["people"] * 2} for one in pose]
    values = Portrait().measure(shot(write(tmp_path, "two", frames, samples, two)), tools())
    assert values["faces"] == 2 and "not one person" in refused(Portrait(), values)
    assert values["found_by"] == "landmarks"
    moved = [pose[0]] * (FRAMES // 2) + [shifted(pose[0], 200)] * (FRAMES // 2)
    values = Portrait().measure(shot(write(tmp_path, "jump", frames, samples, moved)), tools())
    assert "the face jumps" in refused(Portrait(), values) and "a small face" in refused(Portrait(), values)


def shifted(pose: dict, pixels: float) -> dict:
    points = np.array(pose["people"][0]["face_keypoints_2d"]).reshape(-1, 3)
    points[:, 0] += pixels
    return {**pose, "people": [{**pose["people"][0], "face_keypoints_2d": points.ravel().tolist()}]}


def test_without_a_detector_and_landmarks_nothing_is_judged(tmp_path):
    values = Portrait().measure(shot(write(tmp_path, "plain", *face()[:2])), tools())
    assert "face_detection_yunet" in values["found_by"] and not refused(Portrait(), values)


def spoken(pitch: float) -> np.ndarray:
    """A hum that comes and goes four times a second."""
    hum = sum(np.sin(2 * np.pi * k * pitch * TIMES) / k for k in range(1, 8))
    return hum * np.clip(np.sin(2 * np.pi * 4 * TIMES), 0, 1)


def test_the_pitch_of_a_voice_and_of_two_is_found():
    assert np.nanmedian(pitches(spoken(120))) == pytest.approx(120, rel=0.02)
    assert voices(np.concatenate([spoken(120), spoken(120)])) < 0.5
    assert voices(np.concatenate([spoken(110), spoken(220)])) == pytest.approx(12, abs=0.5)


def pauses(sound: np.ndarray) -> dict:
    return of_pauses(sound, voice_power(sound))


def test_noise_and_music_in_the_pauses_are_told_apart():
    hiss = 0.1 * np.random.default_rng(0).standard_normal(len(TIMES))
    chord = 0.1 * sum(np.sin(2 * np.pi * pitch * TIMES) for pitch in (220, 277, 330))
    clean, noisy, music = (pauses(spoken(120) + other) for other in (0 * hiss, hiss, chord))
    assert clean["snr"] > 60 and clean["tonal"] is None
    assert noisy["snr"] < 30 and noisy["tonal"] < 0.05 < 0.1 < music["tonal"]


def test_speech_changes_at_the_rate_of_syllables():
    steady = np.sin(2 * np.pi * 200 * TIMES) * (1 + 0.2 * np.sin(2 * np.pi * 15 * TIMES))
    assert syllables(voice_power(spoken(120))) > 0.5 > 0.1 > syllables(voice_power(steady))


def test_a_language_comes_from_a_folder_with_whisper(tmp_path):
    config = WhisperConfig(
        vocab_size=60, d_model=16, encoder_layers=1, decoder_layers=1, encoder_attention_heads=2,
        decoder_attention_heads=2, encoder_ffn_dim=16, decoder_ffn_dim=16, decoder_start_token_id=1, pad_token_id=0,
        bos_token_id=0, eos_token_id=2, suppress_tokens=None, begin_suppress_tokens=None,
    )  # fmt: skip
    torch.manual_seed(0)
    model = WhisperForConditionalGeneration(config)
    model.save_pretrained(tmp_path)
    kept = tmp_path / "generation_config.json"
    kept.write_text(json.dumps({"lang_to_id": {"<|en|>": 5, "<|de|>": 6}, "decoder_start_token_id": 1}))
    WhisperFeatureExtractor().save_pretrained(tmp_path)
    assert language_of(torch.randn(RATE), tmp_path) in ("en", "de")
    with pytest.raises(InputError, match="holds no multilingual Whisper"):
        language_of(torch.randn(RATE), tmp_path / "none")


def test_a_command_writes_captions_and_its_failure_is_said(clip):
    stage = Captions()
    asked = tools(
        command="python -c \"import sys, os; print('a face', os.path.getsize(sys.argv[1]) > 0)\" {clip}"
    )
    assert stage.measure(shot(clip), asked)["caption"] == "a face True"
    assert stage.measure(shot(clip), tools()) == {}
    values = stage.measure(shot(clip), tools(command="python -c \"raise SystemExit('no model')\""))
    assert "no model" in values["failed"] and "no caption" in refused(stage, values)


def test_a_shot_is_a_part_of_its_recording(clip):
    part = Shot(Recording(clip), 10, 20)
    whole = list(Recording(clip).video.stream())
    assert len(part) == 20 and all(
        torch.equal(a, b) for a, b in zip(part.stream(), whole[10:30], strict=True)
    )
    assert len(part.samples) == round(20 / FPS * RATE) and math.isclose(part.start, 0.4)
    assert len(part.landmarks.faces) == 20
