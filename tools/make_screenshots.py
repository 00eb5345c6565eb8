"""Pictures of the front end in docs/pictures, and a picture `workflows/<name>.jpg` for each template, from real runs.

    python -m tools.make_screenshots            all, or those named: templates, `help`, `templates`

Needs ComfyUI (COMFYUI_PATH, COMFYUI_PYTHON), Chromium and playwright; takes about ten minutes on two cores.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from skyreels_core import assets
from skyreels_core.evaluation.sheets import loudness
from skyreels_core.media.reading import Video, read_picture, read_video
from skyreels_core.media.sound import Audio, read_audio
from tests.host.browser import HEIGHT, WIDTH, FrontEnd, open_front_end
from tests.host.host_server import HostServer
from tests.nodes.workflow_files import NAMES, UI, read

from .host import open_host

PACK = "skyreels-audio"
PICTURES = Path(__file__).parents[1] / "docs" / "pictures"
RUN_LIMIT = 600  # seconds
# Seconds into the demo's videos at which the mouth is open.
MOMENT = 1.4
# Pixels of a template's picture, and of the waveform under a face.
SIDE, WAVE = 512, 96
DARK, LIGHT = (24, 26, 32), (120, 180, 230)

# Templates that need weights: who they take, and what stands on their picture.
SHOWN = {
    "image_animation_own_weights": ("Omar", "your weights"),
    "humo": ("Omar", "HuMo"),
    "infinitetalk": ("Ruby", "InfiniteTalk"),
    "skyreels_v3": ("Omar", "SkyReels-V3"),
    "redub_infinitetalk": ("Ines", "InfiniteTalk"),
    "redub_skyreels_v3": ("Ines", "SkyReels-V3"),
    "conversation": ("Mei and Felix", "two voices"),
    "flashtalk": ("Ruby", "FlashTalk"),
    "s2v": ("Omar", "Wan2.2-S2V"),
}

WINDOW = {"width": WIDTH, "height": HEIGHT}
WINDOWS = {"conversation": {"width": 1920, "height": 1080}}  # of a template whose text no smaller one shows

SHOW_MOMENT = """moment => document.querySelectorAll("video").forEach(video => {
  video.pause()
  video.currentTime = moment
})"""


def main(names: list[str]) -> None:
    chosen = names or [*NAMES, "help", "templates"]
    with open_host("--preview-method", "none") as server:
        for name in chosen:
            with open_front_end(server.url) as front_end:
                if name == "help":
                    front_end.help_of("SkyReelsAudioSampler")
                elif name == "templates":
                    front_end.browse_templates(PACK)
                else:
                    front_end.page.set_viewport_size(WINDOWS.get(name, WINDOW))
                    show_template(server, front_end, name)
                save(front_end, PICTURES / f"comfyui_{name}.png")


def show_template(server: HostServer, front_end: FrontEnd, name: str) -> None:
    """The template after its run; one that needs weights only as it opens, as if they were there."""
    graph = read(UI / f"{name}.json")
    if stand_in(server, graph):
        front_end.page.reload()
        front_end.wait_until_ready()
        front_end.open(graph, name)
        cover(name, None).save(UI / f"{name}.jpg", quality=88)
        return
    front_end.open(graph, name)
    ended = front_end.run(RUN_LIMIT)
    files = [file for out in ended["outputs"].values() for file in out.get("images", ())]
    (saved,) = (file for file in files if file["filename"].endswith(".mp4"))
    video = read_video(server.output / saved["subfolder"] / saved["filename"])
    cover(name, video).save(UI / f"{name}.jpg", quality=88)
    front_end.page.evaluate(SHOW_MOMENT, MOMENT)
    front_end.page.wait_for_timeout(8000)  # until the message that the run has ended is gone


def stand_in(server: HostServer, graph: dict) -> bool:
    """Empty files where a template names weights, and the demo's portrait and voice where it names its inputs."""
    found = False
    sources = {"LoadImage": assets.portrait(), "LoadAudio": assets.voice(1), "LoadVideo": assets.video()}
    for node in graph["nodes"]:
        named = [
            value
            for value in node.get("widgets_values", ())
            if str(value).endswith((".safetensors", ".onnx"))
        ]
        for name in named:
            (server.models / FOLDERS[node["type"]] / name).touch()
            found = True
        if source := sources.get(node["type"]):
            shutil.copy(source, server.input / node["widgets_values"][0])
    return found


