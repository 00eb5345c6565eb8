"""In a running host, Save Talking Video saves what its own nodes would make of the whole video at once."""

from __future__ import annotations

import json
import shutil
import threading
import time

import av
import numpy as np
import pytest
import torch
from graphs import completed, node, shown, stock
from listening import listening
from PIL import Image
from refusals import refusal
from safetensors.torch import save_file

from skyreels_core import assets
from skyreels_core.audio.reading import write_wav
from skyreels_core.conditioning.faces import face_masks
from skyreels_core.conditioning.pose import from_pose_keypoint
from skyreels_core.media.muxing import to_uint8
from skyreels_core.media.reading import read_video
from skyreels_core.media.region import feather
from skyreels_core.media.sound import Audio

FPS, SIZE = 25.0, 64
LATENT_FRAMES, SPOKEN = 6, 18  # 21 frames, of which the voice fills 18
TRUNCATED = 1  # of 255: Save Image cuts off where a video is rounded
NOTHING_KEPT = 15 * 2**20  # bytes; all frames of half a minute would be 2.5 times as many


@pytest.fixture(scope="module")
def files(server):
    """A latent and a voice in the host's input folder, and the bundled video."""
    generator = torch.Generator().manual_seed(0)
    latent = 0.5 * torch.randn(1, 16, LATENT_FRAMES, SIZE // 8, SIZE // 8, generator=generator)
    save_file(
        {"latent_tensor": latent, "latent_format_version_0": torch.tensor([])}, server.input / "made.latent"
    )
    samples = 0.3 * torch.sin(torch.arange(round(SPOKEN / FPS * 16000)) / 8)
    write_wav(server.input / "voice.wav", Audio(samples[None], 16000))
    write_wav(server.input / "short.wav", Audio(samples[None, : 3 * 640], 16000))
    write_wav(server.input / "long.wav", Audio(samples.repeat(2)[None], 16000))
    shutil.copy(assets.video(), server.input / "source.mp4")


def saving(**fields):
    own = {
        "latent": ["latent", 0], "vae": ["demo", 2], "audio": ["voice", 0], "fps": FPS, "filename_prefix": "talk",
        "codec": "h264", "quality": 0, "colour_strength": 0.0, "lossless": True,
    }  # fmt: skip
    return {
        "demo": node("SkyReelsAudioLoadDemo"),
        "latent": node("LoadLatent", latent="made.latent"),
        "voice": node("LoadAudio", audio="voice.wav"),
        "saving": node("SkyReelsAudioSaveVideo", **(own | fields)),
    }


def edited(server, source, **fields):
    """Over the bundled video, as IMAGE or VIDEO."""
    inputs = node("SkyReelsAudioDemoInputs", voice="voice 1")
    mask = node(
        "SkyReelsAudioFaceMask", image=["inputs", 3], fps=FPS, keypoints=["inputs", 5], face="largest", index=0,
        gaps="pass_through",
    )  # fmt: skip
    video = stock(server, "LoadVideo", file="source.mp4")
    prompt = saving(source=source, mask=["mask", 0], **fields)
    return prompt | {"inputs": inputs, "mask": mask, "video": video}


def whole(*steps):
    """The same latent through nodes that hold all frames, to PNG files; `steps` are those after VAE Decode."""
    decoded = {"decoded": node("VAEDecode", samples=["latent", 0], vae=["demo", 2])}
    chain = decoded | dict(steps)
    return chain | {"kept": node("SaveImage", images=[list(chain)[-1], 0], filename_prefix="whole")}


def path_of(server, ended):
    (file,) = ended["outputs"]["saving"]["images"]
    return server.output / file["subfolder"] / file["filename"]


def pictures(server, ended):
    """Of SaveImage, as 0..255."""
    files = [
        server.output / file["subfolder"] / file["filename"] for file in ended["outputs"]["kept"]["images"]
    ]
    return torch.stack([torch.from_numpy(np.array(Image.open(file))).flatten() for file in files])


def distance(video, pictures):
    """In steps of 255."""
    frames = to_uint8(video.frames).flatten(1).int()
    return int((frames - pictures[: len(frames)].int()).abs().max())


def test_the_saved_frames_are_those_of_vae_decode_as_long_as_the_voice(server, files):
    ended = completed(server, saving() | whole())
    video = read_video(path_of(server, ended))
    assert len(video.frames) == SPOKEN and video.fps == FPS
    assert abs(video.audio.seconds - SPOKEN / FPS) <= 1024 / 48000
    assert distance(video, pictures(server, ended)) <= TRUNCATED
    assert ended["outputs"]["saving"]["animated"] == [True]  # the front end shows a player


def test_colours_are_those_of_color_unify(server, files):
    unify = node(
        "SkyReelsAudioColorUnify", images=["decoded", 0], reference=["portrait", 0], fps=FPS, strength=0.7,
        smoothing=1.0,
    )  # fmt: skip
    portrait = {"portrait": node("SkyReelsAudioDemoInputs", voice="voice 1")}
    cut = node("ImageFromBatch", image=["decoded", 0], batch_index=0, length=SPOKEN)
    unify["inputs"]["images"] = ["cut", 0]
    prompt = saving(colour_strength=0.7, reference=["portrait", 0]) | portrait
    ended = completed(server, prompt | whole(("cut", cut), ("unified", unify)))
    assert distance(read_video(path_of(server, ended)), pictures(server, ended)) <= TRUNCATED
    without = completed(server, saving() | whole())
    assert distance(read_video(path_of(server, ended)), pictures(server, without)) > 5


@pytest.mark.parametrize("source", [["inputs", 3], ["video", 0]], ids=["IMAGE", "VIDEO"])
def test_outside_the_mask_every_pixel_is_the_sources(server, files, source):
    composite = node(
        "SkyReelsAudioComposite", source=["inputs", 3], generated=["decoded", 0], mask=["mask", 0], feather=-1
    )
    prompt = edited(server, source) | whole(("composited", composite)) | shown("saving", 1)
    ended = completed(server, prompt)
    video, original = read_video(path_of(server, ended)), read_video(assets.video())
    assert distance(video, pictures(server, ended)) <= TRUNCATED
    boxes = face_masks(from_pose_keypoint(assets.keypoints(), 96, 96), FPS).boxes[:SPOKEN]
    outside = feather(boxes, 3) == 0
    assert torch.equal(video.frames[outside], original.frames[:SPOKEN][outside])
    (report,) = ended["outputs"]["shown"]["text"]
    assert (
        "18 frames at 25 fps, 0.72 s, in talk_" in report
        and "3 frames after the end of the voice are trimmed" in report
    )
    assert "composited: outside the mask nothing changed" in report


def test_a_video_under_an_edit_sets_the_rate_of_the_result(server, files):
    prompt = edited(server, ["video", 0], fps=2 * FPS) | shown("saving", 1)
    ended = completed(server, prompt)
    video = read_video(path_of(server, ended))
    assert (video.fps, len(video.frames)) == (FPS, SPOKEN)
    (report,) = ended["outputs"]["shown"]["text"]
    assert "The video has 25 frames a second; the 50 that were given are not used." in report


def test_a_lip_sync_keeps_the_colours_of_its_source(server, files):
    made = read_video(path_of(server, completed(server, edited(server, ["video", 0], colour_strength=1.0))))
    plain = read_video(path_of(server, completed(server, edited(server, ["video", 0]))))
    original = read_video(assets.video()).frames[:SPOKEN]
    inside = face_masks(from_pose_keypoint(assets.keypoints(), 96, 96), FPS).boxes[:SPOKEN] > 0.5
    first, second = ((v.frames[inside] - original[inside]).mean().abs() for v in (made, plain))
    assert first < second


@pytest.mark.parametrize(("voice", "frames"), [("long.wav", 21), ("short.wav", 3)])
def test_the_shorter_of_voice_and_latent_decides(server, files, voice, frames):
    prompt = saving() | {"voice": node("LoadAudio", audio=voice)}
    video = read_video(path_of(server, completed(server, prompt)))
    assert len(video.frames) == frames
    assert abs(video.audio.seconds - frames / FPS) <= 1024 / 48000


@pytest.mark.parametrize(
    ("codec", "name", "suffix"),
    [("h264", "h264", ".mp4"), ("h265", "hevc", ".mp4"), ("av1", "av1", ".webm"), ("vp9", "vp9", ".webm")],
)
def test_every_codec_makes_a_file_with_the_graph_in_it(server, files, codec, name, suffix):
    prompt = saving(codec=codec, quality=20, lossless=False)
    path = path_of(server, completed(server, prompt))
    assert path.suffix == suffix
    with av.open(str(path)) as container:
        assert container.streams.video[0].codec_context.codec.canonical_name == name
        tags = {key.lower(): value for key, value in container.metadata.items()}
    graph = json.loads(tags["prompt"])
    assert {name: (entry["class_type"], entry["inputs"]) for name, entry in graph.items()} == {
        name: (entry["class_type"], entry["inputs"]) for name, entry in prompt.items()
    }


def test_a_name_may_be_in_any_script_and_counts_on(server, files):
    fields = {"filename_prefix": "影片/Ärger %year%", "lossless": False}
    first, second = (path_of(server, completed(server, saving(**fields, quality=q))) for q in (20, 21))
    assert first.parent == second.parent == server.output / "影片"
    assert first.name == f"Ärger {time.localtime().tm_year}_00001_.mp4"
    assert second.name.endswith("_00002_.mp4")
    assert len(read_video(second).frames) == SPOKEN


@pytest.mark.parametrize("prefix", ["../x", "a/../../x", "/tmp/x", "", " ", "."])
def test_a_name_outside_the_output_folder_is_refused(server, files, prefix):
    assert "inside the output folder" in refusal(server, saving(filename_prefix=prefix))


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"mask": ["other", 0]}, "A mask is connected and no source"),
        ({"source": ["inputs", 3]}, "A source is connected and no mask"),
        ({"source": ["inputs", 3], "mask": ["other", 0]}, "The mask is [1, 8, 8] and the used part"),
        ({"quality": 60, "lossless": False}, "is 60; h264 takes 0, the best, to 51"),
        ({"codec": "av1"}, "av1 cannot be lossless"),
        ({"latent": ["picture", 0]}, "that of one video is [1, 16, frames, height, width]"),
    ],
)
def test_what_does_not_belong_together_gets_a_sentence(server, files, fields, words):
    prompt = edited(server, ["inputs", 3]) | {
        "other": node("SolidMask", value=1.0, width=8, height=8),
        "picture": node("EmptyLatentImage", width=64, height=64, batch_size=1),
    }
    prompt["saving"] = saving(**fields)["saving"]
    assert words in refusal(server, prompt)


