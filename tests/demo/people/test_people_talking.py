"""Voices, and people who talk with them."""

from __future__ import annotations

import random

import numpy as np
import pytest
import torch
from people_stage import SIZE

from skyreels_core.conditioning.faces import face_masks
from skyreels_core.conditioning.pose import Keypoints
from skyreels_core.demo.people.__main__ import main
from skyreels_core.demo.people.carried import carried_speech, carry_speech
from skyreels_core.demo.people.identity import Identity
from skyreels_core.demo.people.motion import talk
from skyreels_core.demo.people.sentences import HELD_OUT, SENTENCES
from skyreels_core.demo.people.shards import Shards, Shooting, shoot
from skyreels_core.demo.people.takes import HELD_OUT as HELD_OUT_TAKES
from skyreels_core.demo.people.takes import film
from skyreels_core.demo.people.visemes import OF_PHONE, VISEMES, Phone, mouth_track, visemes_of
from skyreels_core.demo.people.voices import Voice, draw_voice, speak
from skyreels_core.demo.rendered import TakeClips

FPS = 25.0
TEXT = "My father bought five boats before the summer."


def named(voice: Voice) -> str:
    return voice.name.partition("+")[2] or voice.name


@pytest.mark.parametrize(
    "voice", [Voice("flite", "slt", "female"), Voice("flite", "kal16", "male", 1.1, 0.9, 1.1)]
)
def test_phones_of_flite_cover_the_sound_and_are_louder_than_its_pauses(flite, voice):
    check_phones(speak(TEXT, voice))


@pytest.mark.parametrize(
    "voice", [Voice("espeak-ng", "en-us+m3", "male"), Voice("espeak-ng", "en+f4", "female", 0.9, 1.2, 0.9)]
)
def test_phones_of_espeak_cover_the_sound_and_are_louder_than_its_pauses(espeak, voice):
    check_phones(speak(TEXT, voice))


def check_phones(speech) -> None:
    assert speech.phones[0].start == 0 and speech.phones[-1].end == pytest.approx(speech.seconds)
    assert all(a.end == b.start for a, b in zip(speech.phones, speech.phones[1:], strict=False))
    level = {}
    for phone in speech.phones:
        part = speech.samples[int(phone.start * 16000) : int(phone.end * 16000)]
        for viseme in visemes_of(phone.name):
            level.setdefault(viseme, []).append(float(part.square().mean().sqrt()))
    vowels = np.mean([*level["aa"], *level["I"], *level["O"]])
    assert vowels > 2 * np.mean(level["FF"])  # times that are off by a sound would mix them
    assert vowels > 3 * np.mean(level.get("sil", [0]))


def test_held_out_voices_and_sentences_are_others(flite, espeak):
    rng = random.Random(0)
    known, unseen = ({named(draw_voice(rng, held_out)) for _ in range(200)} for held_out in (False, True))
    assert len(known) > 8 and len(unseen) > 3 and not known & unseen
    assert not set(SENTENCES) & set(HELD_OUT)


def test_every_viseme_is_spoken_by_the_sentences(flite):
    spoken = {
        v
        for p in speak(" ".join(SENTENCES), Voice("flite", "slt", "female")).phones
        for v in visemes_of(p.name)
    }
    assert spoken == set(VISEMES)


@pytest.mark.parametrize(
    ("phone", "visemes"),
    [
        ("p", "PP"),
        ("ow", "O U"),
        ("oʊ", "O U"),
        ("aɪə", "aa I aa"),
        ("tʃ", "CH"),
        ("ɜː", "RR"),
        ("ˈiː", "I"),
        ("t̪", "DD"),
    ],
)
def test_sounds_of_flite_and_of_ipa_have_visemes(phone, visemes):
    assert visemes_of(phone) == tuple(visemes.split())


def test_closures_win_over_their_neighbours_and_leave_the_vowel_between_them(head):
    phones = [
        Phone("aa", 0, 0.2),
        Phone("b", 0.2, 0.236),
        Phone("aa", 0.236, 0.336),
        Phone("f", 0.336, 0.42),
        Phone("aa", 0.42, 0.6),
    ]
    track = mouth_track(head, phones, np.arange(0, 0.6, 0.005))
    seal, jaw = track[:, -3], track[:, head.shapes["jawOpen"]]
    assert (seal > 0.98).sum() * 0.005 >= 0.04  # a frame at 25 fps, though the b lasts 36 ms
    between = slice(round(0.236 / 0.005), round(0.33 / 0.005))
    assert jaw[between].max() > 0.25 and seal[between].min() < 0.1
    assert track[:, head.shapes["mouthRollLower"]].max() > 0.5


