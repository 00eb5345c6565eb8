"""Runs in the host's interpreter: texts that change over time, with a model of each family.

python prompts_in_host.py FOLDER. Writes what it found to found.json there.
"""

import json
import sys
from pathlib import Path

from pack_in_host import load_pack

folder = Path(sys.argv[1])
load_pack()

import comfy.ops  # noqa: E402
import comfy.sd  # noqa: E402
import folder_paths  # noqa: E402
import multitalk_files as files  # noqa: E402
import torch  # noqa: E402
from comfy.ldm.wan.model import HumoWanModel  # noqa: E402
from humo_files import tiny_humo, whisper_of_large_v3_shape  # noqa: E402
from safetensors.torch import save_file  # noqa: E402
from skyreels_audio_pack.nodes.audio import AudioToTokens  # noqa: E402
from skyreels_audio_pack.nodes.conditioning import ImageAnimation  # noqa: E402
from skyreels_audio_pack.nodes.families.humo.nodes import HumoAnimation  # noqa: E402
from skyreels_audio_pack.nodes.families.multitalk import layers as multitalk  # noqa: E402
from skyreels_audio_pack.nodes.families.multitalk import nodes as steps  # noqa: E402
from skyreels_audio_pack.nodes.families.skyreels_audio.loading import load_demo  # noqa: E402
from skyreels_audio_pack.nodes.host.prompts import KEY, at_time  # noqa: E402
from skyreels_audio_pack.nodes.host.solver import core_sampler  # noqa: E402
from skyreels_audio_pack.nodes.host.whisper import WhisperAudioEncoder  # noqa: E402
from skyreels_audio_pack.nodes.prompts import PromptScheduleNode  # noqa: E402
from skyreels_audio_pack.nodes.sampling import Guider  # noqa: E402
from skyreels_audio_pack.skyreels_core import assets  # noqa: E402
from skyreels_audio_pack.skyreels_core.errors import InputError  # noqa: E402
from skyreels_audio_pack.skyreels_core.model.multitalk import MultiTalkConfig  # noqa: E402
from skyreels_audio_pack.skyreels_core.model.whisper import WhisperTokens  # noqa: E402
from skyreels_audio_pack.skyreels_core.sampling.denoise import Unit  # noqa: E402
from skyreels_audio_pack.skyreels_core.sampling.guidance import GuidanceSettings  # noqa: E402
from skyreels_audio_pack.skyreels_core.windows import WindowSettings  # noqa: E402

import nodes  # noqa: E402

# 41 frames, 11 latent frames: three windows of 5 with their middles at 0.34, 0.82, 1.3 s
SIZE = 64
SECONDS = 1.64
WINDOWS, GUIDANCE = WindowSettings(5, 2), GuidanceSettings("4.5", "3")
RED, BLUE = "a person with red hair", "blue wall"
SCHEDULE = f"0 {RED}\n0.8 {BLUE}\n1.2 {RED}\n9 too late"
EXPECTED = [RED, BLUE, RED]


