"""Runs in the host's interpreter: every family edits a video that it was trained without masks for.

python pinned_in_host.py FOLDER. Writes what it found to found.json there.
"""

import json
import sys
from contextlib import suppress
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

from pack_in_host import load_pack

folder = Path(sys.argv[1])
load_pack()

import comfy.latent_formats  # noqa: E402
import comfy.samplers  # noqa: E402
import torch  # noqa: E402
from comfy_api.latest import InputImpl, Types  # noqa: E402
from contract import Interrupted, differ, guided, refusal  # noqa: E402
from families import SIZE, WINDOW, drawn, families, text, tokens_of, write_files  # noqa: E402
from family_list import EDITING  # noqa: E402
from skyreels_audio_pack.nodes.audio import AudioToTokens  # noqa: E402
from skyreels_audio_pack.nodes.conditioning import VideoEditLipSync  # noqa: E402
from skyreels_audio_pack.nodes.families.multitalk.key_frames import KeyFrameRun  # noqa: E402
from skyreels_audio_pack.nodes.families.multitalk.layers import find_layers  # noqa: E402
from skyreels_audio_pack.nodes.families.multitalk.nodes import AddSpeaker  # noqa: E402
from skyreels_audio_pack.nodes.families.skyreels_audio.loading import load_demo  # noqa: E402
from skyreels_audio_pack.nodes.host.payload import KEY, payload_of  # noqa: E402
from skyreels_audio_pack.nodes.host.solver import core_sampler  # noqa: E402
from skyreels_audio_pack.nodes.host.vae import HostVideoEncoder  # noqa: E402
from skyreels_audio_pack.nodes.sampling import Sampler  # noqa: E402
from skyreels_audio_pack.nodes.saving import SaveTalkingVideo  # noqa: E402
from skyreels_audio_pack.skyreels_core import assets  # noqa: E402
from skyreels_audio_pack.skyreels_core.media.footage import collect  # noqa: E402
from skyreels_audio_pack.skyreels_core.media.reading import read_video  # noqa: E402
from skyreels_audio_pack.skyreels_core.sampling.denoise import Unit  # noqa: E402
from skyreels_audio_pack.skyreels_core.sampling.schedule import flow_sigmas  # noqa: E402

LONG = 8  # latent frames: two windows
SIGMAS = flow_sigmas(3, 5.0).float()
SAMPLERS = {
    "euler": lambda: core_sampler("euler"),
    "dpmpp_2m": lambda: core_sampler("dpmpp_2m"),
    "the host's dpmpp_2m": lambda: comfy.samplers.ksampler("dpmpp_2m"),
    "the host's lcm": lambda: comfy.samplers.ksampler("lcm"),
}
VIDEO = torch.rand(1 + 4 * (LONG - 1), SIZE, SIZE, 3, generator=torch.Generator().manual_seed(6))
MASK = torch.zeros(len(VIDEO), SIZE, SIZE)
MASK[:, 35:60, 20:40] = 1
MASK[9:, 35:60, 40:50] = 1  # from there on it is wider
CELLS = torch.zeros(
    1, 1, LONG, SIZE // 8, SIZE // 8
)  # on the grid of 16 pixels: rows 32-64, columns 16-48 or 16-64
CELLS[..., 4:8, 2:6] = 1
CELLS[..., 3:, 4:8, 6:8] = 1  # frame 9 is in latent frame 3


class Eye:
    """In the place of a CLIP vision model, whose files are not at hand."""

    def encode_image(self, picture, crop=True):
        seed = round(float(picture.sum()))
        return {"penultimate_hidden_states": drawn(seed, 1, 257, 1280)}


def told(vae, tokens, **options):
    frames = tokens.timeline.frames
    given = {"editing": "pinned", "clip_vision": Eye(), **options}
    video, mask = given.pop("video", VIDEO[:frames]), given.pop("mask", MASK[:frames])
    return VideoEditLipSync.execute(text(1), text(2), vae, tokens, video, mask, 0.2, 0, 0, **given).args[:2]


def changed(given, **options):
    """The same conditioning, edited otherwise; what was encoded stays."""
    payload = payload_of(given[0])
    payload = replace(payload, edit=replace(payload.edit, **options))
    return tuple([[tokens, {**entries, KEY: payload}] for tokens, entries in side] for side in given)