def test_lips_are_closed_in_the_pictures_of_every_p_b_m(stage, flite):
    actor = stage.renderer(3).actor
    speech = speak("Bob bought my paper map.", Voice("flite", "slt", "female"))
    performance = talk(actor, speech, FPS, seed=1)
    renderer, gaps = stage.renderer(3), []
    for frame in range(len(performance)):
        renderer.show(performance.state(frame))
        gaps.append(actor.person.mouth.gaps(renderer.moved)[4:13].max())
    instants = (np.arange(len(gaps)) + 0.5) / FPS
    for phone in speech.phones:
        if visemes_of(phone.name) == ("PP",):
            near = (instants > phone.start - 0.06) & (instants < phone.end + 0.01)
            assert min(np.array(gaps)[near]) < 0.012  # dm: half a pixel of 192
    assert max(gaps) > 0.12


def test_a_performance_is_that_of_its_seed(stage, flite):
    actor, speech = stage.renderer(3).actor, speak(TEXT, Voice("flite", "slt", "female"))
    same, again, other = (talk(actor, speech, FPS, seed) for seed in (1, 1, 2))
    assert np.array_equal(same.poses, again.poses) and np.array_equal(same.gazes, again.gazes)
    assert not np.array_equal(same.turns, other.turns)
    assert np.abs(same.turns).max() < 16 and np.isfinite(same.poses).all()


def test_the_lower_face_box_does_not_tell_the_mouth(stage, flite):
    actor = stage.renderer(3).actor
    performance = talk(actor, speak(TEXT, Voice("flite", "slt", "female")), FPS, seed=1).part(10, 12)
    still = type(performance)(
        performance.poses * 0, performance.turns, performance.gazes, performance.shifts, FPS
    )
    places = [torch.from_numpy(film(actor, p, SIZE, SIZE, 1).landmarks) for p in (performance, still)]
    boxes = [face_masks(Keypoints.of_one_face(seen, SIZE, SIZE), FPS).boxes for seen in places]
    assert (boxes[0] != boxes[1]).float().mean() < 0.004  # a line of pixels: lids and nostrils move a little


def test_a_folder_of_takes_is_filled_once_and_read_as_clips(stage, flite, espeak, tmp_path):
    carry_speech(tmp_path / "speech.npz", [0, HELD_OUT_TAKES])
    shooting = Shooting(tmp_path, tmp_path / "speech.npz", 96, 96, fps=20.0)
    assert list(shoot([(shooting, 0)], processes=1)) == [0]
    assert list(shoot([(shooting, 0)], processes=1)) == []
    clips = TakeClips(str(tmp_path), frames=17, height=80, width=64, step=17)
    clip = clips.clip(1)
    assert len(clips) >= 2 and clip.first_frame % 17 == 0 and clip.fps == 20
    assert clip.frames.shape == (17, 80, 64, 3) and 0 <= clip.frames.min() < clip.frames.max() <= 1
    assert clip.caption == Identity.draw(0).caption == clips.captions()[0]
    assert (clip.boxes * clip.lips).sum() > 0.95 * clip.lips.sum() > 0
    assert torch.equal(clip.samples, carried_speech(tmp_path / "speech.npz", 0).speech.samples)
    assert Identity.draw(0) != Identity.draw(HELD_OUT_TAKES)


def test_the_command_renders_with_the_speech_beside_the_takes(stage, flite, espeak, tmp_path):
    size = ["--width", "48", "--height", "48"]
    assert main(["render", str(tmp_path), "--count", "1", "--held-out", *size]) == 0
    (shard,) = Shards(tmp_path).now()
    assert shard.frames.shape == (len(shard), 48, 48, 3) and (tmp_path / "speech.npz").exists()


def test_phones_have_one_viseme_table_entry_each():
    assert all(viseme in VISEMES for visemes in OF_PHONE.values() for viseme in visemes)