def noise():
    return torch.randn(1, 16, 11, SIZE // 8, SIZE // 8, generator=torch.Generator().manual_seed(5))


def spoken(encoder):
    waveform = 0.3 * torch.randn(1, 1, round(16000 * SECONDS), generator=torch.Generator().manual_seed(9))
    audio = {"waveform": waveform, "sample_rate": 16000}
    return AudioToTokens.execute(encoder, audio, 25.0, 0.0, 0.0, False).args[0]


def demo_scene(positive):
    return demo, ImageAnimation.execute(positive, empty, vae, demo_voice, SIZE, SIZE, picture).args[:2]


def humo_scene(positive):
    return humo, HumoAnimation.execute(positive, empty, vae, humo_voice, SIZE, SIZE, picture).args[:2]


def multitalk_scene(positive):
    conditioning = steps.MultiTalkAnimation.execute(positive, empty, vae, picture, SIZE, SIZE, wav2vec_voice)
    return infinite, conditioning.args[:2]


class Looking:
    """In the place of a solver: one step, and what each window's branches predict."""

    def __init__(self, positive, scene):
        model, conditioning = scene(positive)
        self.guider = Guider.execute(model, *conditioning, WINDOWS, GUIDANCE, keep_state=False).args[0]
        sampler = core_sampler("euler")
        sampler.sampler_function = self.look
        x = noise()
        self.guider.sample(x, torch.zeros_like(x), sampler, torch.tensor([1.0, 0.0]), disable_pbar=True)

    def look(self, model, x, sigmas, extra_args=None, **options):
        self.denoised = model(x, sigmas[:1], **extra_args)
        rule = {"eq3": ("full", "noaudio", "null"), "multitalk": ("full", "notext", "null")}
        branches = rule[self.guider.backend.rule]
        self.predicted = {
            (window.index, branch): next(self.guider._evaluate([Unit(window, branch, "video")], x, 1.0))
            for window in self.guider.plan.windows.windows
            for branch in branches
        }
        widths = {
            cond["model_conds"]["c_concat"].cond.shape[2]
            for conds in self.guider.conds.values()
            for cond in conds
            if "c_concat" in cond["model_conds"]
        }
        self.longest = max(widths, default=0)
        return self.denoised


def family(scene):
    plain = {text: Looking(nodes.CLIPTextEncode().encode(clip, text)[0], scene) for text in (RED, BLUE)}
    one = Looking(schedule(f"0 {RED}"), scene)
    both = Looking(schedule(SCHEDULE), scene)
    apart = {
        f"{window} {branch}": (
            both.predicted[window, branch] - plain[text].predicted[window, branch]
        ).abs().max().item()
        for window, text in enumerate(EXPECTED)
        for branch in ("full", "null")
    }  # fmt: skip
    moved = (plain[RED].predicted[1, "full"] - plain[BLUE].predicted[1, "full"]).abs().max().item()
    coefficients = GUIDANCE.over([1.0, 0.0], both.guider.backend.rule).coefficients(1.0)
    guided = (
        sum(scale * both.predicted[window.index, branch] for branch, scale in coefficients.items())
        for window in both.guider.plan.windows.windows
    )
    return {
        "apart": apart,
        "moved": moved,
        "one": torch.equal(one.denoised, plain[RED].denoised),
        "fused": (both.denoised - both.guider.plan.windows.fuse(guided)).abs().max().item(),
        "changed": (both.denoised - plain[RED].denoised).abs().max().item(),
        "report": both.guider.report,
        "longest": both.longest,
        "dropped": both.guider.conds == {} and both.guider.unprepared == {},
    }


def schedule(lines):
    return PromptScheduleNode.execute(clip, lines).args[0]


def refused(call, *arguments):
    try:
        call(*arguments)
    except InputError as error:
        return str(error)


def wiring():
    """What nodes between Prompt Schedule and the sampler did to the first text, the others have too."""
    made, other = schedule(f"0 {RED}\n1 {BLUE}"), nodes.CLIPTextEncode().encode(clip, "a wall")[0]
    ranged = nodes.ConditioningSetTimestepRange().set_range(made, 0.0, 0.5)[0]
    joined = nodes.ConditioningCombine().combine(ranged, other)[0]
    later = at_time(joined, 1.5)
    concatenated = nodes.ConditioningConcat().concat(made, other)[0]
    blue = nodes.CLIPTextEncode().encode(clip, BLUE)[0]
    return {
        "first": torch.equal(made[0][0], nodes.CLIPTextEncode().encode(clip, RED)[0][0][0]),
        "entries": len(later),
        "text": torch.equal(later[0][0], blue[0][0]),
        "range": later[0][1]["end_percent"],
        "joined": later[1][0] is other[0][0],
        "plain": KEY not in later[0][1],
        "concatenated": refused(demo_guider, concatenated),
        "wrong line": refused(schedule, "0 a\nred hair"),
    }


def demo_guider(positive):
    model, conditioning = demo_scene(positive)
    Guider.execute(model, *conditioning, WINDOWS, GUIDANCE)


def load_infinite():
    for kind in ("diffusion_models", "model_patches", "audio_encoders"):
        (folder / kind).mkdir()
        folder_paths.add_model_folder_path(kind, str(folder / kind))
    config = MultiTalkConfig(
        dim=files.WIDTH, num_layers=files.LAYERS, num_heads=2, features=128, intermediate_dim=24, context_tokens=4,
        token_dim=32,
    )  # fmt: skip
    video, metadata = files.wan(comfy.ops.manual_cast)
    layers = files.audio_layers(multitalk.MultiTalkNetwork, config, comfy.ops.manual_cast)
    states = {name: tensor.contiguous() for name, tensor in files.wav2vec().state_dict().items()}
    save_file(layers, folder / "model_patches" / "infinitetalk.safetensors")
    save_file(states, folder / "audio_encoders" / "wav2vec.safetensors")
    model = comfy.sd.load_diffusion_model_state_dict(video, metadata=metadata)
    encoder = steps.LoadWav2Vec.execute("wav2vec.safetensors").args[0]
    return steps.ApplyInfiniteTalk.execute(model, "infinitetalk.safetensors", "480p").args[0], encoder


with torch.inference_mode():
    demo, clip, vae, demo_whisper = load_demo(assets.model())
    picture = torch.rand(1, SIZE, SIZE, 3, generator=torch.Generator().manual_seed(6))
    empty = nodes.CLIPTextEncode().encode(clip, "")[0]
    demo_voice = spoken(demo_whisper)
    humo_voice = spoken(WhisperAudioEncoder(WhisperTokens(whisper_of_large_v3_shape())))
    state, metadata = tiny_humo(HumoWanModel, comfy.ops.disable_weight_init, 36)
    humo = comfy.sd.load_diffusion_model_state_dict(state, metadata=metadata)
    infinite, wav2vec = load_infinite()
    wav2vec_voice = spoken(wav2vec)
    found = {
        "demo": family(demo_scene),
        "humo": family(humo_scene),
        "multitalk": family(multitalk_scene),
        "wiring": wiring(),
    }
(folder / "found.json").write_text(json.dumps(found, indent=1), encoding="utf-8")