def lasting(seconds, **fields):
    return saving(lossless=False, **fields) | {
        "latent": node(
            "EmptyHunyuanLatentVideo", width=SIZE, height=SIZE, length=round(seconds * FPS) + 1, batch_size=1
        ),
        "voice": node("EmptyAudio", duration=seconds, sample_rate=16000, channels=1),
    }


def peak(server, prompt):
    """The most memory that the host holds while it runs a prompt, bytes."""
    held, done = [server.rss], threading.Event()

    def watch():
        while not done.wait(0.05):
            held.append(server.rss)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        completed(server, prompt)
    finally:
        done.set()
        watcher.join()
    return max(held)


def test_half_a_minute_takes_the_memory_of_eight_seconds(start_server, monkeypatch):
    monkeypatch.setenv("MALLOC_MMAP_THRESHOLD_", "65536")  # what is free goes back to the system at once
    server = start_server()
    short, long = (peak(server, lasting(seconds, colour_strength=1.0)) for seconds in (8.0, 32.0))
    print(f"8 s: {short / 2**20:.0f} MiB, 32 s: {long / 2**20:.0f} MiB")
    assert long - short < NOTHING_KEPT


def test_a_cancelled_run_leaves_no_file(server, files):
    before = set(server.output.rglob("*"))
    with listening(server) as said:
        server.client.queue(lasting(30.0, filename_prefix="cancelled/talk"))
        next(message for message in said if is_half_way(message))
        server.client.ask("POST", "/interrupt")
        *_, last = said
    assert last.kind == "execution_interrupted"
    assert {path.name for path in set(server.output.rglob("*")) - before} == {"cancelled"}


def is_half_way(message):
    if message.kind != "progress_state":
        return False
    state = message.data["nodes"].get("saving", {})
    return state.get("max", 0) > 1 and state["value"] / state["max"] > 0.4
