"""Save Talking Video with nothing but latent and VAE: the rest comes with the latent, and only with that latent."""

from __future__ import annotations

import pytest
import torch
from graphs import FPS, altered, animation, completed, edit, node, shown
from refusals import refusal

from skyreels_core.media.reading import read_video

ANIMATED = {"audio": ["tokens", 2], "fps": ["tokens", 3], "reference": ["inputs", 0]}
EDITED = {"audio": ["tokens", 2], "fps": ["tokens", 3], "source": ["inputs", 3], "mask": ["mask", 0]}
CHANGED = "The latent has been changed since it was sampled"
UNKNOWN = "it is not the unchanged latent of SkyReels Audio Sampler"
# Nodes of the host that give out a LATENT with what lies beside the samples of the one they got.
CHANGES = {
    "scaled": node(
        "LatentUpscale", samples=["sampler", 0], upscale_method="bilinear", width=128, height=128, crop="disabled"
    ),
    "louder": node("LatentMultiply", samples=["sampler", 0], multiplier=1.01),
    "joined": node("LatentConcat", samples1=["sampler", 0], samples2=["sampler", 0], dim="t"),
}  # fmt: skip


def saving(prompt, latent="sampler", **given):
    fields = {"fps": 0.0, "filename_prefix": "short", "codec": "h264", "quality": 0, "colour_strength": 1.0}
    entry = node(
        "SkyReelsAudioSaveVideo", latent=[latent, 0], vae=["demo", 2], **(fields | given), lossless=True
    )
    prompt = {name: step for name, step in prompt.items() if name != "saved"}
    return prompt | {"saving": entry} | shown("saving", 1)


def saved(server, prompt):
    """The video, and what the node reports."""
    outputs = completed(server, prompt)["outputs"]
    (file,) = outputs["saving"]["images"]
    return read_video(server.output / file["subfolder"] / file["filename"]), outputs["shown"]["text"][0]


@pytest.mark.parametrize(
    ("graph", "wired"), [(animation, ANIMATED), (edit, EDITED)], ids=["animation", "edit"]
)
def test_what_is_not_connected_is_what_the_sampler_used(server, graph, wired):
    short, report = saved(server, saving(graph()))
    long, told = saved(server, saving(graph(), **wired))
    assert torch.equal(short.frames, long.frames) and short.fps == long.fps == FPS
    assert torch.equal(short.audio.samples, long.audio.samples)
    assert report.splitlines()[-1] == told.splitlines()[-1]  # what the video is like, over its windows


def test_an_edit_is_as_long_as_its_video_and_not_as_the_latent(server):
    """The model makes 1 + 4k frames; of a video of 22 frames, 25."""
    prompt = edit(2.0) | {"part": node("ImageFromBatch", image=["inputs", 3], batch_index=0, length=22)}
    prompt = altered(altered(prompt, "scene", video=["part", 0]), "mask", image=["part", 0])
    video, _ = saved(server, saving(prompt))
    assert len(video.frames) == 22
    assert video.audio.seconds == pytest.approx(22 / FPS, abs=0.03)


def test_other_sound_takes_the_place_of_the_voice_alone(server):
    music = {"music": node("EmptyAudio", duration=0.4, sample_rate=48000, channels=2)}
    video, report = saved(server, saving(edit() | music, audio=["music", 0]))
    assert len(video.frames) == 10 and video.audio.samples.abs().max() == 0
    assert "composited: outside the mask nothing changed" in report


def test_with_audio_and_rate_given_what_is_not_connected_is_not_used(server):
    """So graphs from before a latent carried anything do what they did."""
    voice = {name: EDITED[name] for name in ("audio", "fps")}
    video, report = saved(server, saving(edit(), **voice))
    assert video.frames.shape[1:3] == (64, 64) and "outside the mask" not in report


@pytest.mark.parametrize("wired", [{}, ANIMATED], ids=["short", "long"])
def test_another_rate_than_the_latent_s_is_named(server, wired):
    assert "sampled for" not in saved(server, saving(animation(), **wired))[1]
    _, report = saved(server, saving(animation(), **{**wired, "fps": 30.0}))
    assert "The latent was sampled for 25 fps: at 30 fps the lips do not follow the voice." in report


@pytest.mark.parametrize("change", CHANGES)
def test_what_a_changed_latent_still_carries_is_not_used(server, change):
    prompt = animation() | {change: CHANGES[change]}
    assert UNKNOWN in refusal(server, saving(prompt, change))
    _, report = saved(server, saving(prompt, change, **ANIMATED))
    assert report.count(CHANGED) == 1


def test_a_latent_from_a_file_brings_no_voice(server):
    kept = completed(server, animation())["outputs"]["saved"]["latents"][0]
    (server.input / "kept.latent").write_bytes(
        (server.output / kept["subfolder"] / kept["filename"]).read_bytes()
    )
    prompt = animation() | {"loaded": node("LoadLatent", latent="kept.latent")}
    assert UNKNOWN in refusal(server, saving(prompt, "loaded"))
    _, report = saved(server, saving(prompt, "loaded", **ANIMATED))
    assert CHANGED not in report


def test_a_copy_of_the_same_samples_still_brings_everything(server):
    prompt = animation() | {"copy": node("LatentFromBatch", samples=["sampler", 0], batch_index=0, length=1)}
    _, report = saved(server, saving(prompt, "copy"))
    assert CHANGED not in report and "15 frames at 25 fps" in report
