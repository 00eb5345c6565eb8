"""Runs in the host's interpreter: small InfiniteTalk and SoulX-FlashTalk networks, long videos by motion frames.

python motion_frames_in_host.py FOLDER. Writes what it found to found.json there.
"""

import json
import sys
from itertools import pairwise
from pathlib import Path

from pack_in_host import load_pack

folder = Path(sys.argv[1])
load_pack()

import comfy.clip_vision  # noqa: E402
import comfy.latent_formats  # noqa: E402
import comfy.ops  # noqa: E402
import comfy.patcher_extension  # noqa: E402
import comfy.sample  # noqa: E402
import comfy.samplers  # noqa: E402
import comfy.sd  # noqa: E402
import comfy_extras.nodes_model_advanced as advanced  # noqa: E402
import folder_paths  # noqa: E402
import multitalk_files as files  # noqa: E402
import torch  # noqa: E402
from comfy.ldm.wan.model_multitalk import project_audio_features  # noqa: E402
from comfy_extras.nodes_wan import WanInfiniteTalkToVideo  # noqa: E402
from safetensors.torch import save_file  # noqa: E402
from skyreels_audio_pack.nodes.audio import AudioToTokens  # noqa: E402
from skyreels_audio_pack.nodes.families.multitalk import layers as multitalk  # noqa: E402
from skyreels_audio_pack.nodes.families.multitalk import nodes as steps  # noqa: E402
from skyreels_audio_pack.nodes.families.multitalk.long_nodes import KeyFrames, MotionFrames  # noqa: E402
from skyreels_audio_pack.nodes.families.skyreels_audio.loading import load_demo  # noqa: E402
from skyreels_audio_pack.nodes.sampling import Guider, Sampler  # noqa: E402
from skyreels_audio_pack.skyreels_core import assets  # noqa: E402
from skyreels_audio_pack.skyreels_core.errors import InputError  # noqa: E402
from skyreels_audio_pack.skyreels_core.families.multitalk.between_frames import voice_from  # noqa: E402
from skyreels_audio_pack.skyreels_core.families.multitalk.presets import FLASHTALK_NAME  # noqa: E402
from skyreels_audio_pack.skyreels_core.model.multitalk import MultiTalkConfig  # noqa: E402
from skyreels_audio_pack.skyreels_core.sampling.schedule import flow_sigmas  # noqa: E402

SIZE, SEED = 32, 3  # pixels
SHORT, FLASH, LONG = 1.0, 3.0, 5.2  # seconds: 25, 75 and 130 frames
CONFIG = MultiTalkConfig(
    dim=files.WIDTH, num_layers=files.LAYERS, num_heads=2, features=128, intermediate_dim=24, context_tokens=4,
    token_dim=32,
)  # fmt: skip
FAST = "4 steps with lightx2v LoRA"
wan = comfy.latent_formats.Wan21()
facts = {}


