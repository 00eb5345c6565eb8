"""Runs in the host's interpreter: what is wired beside a video that is edited, or beside its latent, counts.

python edit_options_in_host.py FOLDER. Writes what it found to found.json there.
"""

import json
import sys
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

from pack_in_host import load_pack

folder = Path(sys.argv[1])
load_pack()

import comfy.clip_vision  # noqa: E402
import torch  # noqa: E402
from comfy_api.latest import InputImpl, Types  # noqa: E402
from contract import guided  # noqa: E402
from families import SIZE, WINDOW, drawn, families, text, tokens_of, write_files  # noqa: E402
from family_list import EDITING  # noqa: E402
from skyreels_audio_pack.nodes.audio import AudioToTokens  # noqa: E402
from skyreels_audio_pack.nodes.conditioning import VideoEditLipSync  # noqa: E402
from skyreels_audio_pack.nodes.families.multitalk.nodes import AddSpeaker  # noqa: E402
from skyreels_audio_pack.nodes.families.skyreels_audio.loading import load_demo  # noqa: E402
from skyreels_audio_pack.nodes.finishing import Inputs, length_of  # noqa: E402
from skyreels_audio_pack.nodes.host.made import Made, with_made  # noqa: E402
from skyreels_audio_pack.nodes.host.payload import KEY, payload_of  # noqa: E402
from skyreels_audio_pack.nodes.host.solver import core_sampler  # noqa: E402
from skyreels_audio_pack.nodes.saving import SaveTalkingVideo  # noqa: E402
from skyreels_audio_pack.skyreels_core import assets  # noqa: E402
from skyreels_audio_pack.skyreels_core.media.reading import read_video  # noqa: E402
from skyreels_audio_pack.skyreels_core.sampling.denoise import Unit  # noqa: E402
from skyreels_audio_pack.skyreels_core.timeline import Timeline  # noqa: E402
from skyreels_audio_pack.skyreels_core.windows import WindowPlan  # noqa: E402

GIVEN = Inputs(None, None, None, None, None)

EYE = {
    "hidden_size": 16, "intermediate_size": 16, "num_attention_heads": 2, "num_hidden_layers": 2, "num_channels": 3,
    "hidden_act": "quick_gelu", "image_size": 28, "patch_size": 14, "model_type": "clip_vision_model",
    "projection_dim": 8,
}  # fmt: skip


def eye(seed):
    """A CLIP vision model of the host's."""
    path = folder / "eye.json"  # older hosts take no mapping
    path.write_text(json.dumps(EYE), encoding="utf-8")
    made = comfy.clip_vision.ClipVisionModel(str(path))
    shapes = {name: weight.shape for name, weight in made.get_sd().items()}
    made.load_sd({name: drawn(seed + i, *shape) for i, (name, shape) in enumerate(sorted(shapes.items()))})
    return made


def recording(seconds):
    return {"waveform": 0.3 * drawn(9, 1, 1, round(16000 * seconds)), "sample_rate": 16000}


def edited(vae, tokens, video, mask, **options):
    return VideoEditLipSync.execute(text(1), text(2), vae, tokens, video, mask, 0.2, 0, 0, **options).args


def with_eye(given, clip_vision):
    """The same conditioning with another CLIP vision model; what was encoded stays."""
    payload = payload_of(given[0])
    payload = replace(payload, edit=replace(payload.edit, clip_vision=clip_vision))
    return tuple([[tokens, {**entries, KEY: payload}] for tokens, entries in side] for side in given)


def clip_vision_models(kind, vae):
    """Of an edit without CLIP vision, with one, with another, and with the first one loaded again."""
    model, tokens = kind.load(), tokens_of(kind.encoder(), WINDOW)
    frames = tokens.timeline.frames
    video = torch.rand(frames, SIZE, SIZE, 3, generator=torch.Generator().manual_seed(6))
    given = edited(vae, tokens, video, torch.ones(1, SIZE, SIZE))[:2]
    names, inputs, seen = ("without", "one", "other", "one again"), {}, {}
    for name, each in zip(names, (None, eye(1), eye(40), eye(1)), strict=True):
        guider = guided(model, with_eye(given, each))
        inputs[name] = guider._inputs(core_sampler("euler"), {})
        entries = guider._clip(Unit(guider.plan.windows.windows[0], "full", "video"))
        seen[name] = entries["clip_fea"].cond if entries else None
    return {
        "inputs": inputs,
        "other's features": not torch.equal(seen["one"], seen["other"]),
        "the same again": torch.equal(seen["one"], seen["one again"]),
    }


