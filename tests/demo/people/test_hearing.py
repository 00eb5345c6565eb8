"""What a speech encoder learns from: sounds with their instants, in rooms and noise."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from accelerate import Accelerator

from skyreels_core.demo.people.articulation import (
    GROUPS,
    NAMES,
    articulation,
    groups_of,
    mouth_channels,
    visemes_at,
)
from skyreels_core.demo.people.carried import carried_speech, carry_speech, packed_voice, unpacked_voice
from skyreels_core.demo.people.listening import Listener, ListeningConfig, Talk, examine, train_listener
from skyreels_core.demo.people.rooms import Recording
from skyreels_core.demo.people.utterances import draw_utterance, utterances
from skyreels_core.demo.people.visemes import Phone
from skyreels_core.errors import InputError
from skyreels_core.evaluation.reader import GROUPS as SEEN
from skyreels_core.model.whisper import load_whisper, save_whisper
from skyreels_core.training.loop import Stage

BOB = tuple(
    Phone(*phone)
    for phone in (("pau", 0.0, 0.2), ("b", 0.2, 0.3), ("aa", 0.3, 0.5), ("b", 0.5, 0.6), ("pau", 0.6, 0.8))
)


def test_visemes_are_seen_before_they_are_heard():
    seen = [NAMES[number] for number in visemes_at(BOB, np.array([0.1, 0.18, 0.4, 0.55, 0.7]))]
    assert seen == ["sil", "PP", "aa", "PP", "sil"]


def test_groups_are_those_that_the_reader_tells_apart():
    assert tuple(GROUPS) == SEEN
    groups = groups_of(np.array([NAMES.index(name) for name in ("PP", "SS", "U", "aa", "kk")]))
    assert groups.tolist() == [0, 1, 2, 3, -1]


def test_targets_open_in_a_vowel_and_seal_in_b(head):
    poses = articulation(head, BOB, np.array([0.25, 0.4]))
    names = mouth_channels(head)
    assert poses[0, names.index("seal")] > 0.9 > 0.5 > poses[1, names.index("seal")]
    assert poses[1, names.index("jawOpen")] > 0.3


def test_a_recording_keeps_length_and_level_and_a_clean_one_the_wave():
    voice = torch.sin(torch.arange(16000) * 0.1) * 0.3
    heard = Recording(clean=0.0).of(voice, torch.Generator().manual_seed(0))
    assert len(heard) == 16000 and 0.01 < heard.square().mean().sqrt() < 0.25
    clean = Recording(clean=1.0, level=(0.1, 0.1)).of(voice, torch.Generator().manual_seed(0))
    assert torch.allclose(clean / clean.abs().max(), voice / voice.abs().max(), atol=1e-5)
    assert torch.isfinite(Recording(clean=0.0).of(torch.zeros(1600), torch.Generator().manual_seed(1))).all()


def test_a_carried_voice_is_as_long_and_much_smaller():
    voice = 0.1 * torch.randn(32000, generator=torch.Generator().manual_seed(0))
    packed = packed_voice(voice)
    assert len(unpacked_voice(packed)) == 32000 and len(packed) < 16000


def test_a_missing_file_of_speech_says_how_to_make_it(tmp_path):
    with pytest.raises(InputError, match="train_people carry"):
        carried_speech(tmp_path / "speech.npz", 0)


def test_carried_speech_is_spoken_once(tmp_path, flite, espeak):
    file = tmp_path / "speech.npz"
    carry_speech(file, [0, 1])
    written, first = file.stat().st_mtime_ns, carried_speech(file, 1).speech
    carry_speech(file, [0, 1])
    assert file.stat().st_mtime_ns == written
    assert first.text and len(first.phones) > 3 and first.samples.abs().max() > 0.01
    with pytest.raises(InputError, match="no speech for take 2"):
        carried_speech(file, 2)


def test_utterances_differ_and_are_the_same_again(flite, espeak):
    texts = [draw_utterance(number).text for number in range(6)]
    assert len(set(texts)) == 6 and draw_utterance(3).text == texts[3]


def test_the_listener_is_the_librarys_encoder_wherever_its_window_begins():
    torch.manual_seed(0)
    model = Listener(ListeningConfig(2, 16, 2, 4, 0, ()), channels=3).eval()
    features = torch.randn(1, 80, 3000, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        said = torch.cat(model(features), dim=-1)
        assert torch.allclose(said, model.map(model.encoder(features).last_hidden_state), atol=1e-6)
        part = torch.cat(model(features[..., 1000:2000], first=500), dim=-1)
    middle = slice(50, 450)  # attention starts nearby: what is further away hardly matters
    part, whole = part[:, middle], said[:, 500:1000][:, middle]
    assert (part - whole).norm() < 0.05 * whole.norm()


def test_heads_begin_with_places_before_and_after_their_own():
    model = Listener(ListeningConfig(2, 80, 4, 4, 0, ()), channels=3)
    positions = model.encoder.embed_positions.weight[:400]
    for number, layer in enumerate(model.encoder.layers, start=1):
        heard = layer.self_attn_layer_norm(positions)
        query, key = (
            projection(heard).unflatten(1, (4, 20)).transpose(0, 1)
            for projection in (layer.self_attn.q_proj, layer.self_attn.k_proj)
        )
        places = (query @ key.transpose(1, 2)).argmax(2) - torch.arange(400)
        assert places[:, 50:350].mode(1).values.tolist() == [-3 * number, -number, number, 3 * number]


def test_a_window_longer_than_whispers_is_refused():
    with pytest.raises(ValueError, match="1 to 30"):
        ListeningConfig(1, 16, 2, 4, 0, (), window=31)


def test_short_windows_in_bfloat16_teach_as_much_speech_at_once(tmp_path, head, flite, espeak):
    config = ListeningConfig(1, 16, 2, 4, 0, (Stage("speech", 2, 1, 1e-3, warmup=1),), window=5)
    with torch.autocast("cpu", torch.bfloat16):
        train_listener(config, tmp_path, Accelerator(cpu=True))
    talk = Talk(utterances(tmp_path / "speech.npz", 4), head, seconds=5)
    heard = talk.batch(6, torch.Generator().manual_seed(0))
    assert heard.features.shape == (6, 80, 500) and heard.poses.shape[:2] == heard.visemes.shape == (6, 250)


def test_a_small_encoder_learns_from_utterances_and_loads_as_whisper(tmp_path, head, flite, espeak):
    config = ListeningConfig(1, 16, 2, 4, 0, (Stage("speech", 3, 1, 1e-3, warmup=1),))
    model = train_listener(config, tmp_path, Accelerator(cpu=True))
    talk = Talk(utterances(tmp_path / "speech.npz", 4), head)
    found = examine(model, talk, head, windows=1, seed=0)
    assert found.groups.counts.shape == (4, 4) and found.groups.counts.sum() > 50 and 0 <= found.visemes <= 1
    save_whisper(tmp_path / "whisper.safetensors", model.encoder, model.config)
    assert load_whisper(tmp_path / "whisper.safetensors").encode(torch.randn(16000) * 0.1).shape == (50, 16)