def drawn(seed, *shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def text(seed):
    return [[drawn(seed, 1, 6 + seed, files.TEXT), {}]]


def write_files():
    for kind in ("diffusion_models", "model_patches", "audio_encoders"):
        (folder / kind).mkdir()
        folder_paths.add_model_folder_path(kind, str(folder / kind))
    video, metadata = files.wan(comfy.ops.manual_cast)
    audio = files.audio_layers(multitalk.MultiTalkNetwork, CONFIG, comfy.ops.manual_cast)
    wav2vec_state = {name: tensor.contiguous() for name, tensor in files.wav2vec().state_dict().items()}
    save_file(video, folder / "diffusion_models" / "wan_i2v.safetensors", metadata)
    for name in ("SoulX_FlashTalk", "SkyReels-V3", "plain"):
        save_file(video | audio, folder / "diffusion_models" / f"{name}.safetensors")
    save_file(audio, folder / "model_patches" / "infinitetalk.safetensors")
    save_file(wav2vec_state, folder / "audio_encoders" / "wav2vec.safetensors")


def tokens_of(seconds):
    audio = {"waveform": 0.3 * drawn(9, 1, 1, round(16000 * seconds)), "sample_rate": 16000}
    return AudioToTokens.execute(wav2vec, audio, 25.0, 0.0, 0.0, False).args[0]


def animated(seconds):
    return steps.MultiTalkAnimation.execute(
        text(1), text(2), vae, picture, SIZE, SIZE, tokens_of(seconds), None, clip_vision
    ).args[:3]


def by_motion_frames(model, made, colour=0.0, steps=0, motion=0):
    return MotionFrames.execute(model, *made, SEED, steps, 0.0, "", "", colour, motion).args


class Recorded:
    """What the network was given and gave in each forward, and what was decoded, while a video is made."""

    def __init__(self, model) -> None:
        self.seen, self.given, self.samples, self.frames = [], [], [], []
        self.model = model.clone()
        kind = comfy.patcher_extension.WrappersMP.DIFFUSION_MODEL
        self.model.add_wrapper_with_key(kind, "recorded", self.forward)

    def forward(self, executor, x, *args, **kwargs):
        self.seen.append(x.clone())
        made = executor(x, *args, **kwargs)
        self.given.append(made.clone())
        return made

    def __enter__(self):
        decode = type(vae).decode

        def recorded(samples, *args, **kwargs):
            frames = decode(vae, samples, *args, **kwargs)
            self.samples.append(wan.process_in(samples.clone()))
            self.frames.append(frames[0].clone())
            return frames

        vae.decode = recorded
        return self

    def __exit__(self, *_):
        del vae.decode


def differ(ours, theirs):
    assert ours.shape == theirs.shape and theirs.std() > 0.01, (ours.shape, theirs.shape)
    return float((ours - theirs).abs().max())


def latent_of(frames):
    return wan.process_in(vae.encode(frames))


def published(start, velocities, held, seed):
    """The published loop over the recorded velocities: what it gives the network at each step, and its result."""
    timesteps = [1000.0, 750.0, 500.0, 250.0, 0.0]
    timesteps = [1000 * 5 * (t / 1000) / (1 + 4 * (t / 1000)) for t in timesteps]
    generator = torch.Generator().manual_seed(seed + 1)
    latent, shown = start.clone(), []
    latent[:, :, : held.shape[2]] = held
    for velocity, (now, after) in zip(velocities, pairwise(timesteps), strict=True):
        shown.append(latent.clone())
        clean = latent - velocity * (now / 1000)
        fresh = torch.randn(clean.shape, generator=generator) if after else torch.zeros_like(clean)
        latent = (1 - after / 1000) * clean + after / 1000 * fresh
        latent[:, :, : held.shape[2]] = held
    return shown, latent


def flashtalk():
    """Three chunks of 33 frames."""
    found = {"shown": [], "result": [], "masks": [], "portrait": []}
    with Recorded(flash) as recorded:
        images, found["report"] = by_motion_frames(recorded.model, animated(FLASH))
    first, second, third = recorded.frames
    found["shape"], found["forwards"] = list(images.shape), len(recorded.seen)
    found["joined"] = differ(images, torch.cat([first, second[5:], third[5:]])[:75])
    blank = torch.cat([picture, torch.full((32, SIZE, SIZE, 3), 0.5)])
    for index in range(3):
        part = slice(4 * index, 4 * index + 4)
        held = latent_of(recorded.frames[index - 1][-5:] if index else picture)
        start = comfy.sample.prepare_noise(torch.zeros(1, 16, 9, SIZE // 8, SIZE // 8), SEED + index)
        shown, result = published(start, recorded.given[part], held, SEED + index)
        found["shown"] += [differ(s[:, :16], e) for s, e in zip(recorded.seen[part], shown, strict=True)]
        found["result"].append(differ(recorded.samples[index], result))
        found["portrait"].append(differ(recorded.seen[4 * index][:, 20:], latent_of(blank)))
        found["masks"].append(float(recorded.seen[4 * index][:, 16:20].sum()))
    return found


def host_lcm():
    """One window with the host's own sampler, and the schedule that its own nodes give."""
    made = animated(SHORT)
    ours, report = Sampler.execute(flash, *made, SEED, 0, 0.0, "model's own", "", "", 0, -1, 0.0).args
    shifted = advanced.ModelSamplingSD3().patch(flash, 5.0)[0]
    sigmas = comfy.samplers.calculate_sigmas(shifted.get_model_object("model_sampling"), "simple", 4)
    guider = Guider.execute(shifted, *made[:2], keep_state=False).args[0]
    noise = comfy.sample.prepare_noise(made[2]["samples"], SEED)
    lcm = comfy.samplers.sampler_object("lcm")
    theirs = guider.sample(noise, made[2]["samples"], lcm, sigmas, disable_pbar=True, seed=SEED)
    return {
        "difference": differ(ours["samples"], theirs),
        "sigmas": float((sigmas - flow_sigmas(4, 5.0)).abs().max()),
        "report": report,
    }


def infinitetalk():
    """Two chunks of 81 frames; the second one is the host's own, after the frames of the first."""
    images, report = by_motion_frames(infinite, animated(LONG), steps=2)
    patch = multitalk.find_layers(infinite).model_patch
    states = tokens_of(LONG).states
    layers = states.repeat_interleave(2, 0).movedim(1, 0)
    output = {"encoded_audio_all_layers": [layers[:1], *layers.split(1)]}
    plain = comfy.sd.load_diffusion_model(str(folder / "diffusion_models" / "wan_i2v.safetensors"))
    model, positive, _, latent, trim = WanInfiniteTalkToVideo.execute(
        {"mode": "single_speaker"}, plain, patch, text(1), text(2), vae, SIZE, SIZE, 81, output, 9,
        start_image=picture, previous_frames=images[:81], audio_scale=1.0, clip_vision_output=clip_vision,
    ).args  # fmt: skip
    voice = animated(LONG)[0][0][1][multitalk.KEY].voice
    heard = voice_from(voice, 0, 153).states[0]
    model.model_options["transformer_options"]["audio_embeds"] = project_audio_features(
        patch.model.audio_proj, [heard], 72, 153
    )
    guider = comfy.samplers.CFGGuider(model)
    guider.set_conds(positive, positive)
    guider.set_cfg(1.0)
    noise = comfy.sample.prepare_noise(latent["samples"], SEED + 1)
    sigmas = flow_sigmas(2, 8.0, "to_the_end").float()
    euler = comfy.samplers.sampler_object("euler")
    made = guider.sample(noise, latent["samples"], euler, sigmas, disable_pbar=True, seed=SEED)
    expected = vae.decode(made)[0][trim:]
    return {
        "shape": list(images.shape),
        "second chunk": differ(images[81:], expected[: len(images) - 81]),
        "report": report,
    }


def colours():
    plain, _ = by_motion_frames(flash, animated(FLASH))
    matched, _ = by_motion_frames(flash, animated(FLASH), colour=1.0)
    away = [
        float((part[-20:].mean((0, 1, 2)) - picture[0].mean((0, 1))).abs().max()) for part in (plain, matched)
    ]
    return {"plain": away[0], "matched": away[1], "finite": bool(matched.isfinite().all())}


def one_chunk():
    made = animated(SHORT)
    images, report = by_motion_frames(flash, made)
    return {"shape": list(images.shape), "report": report}


def refused(call, *arguments, **options):
    try:
        call(*arguments, **options)
    except InputError as error:
        return str(error)


def mistakes():
    made = animated(SHORT)
    two = {"samples": made[2]["samples"].repeat(2, 1, 1, 1, 1)}
    return {
        "v3": refused(by_motion_frames, v3, made),
        "batch": refused(by_motion_frames, flash, (*made[:2], two)),
        "motion": refused(by_motion_frames, flash, made, motion=6),
        "too many": refused(by_motion_frames, flash, made, motion=33),
        "key frames": refused(KeyFrames.execute, flash, *made, SEED, 2, 0.0, "", "", 0.0, None),
        "flashtalk as v3": refused(
            steps.LoadV3.execute, "SoulX_FlashTalk.safetensors", "4 steps, as shipped"
        ),
        "v3 as flashtalk": refused(steps.LoadV3.execute, "SkyReels-V3.safetensors", FLASHTALK_NAME),
    }


def loras():
    """A fast preset with its LoRA and without."""
    made, key = animated(SHORT), "diffusion_model.blocks.0.self_attn.q.weight"
    with_lora = infinite.clone()
    with_lora.add_patches({key: (torch.zeros(files.WIDTH, files.WIDTH),)}, 1.0)
    reports = [
        Sampler.execute(model, *made, SEED, 0, 0.0, "model's own", "", "", 0, -1, 0.0).args[1]
        for model in (infinite, with_lora)
    ]
    return {"without": reports[0], "with": reports[1]}


with torch.inference_mode():
    write_files()
    _, _, vae, _ = load_demo(assets.model())
    picture = torch.rand(1, SIZE, SIZE, 3, generator=torch.Generator().manual_seed(6))
    clip_vision = comfy.clip_vision.Output()
    clip_vision["penultimate_hidden_states"] = drawn(7, 1, 257, 1280)
    wav2vec = steps.LoadWav2Vec.execute("wav2vec.safetensors").args[0]
    flash = steps.LoadV3.execute("SoulX_FlashTalk.safetensors", FLASHTALK_NAME).args[0]
    v3 = steps.LoadV3.execute("plain.safetensors", "4 steps, as shipped").args[0]
    infinite = steps.ApplyInfiniteTalk.execute(
        comfy.sd.load_diffusion_model(str(folder / "diffusion_models" / "wan_i2v.safetensors")),
        "infinitetalk.safetensors",
        FAST,
    ).args[0]
    for part in (flashtalk, host_lcm, infinitetalk, colours, one_chunk, mistakes, loras):
        facts[part.__name__.replace("_", " ")] = part()
(folder / "found.json").write_text(json.dumps(facts))
