"""In a running host, a face crop is edited shot by shot and saved as one video at the size of its source."""

from __future__ import annotations

import pytest
import torch
from graphs import FPS, completed, node, said, sampled, shown, voice_and_texts
from refusals import refusal
from test_saving import path_of

from skyreels_core import assets
from skyreels_core.audio.reading import write_wav
from skyreels_core.media.encoding import Encoding
from skyreels_core.media.reading import read_video
from skyreels_core.media.sound import Audio
from skyreels_core.media.writing import write_video

WIDTH, HEIGHT, SHOT = 240, 160, 9
PLACES = (20, 30), None, (130, 50)  # of the bundled face in three shots, of which the second has none
FRAMES = SHOT * len(PLACES)
WALLS = torch.tensor([[0.8, 0.2, 0.2], [0.2, 0.7, 0.3], [0.1, 0.3, 0.8]])
MASK = slice(58, 90), slice(26, 70)  # the lower face in the bundled 96x96 pixels


@pytest.fixture(scope="module")
def source(server):
    """The video, and its masks; both lie in the host's input folder with a voice."""
    speaker = read_video(assets.video(), 2.0).frames
    frames, masks = torch.zeros(FRAMES, HEIGHT, WIDTH, 3), torch.zeros(FRAMES, HEIGHT, WIDTH, 3)
    for index in range(FRAMES):
        frames[index], place = WALLS[index // SHOT], PLACES[index // SHOT]
        if place is not None:
            rows, columns = slice(place[1], place[1] + 96), slice(place[0], place[0] + 96)
            frames[index, rows, columns] = speaker[index]
            masks[index, rows, columns][MASK] = 1
    write_video(server.input / "shots.mkv", frames, FPS, encoding=Encoding(lossless=True))
    write_video(server.input / "masks.mkv", masks, FPS, encoding=Encoding(lossless=True))
    samples = 0.3 * torch.sin(torch.arange(round(FRAMES / FPS * 16000)) / 8)
    write_wav(server.input / "whole.wav", Audio(samples[None], 16000))
    return read_video(server.input / "shots.mkv").frames, masks[..., 0]


def cropped(latent="joined", **saving):
    prompt = voice_and_texts(1.0) | {
        "loaded": node("LoadVideo", file="shots.mkv"),
        "drawn": node("LoadVideo", file="masks.mkv"),
        "parts": node("GetVideoComponents", video=["drawn", 0]),
        "mask": node("ImageToMask", image=["parts", 0], channel="red"),
        "voice": node("LoadAudio", audio="whole.wav"),
        "crop": node(
            "SkyReelsAudioFaceCrop", video=["loaded", 0], mask=["mask", 0], audio=["voice", 0], fps=FPS, shape="square",
            size=64,
        ),
        "scene": node(
            "SkyReelsAudioVideoEdit", **said(), video=["crop", 0], mask=["crop", 1], hybrid=0.4, width=0, height=0
        ),
        "joined": node("SkyReelsAudioJoinShots", latent=["sampler", 0]),
        "saving": node(
            "SkyReelsAudioSaveVideo", latent=[latent, 0], vae=["demo", 2], fps=0.0, filename_prefix="cropped",
            codec="h264", quality=0, colour_strength=1.0, lossless=True, **saving,
        ),
    }  # fmt: skip
    prompt["tokens"]["inputs"] |= {"audio": ["crop", 2], "duration": 0.0}
    prompt |= sampled(steps=1)
    del prompt["saved"]
    return prompt | shown("saving", 1)


@pytest.fixture(scope="module")
def ended(server, source):
    return completed(server, cropped())


def test_the_shots_come_back_as_one_video_and_all_but_the_mouths_is_the_sources(server, source, ended):
    frames, masks = source
    video = read_video(path_of(server, ended))
    assert video.frames.shape == frames.shape and video.audio is not None
    near = torch.nn.functional.max_pool2d(masks, 13, 1, 6) > 0  # with the feathered edge
    assert torch.equal(video.frames[~near], frames[~near])
    changed = (video.frames != frames).flatten(1).any(1)
    assert changed.tolist() == [index // SHOT != 1 for index in range(FRAMES)]


def test_the_report_names_the_shots_and_what_changed_outside(ended):
    (report,) = ended["outputs"]["shown"]["text"]
    assert report.count("face crop of") == 2 and report.count("outside the mask") >= 2
    assert "Frames 0 to 8" in report and "Frames 18 to 26" in report


def test_video_and_mask_of_different_origin_are_refused_before_sampling(server, source):
    prompt = cropped()
    prompt["scene"]["inputs"]["mask"] = ["mask", 0]
    assert "Video and mask do not meet" in refusal(server, prompt)


def test_other_latents_are_not_joined(server, source):
    prompt = cropped()
    prompt["joined"]["inputs"]["latent"] = ["scene", 2]
    assert "A latent that is to be joined is not the unchanged latent" in refusal(server, prompt)


@pytest.mark.parametrize("spoken", [["crop", 2], ["voice", 0]], ids=["of the crop", "of the whole video"])
def test_shots_without_a_voice_of_their_own_are_refused_before_sampling(server, source, spoken):
    prompt = cropped()
    del prompt["crop"]["inputs"]["audio"]
    prompt["tokens"]["inputs"]["audio"] = spoken
    said = refusal(server, prompt)
    assert "onnect the voice of the whole video to the audio of" in said and "Face Crop" in said
    assert "The latent of a face crop" not in said
