"""The bundled rendered people, made again: `python -m tools.make_people_assets`.

Needs the extra `people`, flite and OpenGL. Portraits with voices and a talking person, of 512x512 px as models of real
people take them, and two people in a call.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import soundfile
import torch
from torch import Tensor

from skyreels_core import assets
from skyreels_core.conditioning.pose import Keypoints, to_pose_keypoint
from skyreels_core.demo.people.actor import Actor
from skyreels_core.demo.people.identity import CAST, MOODS, Identity
from skyreels_core.demo.people.landmarks import landmark_rows
from skyreels_core.demo.people.motion import talk
from skyreels_core.demo.people.person import pose
from skyreels_core.demo.people.renderer import FaceState, HeadTurn, Renderer
from skyreels_core.demo.people.takes import Footage, film
from skyreels_core.demo.people.visemes import Phone
from skyreels_core.demo.people.voices import Speech, Voice, speak
from skyreels_core.media.encoding import Encoding
from skyreels_core.media.sound import Audio
from skyreels_core.media.writing import write_picture, write_video
from skyreels_core.timeline import SAMPLE_RATE

FPS, LEVEL = 25.0, 0.08  # LEVEL: root mean square of a voice where it sounds
SQUARE, HALF = (512, 512), (416, 480)  # pixels: of one person; of each of two
PEOPLE = {
    "Ruby": (Voice("flite", "slt", "female"), "Hello! Lend me your voice, and I will say whatever you like."),
    "Omar": (Voice("flite", "awb", "male"), "Good morning. A picture and a few words are all that I need."),
}
TALKING = (
    "Ines", Voice("flite", "slt", "female", 1.0, 1.1, 0.96), "Please leave a message. We will call you back very soon."
)  # fmt: skip
CALL = (
    ("Mei", Voice("flite", "slt", "female", 1.1, 1.15, 0.94), "Did you see the boats this morning?"),
    ("Felix", Voice("flite", "kal16", "male", 1.05), "Yes, more than fifty of them."),
)
CALL_CAPTION = (
    "a young woman with short brown hair and a bearded man in a red shirt talk to each other in a video call"
)
SEED = 4  # of what moves beside the mouths


def main() -> None:
    folder = Path(assets.__file__).parent / "people"
    folder.mkdir(exist_ok=True)
    for name, (voice, text) in PEOPLE.items():
        picture, places = _portrait(name)
        write_picture(folder / f"{name}.png", picture)
        _write_landmarks(folder / f"{name}.json", places[None, None], SQUARE)
        (folder / f"{name}.txt").write_text(Identity.draw(CAST[name]).caption + "\n", encoding="utf-8")
        speech = _level(speak(text, voice))
        soundfile.write(folder / f"{name}.flac", speech.samples.numpy(), SAMPLE_RATE, subtype="PCM_16")
    name, voice, text = TALKING
    speech = _level(speak(text, voice))
    _write(folder / "video.mp4", [_film(name, speech, SQUARE)], speech.samples)
    _write(folder / "pair.mp4", *_call())
    (folder / "pair.txt").write_text(CALL_CAPTION + "\n", encoding="utf-8")


def _call() -> tuple[list[Footage], Tensor]:
    """Two people, one after the other, and what is heard of both."""
    first, second = (_level(speak(text, voice)) for _, voice, text in CALL)
    together = _silent(first, after=second.seconds), _silent(second, before=first.seconds)
    footage = [_film(name, speech, HALF) for (name, _, _), speech in zip(CALL, together, strict=True)]
    return footage, together[0].samples + together[1].samples


def _silent(speech: Speech, before: float = 0.0, after: float = 0.0) -> Speech:
    """With silence around it, seconds."""
    lead, tail = (round(seconds * SAMPLE_RATE) for seconds in (before, after))
    samples = torch.nn.functional.pad(speech.samples, (lead, tail))
    moved = [Phone(p.name, p.start + before, p.end + before) for p in speech.phones]
    start, end = moved[0].start, len(samples) / SAMPLE_RATE
    phones = (
        [Phone("pau", 0.0, start)] * (start > 0) + moved + [Phone("pau", moved[-1].end, end)] * (after > 0)
    )
    return replace(speech, samples=samples, phones=tuple(phones))


def _film(name: str, speech: Speech, size: tuple[int, int]) -> Footage:
    actor = Actor.of(Identity.draw(CAST[name]))
    return film(actor, talk(actor, speech, FPS, SEED), *size)


def _write(path: Path, side_by_side: list[Footage], samples: Tensor) -> None:
    """A video, and its landmarks beside it: the person on the left comes first."""
    frames = np.concatenate([footage.frames for footage in side_by_side], axis=2)
    pictures = (torch.from_numpy(frame).float() / 255 for frame in frames)
    write_video(path, pictures, FPS, Audio(samples[None], SAMPLE_RATE), Encoding(crf=14))
    height, width = frames.shape[1:3]
    shift = width / len(side_by_side)
    faces = [f.landmarks + np.array([i * shift, 0], np.float32) for i, f in enumerate(side_by_side)]
    places = torch.from_numpy(np.stack(faces, axis=1)).round(decimals=1)  # [f p 68 2]
    _write_landmarks(path.with_suffix(".json"), places, (width, height))


def _write_landmarks(path: Path, places: Tensor, size: tuple[int, int]) -> None:
    """places: [f p 68 2], pixels."""
    found = Keypoints(tuple(torch.cat([places, torch.ones_like(places[..., :1])], dim=-1)), *size)
    path.write_text(json.dumps(to_pose_keypoint(found), separators=(",", ":")), encoding="utf-8")


def _portrait(name: str) -> tuple[Tensor, Tensor]:
    """The person at rest, [h w 3], and the landmarks [68 2]."""
    actor = Actor.of(Identity.draw(CAST[name]))
    renderer = Renderer(actor, *SQUARE)
    renderer.show(FaceState(pose(actor.person.head, **MOODS[actor.identity.mood]), HeadTurn()))
    places = torch.from_numpy(renderer.places(landmark_rows(actor.person.head))).round(decimals=1)
    return torch.from_numpy(np.ascontiguousarray(renderer.picture())).float() / 255, places


def _level(speech: Speech) -> Speech:
    samples = speech.samples
    return replace(speech, samples=samples * (LEVEL / samples[samples.abs() > 1e-3].square().mean().sqrt()))


if __name__ == "__main__":
    main()