def sample(guider, name, latent_frames, latent=None, mask=None, sigmas=SIGMAS):
    noise = drawn(5, 1, 16, latent_frames, SIZE // 8, SIZE // 8)
    latent = torch.zeros_like(noise) if latent is None else latent
    return guider.sample(noise, latent, SAMPLERS[name](), sigmas.clone(), mask, disable_pbar=True, seed=3)


def encoded(vae, first, latent_frames):
    video = VIDEO[first : first + 4 * latent_frames - 3].movedim(-1, 0)[None] * 2 - 1
    return HostVideoEncoder(vae).encode(video).float().cpu()


def as_inpainting(model, given, latents):
    """One window: pinning, and the host's own inpainting over the same conditions."""
    found, free = {}, changed(given, pinned_steps=0.0)
    source = comfy.latent_formats.Wan21().process_out(latents)
    for name in SAMPLERS:
        pinned = sample(guided(model, given), name, WINDOW)
        inpainted = sample(guided(model, free), name, WINDOW, source, CELLS[:, :, :WINDOW])
        found[name] = {
            "differs": differ(pinned, inpainted),
            "outside": differ(*((1 - CELLS[:, :, :WINDOW]) * latents for latents in (pinned, source))),
        }
    begun = sample(guided(model, given), "euler", WINDOW, sigmas=SIGMAS[1:])
    by_host = sample(guided(model, free), "euler", WINDOW, source, CELLS[:, :, :WINDOW], SIGMAS[1:])
    found["part of the schedule"] = {"differs": differ(begun, by_host), "free": differ(begun, pinned)}
    found["free"] = differ(pinned, sample(guided(model, free), name, WINDOW))
    return found


def windows(model, vae, given):
    guider = guided(model, given)
    first, second = guider.plan.windows.windows
    conditions = guider.backend.conditions
    sources = [conditions.source_of(window) for window in (first, second)]
    own = [encoded(vae, 4 * window.start, window.length) for window in (first, second)]
    seen = [guider._clip(Unit(window, "full", "first")) for window in (first, second)]
    entries = [guider.backend.entries(Unit(window, "full", "first")) for window in (first, second)]
    whole = encoded(vae, 0, LONG)[:, :, second.frames]
    made = sample(guider, "euler", LONG)
    alone = slice(0, second.start), slice(first.start + first.length, LONG)
    outside = [
        differ((1 - CELLS[:, :, part]) * made[:, :, part], (1 - CELLS[:, :, part]) * latent)
        for part, latent in zip(
            alone,
            (
                comfy.latent_formats.Wan21().process_out(own[0])[:, :, : second.start],
                comfy.latent_formats.Wan21().process_out(own[1])[:, :, first.length - second.start :],
            ),
            strict=True,
        )
    ]
    return {
        "own latents": max(
            differ(source[:, 1:], latent) for source, latent in zip(sources, own, strict=True)
        ),
        "not sliced": differ(own[1], whole),
        "masks": [
            bool(torch.equal(s[:, :1], CELLS[:, :, w.frames]))
            for s, w in zip(sources, (first, second), strict=True)
        ],
        "pictures differ": [name for name in entries[0] if "audio" not in name and differing(entries, name)],
        "clip differs": differing(seen, "clip_fea"),
        "outside": max(outside),
    }


def differing(entries, name):
    one, other = (found[name].cond for found in entries)
    return isinstance(one, torch.Tensor) and not torch.equal(one, other)


def resumed(model, given):
    """A run that keeps its state, is cut in its second step and begun again."""
    whole, planned = counted_run(guided(model, given))

    def cut(done, *_):
        if done > planned // 3 + 1:
            raise Interrupted

    with suppress(Interrupted):
        sample(guided(model, given, cut, keep=True), "euler", LONG)
    made, computed = counted_run(guided(model, given, keep=True))
    _, cached = counted_run(guided(model, given, cache_threshold=1e3))
    return {"differs": differ(made, whole), "forwards": computed, "planned": planned, "cached": cached}


def counted_run(guider):
    computed, evaluate = [0], guider._evaluate

    def counting(units, *arguments):
        computed[0] += len(units)
        return evaluate(units, *arguments)

    guider._evaluate = counting
    return sample(guider, "euler", LONG), computed[0]


def facts(kind, vae):
    model, encoder = kind.load(), kind.encoder()
    short, long = (told(vae, tokens_of(encoder, length)) for length in (WINDOW, LONG))
    return {
        "one window": as_inpainting(model, short, encoded(vae, 0, WINDOW)),
        "windows": windows(model, vae, long),
        "resumed": resumed(model, long),
        "saved": saved(model, long, vae),
        "faster": faster(model, vae, encoder),
        "mistakes": mistakes(model, vae, encoder),
        **({"two speakers": two_speakers(model, vae, encoder)} if kind is kinds.get("InfiniteTalk") else {}),
    }


def faster(model, vae, encoder):
    """A VIDEO of 60 frames a second: 31 of them, as long as 13 that are generated."""
    frames = torch.rand(31, SIZE, SIZE, 3, generator=torch.Generator().manual_seed(8))
    video = InputImpl.VideoFromComponents(Types.VideoComponents(images=frames, frame_rate=Fraction(60)))
    audio = {"waveform": 0.3 * drawn(9, 1, 1, round(16000 * 31 / 60)), "sample_rate": 16000}
    tokens = AudioToTokens.execute(encoder, audio, 60.0, 0.0, 0.0, False).args[0]
    made = VideoEditLipSync.execute(
        text(1), text(2), vae, tokens, video, MASK[:1], 0.2, 0, 0, editing="pinned"
    ).args
    latent = sampled_latent(model, made[:2], made[2])
    finished = finish(latent, vae)
    hidden = torch.nn.functional.max_pool2d(MASK[:1, None], 7, 1, 3)[0, 0] == 0
    read = read_video(finished[0].get_stream_source())
    return {
        "generated": payload_of(made[0]).timeline.fps,
        "fps": read.fps,
        "frames": len(read.frames),
        "outside": float((read.frames - frames)[:, hidden].abs().max()),
        "report": made[3],
    }


def two_speakers(model, vae, encoder):
    """The second one speaks after the first has ended; each has half of the picture."""
    short = {"waveform": 0.3 * drawn(9, 1, 1, 8000), "sample_rate": 16000}
    spoken = AudioToTokens.execute(encoder, short, 25.0, 0.0, 0.0, False).args[0]
    left, right = torch.zeros(1, SIZE, SIZE), torch.zeros(1, SIZE, SIZE)
    left[..., : SIZE // 2], right[..., SIZE // 2 :] = 1, 1
    first = AddSpeaker.execute(spoken, 0.0, left).args[0]
    both = AddSpeaker.execute(spoken, 0.8, right, first).args[0]
    frames = 33
    video = torch.rand(frames, SIZE, SIZE, 3, generator=torch.Generator().manual_seed(8))
    given = VideoEditLipSync.execute(
        text(1), text(2), vae, both, video, torch.ones(1, SIZE, SIZE), 0.2, 0, 0
    ).args
    region = collect(guided(model, given[:2]).backend.payload.visual.region)
    unmasked = AddSpeaker.execute(spoken, 0.8, None, first).args[0]
    lacking = VideoEditLipSync.execute(
        text(1), text(2), vae, unmasked, video, torch.ones(1, SIZE, SIZE), 0.2, 0, 0
    ).args
    return {
        "silent": float(region[:10, :, SIZE // 2 :].sum() + region[26:, :, : SIZE // 2].sum()),
        "speaking": float(min(region[:10, :, : SIZE // 2].min(), region[26:, :, SIZE // 2 :].min())),
        "no mask": refusal(lambda: guided(model, lacking[:2])),
    }


def mistakes(model, vae, encoder):
    tokens = tokens_of(encoder, WINDOW)
    given = told(vae, tokens)
    blank = torch.zeros_like(MASK[:17])
    passes = {"multitalk": lambda: KeyFrameRun(model, *given, None, {"seed": 0}, 0.0)}
    return {
        "small mask": refusal(lambda: told(vae, tokens, mask=MASK[:17, :32])),
        "few masks": refusal(lambda: told(vae, tokens, mask=MASK[:5])),
        "no face": refusal(lambda: told(vae, tokens, mask=blank)),
        "strength": refusal(lambda: guided(model, changed(given, denoise=0.0))),
        "key frames": None if getattr(find_layers(model), "pinned", True) else refusal(passes["multitalk"]),
    }


def sampled_latent(model, given, empty):
    return Sampler.execute(
        model, *given, empty, 1, 2, 5.0, "euler", "2", "1", WINDOW, 2, 0.0, keep_state=False
    ).args[0]


def finish(latent, vae):
    node = SaveTalkingVideo.PREPARE_CLASS_CLONE({"hidden_inputs": {}})
    return node.execute(latent, vae, 0.0, "pinned", "h264", 0, 1.0, lossless=True).args


def saved(model, given, vae):
    """By the all-in-one sampler and Save Talking Video, with nothing else wired; outside the mask nothing changes."""
    empty = {"samples": torch.zeros(1, 16, LONG, SIZE // 8, SIZE // 8)}
    made = finish(sampled_latent(model, given, empty), vae)
    frames = read_video(made[0].get_stream_source()).frames
    hidden = torch.nn.functional.max_pool2d(MASK[:, None], 7, 1, 3)[:, 0] == 0
    return {
        "frames": len(frames),
        "outside": float((frames - VIDEO)[hidden].abs().max()),
        "report": made[1],
    }


with torch.inference_mode():
    write_files(folder)
    vae = load_demo(assets.model())[2]
    kinds = families(folder)
    found = {name: facts(kinds[name], vae) for name in EDITING}
(folder / "found.json").write_text(json.dumps(found, indent=1), encoding="utf-8")
