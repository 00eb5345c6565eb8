"""What Save Talking Video measures in a running host, and how a voice is heard there."""

from __future__ import annotations

import re

import torch
from graphs import FPS, STEPS, altered, animation, completed, edit, latent_of, node, shown
from PIL import Image
from refusals import refusal

SECONDS = 1.5


def saving(scene, **fields):
    """A scene, to its video; the plot to a picture, the report shown."""
    prompt = {name: entry for name, entry in scene.items() if name != "saved"}
    kept = {
        "latent": ["sampler", 0], "vae": ["demo", 2], "audio": ["tokens", 2], "fps": FPS, "filename_prefix": "measured",
        "codec": "h264", "quality": 0, "colour_strength": 1.0,
    }  # fmt: skip
    return prompt | shown("saving", 1) | {
        "saving": node("SkyReelsAudioSaveVideo", **(kept | fields)),
        "plot": node("SaveImage", images=["saving", 2], filename_prefix="plot"),
    }  # fmt: skip


def said(ended):
    return "".join(ended["outputs"]["shown"]["text"])


def plot(server, ended):
    (file,) = ended["outputs"]["plot"]["images"]
    return Image.open(server.output / file["subfolder"] / file["filename"])


def test_a_saved_video_is_judged_window_by_window(server):
    prompt = saving(animation(SECONDS, steps=STEPS, window=5, overlap=1), reference=["inputs", 0])
    ended = completed(server, prompt)
    found = re.search(r"lowest ([\d.]+), in window \d+ of (\d+)", said(ended))
    assert found and 0.2 < float(found[1]) <= 1 and int(found[2]) == 3
    assert "times the usual change, at" in said(ended) and "colours drift by" in said(ended)
    assert plot(server, ended).size == (640, 900)


def test_an_edit_is_judged_against_its_source(server):
    scene = edit(SECONDS, steps=STEPS, window=5, overlap=1)
    ended = completed(server, saving(scene, source=["inputs", 3], mask=["mask", 0]))
    found = re.search(r"lowest (-?[\d.]+), in window \d+ of \d+", said(ended))
    assert found and float(found[1]) < 0.999
    assert plot(server, ended).size == (640, 900)


def test_how_a_voice_is_heard_changes_the_latent_and_not_its_sound(server):
    plain, heard = animation(), altered(animation(), "tokens", loudness=-35.0)
    assert not torch.equal(latent_of(server, plain), latent_of(server, heard))
    sounds = []
    for prompt in (plain, heard):
        ended = completed(
            server, prompt | {"sound": node("SaveAudio", audio=["tokens", 2], filename_prefix="sound")}
        )
        (file,) = ended["outputs"]["sound"]["audio"]
        sounds.append((server.output / file["subfolder"] / file["filename"]).read_bytes())
    assert sounds[0][-2000:] == sounds[1][-2000:]  # the head holds the graph


def test_a_loudness_that_makes_no_sense_is_refused(server):
    assert "give one from -70 to -5" in refusal(server, altered(animation(), "tokens", loudness=-1.0))