def speakers_of_a_wide_video(kind, vae):
    """Each is in an outer quarter of a video that is twice as wide as the model's size."""
    model, encoder = kind.load(), kind.encoder()
    spoken = AudioToTokens.execute(encoder, recording(0.5), 25.0, 0.0, 0.0, False).args[0]
    left, right = torch.zeros(1, SIZE, 2 * SIZE), torch.zeros(1, SIZE, 2 * SIZE)
    left[..., : SIZE // 2], right[..., -SIZE // 2 :] = 1, 1
    both = AddSpeaker.execute(spoken, 0.0, left).args[0]
    both = AddSpeaker.execute(spoken, 0.0, right, both).args[0]
    video = torch.rand(13, SIZE, 2 * SIZE, 3, generator=torch.Generator().manual_seed(8))
    given = VideoEditLipSync.execute(
        text(1), text(2), vae, both, video, torch.ones(1, SIZE, 2 * SIZE), 0.2, SIZE, SIZE
    ).args
    masks = guided(model, given[:2]).backend.voice.masks
    return masks.float().reshape(3, SIZE // 16, SIZE // 16).tolist()


def saved_over_faster_footage(kind, vae):
    """31 frames at 60 a second, for which 13 were made at 25: with and without what may be wired beside the latent."""
    frames = torch.rand(31, SIZE, SIZE, 3, generator=torch.Generator().manual_seed(8))
    video = InputImpl.VideoFromComponents(Types.VideoComponents(images=frames, frame_rate=Fraction(60)))
    tokens = AudioToTokens.execute(kind.encoder(), recording(31 / 60), 60.0, 0.0, 0.0, False).args[0]
    mask = torch.zeros(1, SIZE, SIZE)
    mask[:, 35:60, 20:40] = 1
    given = edited(vae, tokens, video, mask)
    guider = guided(kind.load(), given[:2])
    latent = with_made(given[2], torch.randn_like(given[2]["samples"]), guider)
    wired = {
        "nothing": {},
        "audio and fps": {"audio": recording(31 / 60), "fps": 25.0},
        "its own fps": {"audio": recording(31 / 60), "fps": 60.0},
        "short audio": {"audio": recording(0.25), "fps": 60.0},
        "short audio alone": {"audio": recording(0.25)},
        "fps alone": {"fps": 25.0},
        "frames of a batch": {"audio": recording(31 / 60), "fps": 25.0, "source": frames, "mask": mask},
    }
    return {name: saved(latent, vae, **options) for name, options in wired.items()}


def saved(latent, vae, fps=0.0, **options):
    node = SaveTalkingVideo.PREPARE_CLASS_CLONE({"hidden_inputs": {}})
    made = node.execute(latent, vae, fps, "edit", "h264", 0, 1.0, **options).args
    video = read_video(made[0].get_stream_source())
    return {
        "fps": video.fps, "frames": len(video.frames), "sound": video.audio.seconds, "report": made[1],
        "last moves": bool((video.frames[-1] - video.frames[-4]).abs().max() > 0.02),
    }  # fmt: skip


def said_of_rates(vae, tokens):
    """Over 60 fps footage that was generated at other rates, where 24 are given."""
    frames = torch.rand(31, SIZE, SIZE, 3)
    video = InputImpl.VideoFromComponents(Types.VideoComponents(images=frames, frame_rate=Fraction(60)))
    visual = payload_of(edited(vae, tokens, video, torch.ones(1, SIZE, SIZE))[0]).visual
    latent, plan = torch.zeros(1, 16, 4, SIZE // 8, SIZE // 8), WindowPlan.plan(4, 4, 0)
    made = {
        rate: Made("", plan, Timeline.from_seconds(31 / 60, rate), None, visual, None) for rate in (16, 29.97)
    }
    said = {f"{rate:g}": length_of(latent, each, GIVEN, GIVEN, 24.0)[1] for rate, each in made.items()}
    return {**said, "its own": length_of(latent, made[16], GIVEN, GIVEN, 60.0)[1]}


with torch.inference_mode():
    write_files(folder)
    vae = load_demo(assets.model())[2]
    kinds, found = families(folder), {}
    if "SkyReels-Audio" in EDITING:
        found["clip vision"] = clip_vision_models(kinds["SkyReels-Audio"], vae)
        spoken = AudioToTokens.execute(
            kinds["SkyReels-Audio"].encoder(), recording(31 / 60), 60.0, 0.0, 0.0, False
        ).args[0]
        found["said of rates"] = said_of_rates(vae, spoken)
        found["saved"] = saved_over_faster_footage(kinds["SkyReels-Audio"], vae)
    if "InfiniteTalk" in EDITING:
        found["pinned clip vision"] = clip_vision_models(kinds["InfiniteTalk"], vae)
        found["areas"] = speakers_of_a_wide_video(kinds["InfiniteTalk"], vae)
(folder / "found.json").write_text(json.dumps(found, indent=1), encoding="utf-8")