FOLDERS = {
    "SkyReelsAudioLoadModel": "diffusion_models",
    "UNETLoader": "diffusion_models",
    "SkyReelsAudioApplyLayers": "model_patches",
    "SkyReelsAudioLoadWhisper": "audio_encoders",
    "SkyReelsAudioLoadV3": "diffusion_models",
    "SkyReelsAudioApplyInfiniteTalk": "model_patches",
    "SkyReelsAudioLoadWav2Vec": "audio_encoders",
    "SkyReelsAudioLoadDWPose": "detection",
    "CLIPLoader": "text_encoders",
    "CLIPVisionLoader": "clip_vision",
    "VAELoader": "vae",
    "LoraLoaderModelOnly": "loras",
}


def save(front_end: FrontEnd, path: Path) -> None:
    """As PNG of 256 colours, a quarter of the size; the octree keeps the colours of thin links."""
    front_end.screenshot(path)
    with Image.open(path) as picture:
        small = picture.convert("RGB").quantize(
            256, method=Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE
        )
    small.save(path, optimize=True)


def cover(name: str, video: Video | None) -> Image.Image:
    """A square picture of what the template makes; of what it takes where that needs weights."""
    if video is None:
        person, label = SHOWN[name]
        return labelled(over_voice(*taken(person)), label)
    moment = round(MOMENT * video.fps)
    if name == "video_edit":
        return beside(read_video(assets.video()).frames[moment], video.frames[moment])
    if name == "long_video":
        return grid(video.frames[:: len(video.frames) // 9][:9])
    if name == "advanced":
        return grid(video.frames[moment : moment + 28 : 7])
    frame, voice = video.frames[moment], video.audio
    return picture(frame, SIDE) if voice is None else over_voice(frame, voice)


def taken(person: str) -> tuple[Tensor, Audio]:
    """A square picture of somebody whom a template takes, and the voice."""
    people = assets.people()
    if person in ("Ruby", "Omar"):
        return read_picture(people[person].portrait), read_audio(assets.people_voice(person))
    shown = people["Ruby" if person == "Ines" else person]
    frame, voice = read_video(shown.video).frames[round(MOMENT * 25)], read_audio(assets.people_voice("Ruby"))
    height, width = frame.shape[:2]
    if width == height:
        return frame, voice
    quarter, part = width // 4, height // 4  # the middle of each of two
    return torch.cat([frame[:, x - part : x + part] for x in (quarter, 3 * quarter)], dim=1), voice


def picture(frame: Tensor, side: int) -> Image.Image:
    pixels = (frame.clamp(0, 1) * 255).byte().numpy()
    return Image.fromarray(pixels).resize((side, side), Image.Resampling.BICUBIC)


def over_voice(frame: Tensor, voice: Audio) -> Image.Image:
    made = picture(frame, SIDE)
    pen = ImageDraw.Draw(made)
    top, middle = SIDE - WAVE, SIDE - WAVE // 2
    pen.rectangle((0, top, SIDE, SIDE), fill=DARK)
    level = loudness(voice).values.numpy()
    heights = np.interp(np.linspace(0, len(level) - 1, SIDE // 8), np.arange(len(level)), level)
    for index, height in enumerate(heights / heights.max() * (WAVE / 2 - 8)):
        pen.rectangle((8 * index + 2, middle - height - 1, 8 * index + 5, middle + height + 1), fill=LIGHT)
    return made


def labelled(made: Image.Image, text: str | None) -> Image.Image:
    if text:
        font, place = ImageFont.load_default(52), (SIDE // 2, 40)
        ImageDraw.Draw(made).text(place, text, "white", font, anchor="mm", stroke_width=4, stroke_fill=DARK)
    return made


def beside(before: Tensor, after: Tensor) -> Image.Image:
    """The left half of one, the right half of the other."""
    made, half = picture(before, SIDE), SIDE // 2
    made.paste(picture(after, SIDE).crop((half, 0, SIDE, SIDE)), (half, 0))
    ImageDraw.Draw(made).rectangle((half - 2, 0, half + 1, SIDE), fill="white")
    return made


def grid(frames: Tensor) -> Image.Image:
    made, count = Image.new("RGB", (SIDE, SIDE), DARK), round(len(frames) ** 0.5)
    side = SIDE // count
    for index, frame in enumerate(frames):
        made.paste(picture(frame, side), (index % count * side, index // count * side))
    return made


if __name__ == "__main__":
    main(sys.argv[1:])
