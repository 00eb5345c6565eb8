"""Runs in the host's interpreter: small networks of the MultiTalk family, by the host's own node and sampler and by
ours.

python multitalk_in_host.py FOLDER. Writes what it found to found.json there.
"""

import json
import sys
from pathlib import Path

from pack_in_host import load_pack

folder = Path(sys.argv[1])
load_pack()

import comfy.clip_vision  # noqa: E402
import comfy.ops  # noqa: E402
import comfy.samplers  # noqa: E402
import comfy.sd  # noqa: E402
import folder_paths  # noqa: E402
import multitalk_files as files  # noqa: E402
import torch  # noqa: E402
from comfy.ldm.wan.model_multitalk import get_audio_embeds, project_audio_features  # noqa: E402
from comfy_extras.nodes_wan import WanInfiniteTalkToVideo  # noqa: E402
from safetensors.torch import save_file  # noqa: E402
from skyreels_audio_pack.nodes.audio import AudioToTokens  # noqa: E402
from skyreels_audio_pack.nodes.conditioning import ImageAnimation  # noqa: E402
from skyreels_audio_pack.nodes.families.multitalk import layers as multitalk  # noqa: E402
from skyreels_audio_pack.nodes.families.multitalk import nodes as steps  # noqa: E402
from skyreels_audio_pack.nodes.families.skyreels_audio.loading import load_demo  # noqa: E402
from skyreels_audio_pack.nodes.host.solver import core_sampler  # noqa: E402
from skyreels_audio_pack.nodes.sampling import Guider, Sampler  # noqa: E402
from skyreels_audio_pack.skyreels_core import assets  # noqa: E402
from skyreels_audio_pack.skyreels_core.errors import InputError  # noqa: E402
from skyreels_audio_pack.skyreels_core.families.multitalk.features import features_of_frames, states_of_frames  # noqa: E402
from skyreels_audio_pack.skyreels_core.model.multitalk import MultiTalkConfig  # noqa: E402
from skyreels_audio_pack.skyreels_core.sampling.cache import CacheSettings  # noqa: E402
from skyreels_audio_pack.skyreels_core.sampling.guidance import GuidanceSettings  # noqa: E402
from skyreels_audio_pack.skyreels_core.sampling.schedule import flow_sigmas  # noqa: E402
from skyreels_audio_pack.skyreels_core.windows import WindowSettings  # noqa: E402

SIZE = 64  # pixels
SHORT, LONG = 1.0, 2.12  # seconds of voice: 25 frames, 7 latent frames; 53 frames, 14 latent frames
WINDOWS = WindowSettings(7, 3)
STEPS, SHIFT = 2, 5.0
CONFIG = MultiTalkConfig(
    dim=files.WIDTH, num_layers=files.LAYERS, num_heads=2, features=128, intermediate_dim=24, context_tokens=4,
    token_dim=32,
)  # fmt: skip
facts = {}


def drawn(seed, *shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def noise_of(latent_frames, batch=1):
    return drawn(5, batch, 16, latent_frames, SIZE // 8, SIZE // 8)


def text(seed):
    """Of different lengths: what the host's own node makes fails where the host runs two prompts as one batch."""
    return [[drawn(seed, 1, 6 + seed, files.TEXT), {}]]


def audio_of(seconds, seed=9):
    return {"waveform": 0.3 * drawn(seed, 1, 1, round(16000 * seconds)), "sample_rate": 16000}


def tokens_of(seconds, fps=25.0, seed=9):
    return AudioToTokens.execute(wav2vec, audio_of(seconds, seed), fps, 0.0, 0.0, False).args[0]


def write_files():
    """In the folders where the host looks for them."""
    for kind in ("diffusion_models", "model_patches", "audio_encoders"):
        (folder / kind).mkdir()
        folder_paths.add_model_folder_path(kind, str(folder / kind))
    video, metadata = files.wan(comfy.ops.manual_cast)
    without, _ = files.wan(comfy.ops.manual_cast, picture=False)
    audio = files.audio_layers(multitalk.MultiTalkNetwork, CONFIG, comfy.ops.manual_cast)
    wav2vec_state = {name: tensor.contiguous() for name, tensor in files.wav2vec().state_dict().items()}
    whole = video | audio
    save_file(video, folder / "diffusion_models" / "wan_i2v.safetensors", metadata)
    save_file(without, folder / "diffusion_models" / "wan_t2v.safetensors", metadata)
    save_file(whole, folder / "diffusion_models" / "v3.safetensors")
    names = list(whole)
    for part in (1, 2):
        save_file(
            {name: whole[name] for name in names[part - 1 :: 2]},
            folder / "diffusion_models" / f"parts-{part:05}-of-00002.safetensors",
        )
    save_file(files.fp8(whole, scaled=False), folder / "diffusion_models" / "v3_fp8.safetensors")
    save_file(files.fp8(whole, scaled=True), folder / "diffusion_models" / "v3_fp8_scaled.safetensors")
    save_file(audio, folder / "model_patches" / "infinitetalk.safetensors")
    save_file(wav2vec_state, folder / "audio_encoders" / "wav2vec.safetensors")
    return audio


def plain(name="wan_i2v.safetensors"):
    return comfy.sd.load_diffusion_model(str(folder / "diffusion_models" / name))


def v3(name="v3.safetensors", weights="default"):
    return steps.LoadV3.execute(name, "40 steps with guidance", weights).args[0]


def animated(tokens=None, speakers=None):
    return steps.MultiTalkAnimation.execute(
        text(1), text(2), vae, picture, SIZE, SIZE, tokens, speakers, clip_vision
    ).args[:3]


def natively(states, length, span=None, masks=None):
    """MODEL and conditionings by the host's own node; `span` are the frames that are heard in its place."""
    layers = [part.repeat_interleave(2, 0).movedim(1, 0) for part in states]
    outputs = [{"encoded_audio_all_layers": [part[:1], *part.split(1)]} for part in layers]
    second = {"audio_encoder_output_2": outputs[1], "mask_1": masks[0], "mask_2": masks[1]} if masks else {}
    made = WanInfiniteTalkToVideo.execute(
        {"mode": "two_speakers" if masks else "single_speaker", **second}, infinite_plain, patch, text(1), text(2), vae,
        SIZE, SIZE, length, outputs[0], 9, start_image=picture, audio_scale=1.0, clip_vision_output=clip_vision,
    ).args  # fmt: skip
    heard = project_audio_features(patch.model.audio_proj, states, *(span or (0, length)))
    made[0].model_options["transformer_options"]["audio_embeds"] = heard
    return made[:3]


def sampled(guider, noise, sigmas):
    return guider.sample(noise, torch.zeros_like(noise), core_sampler("euler"), sigmas, disable_pbar=True)


def by_host(model, positive, negative, noise, scale, sigmas):
    guider = comfy.samplers.CFGGuider(model)
    guider.set_conds(positive, negative)
    guider.set_cfg(scale)
    return sampled(guider, noise, sigmas)


def by_us(model, positive, negative, noise, audio, text, sigmas, windows=None, cache=0.0, null_image=False):
    guider = Guider.execute(
        model, positive, negative, windows, GuidanceSettings(str(audio), str(text)), CacheSettings(cache),
        null_image=null_image, keep_state=False,
    ).args[0]  # fmt: skip
    return sampled(guider, noise, sigmas), guider.report


def difference(ours, theirs):
    assert ours.shape == theirs.shape and theirs.std() > 0.05
    return (ours - theirs).abs().max().item()


def states_of(tokens):
    return states_of_frames(tokens.states, tokens.timeline)


def windows_of_the_voice():
    states = states_of(long)
    spans = [(0, 53), (0, 25), (13, 38), (28, 53)]
    return max(
        float(
            (features_of_frames(states, first, last - first) - get_audio_embeds([states], first, last)[0])
            .abs()
            .max()
        )
        for first, last in spans
    )


def one_window():
    """As long as a window; text guidance alone, which is what the host's sampler has."""
    sigmas, noise, found = flow_sigmas(STEPS, SHIFT).float(), noise_of(7), {}
    ours = animated(short)
    for scale in (1.0, 3.0):
        expected = by_host(*natively([states_of(short)], 25), noise, scale, sigmas)
        found[f"guidance {scale:g}"] = difference(
            by_us(infinite, *ours[:2], noise, 1, scale, sigmas)[0], expected
        )
    return found


def three_windows():
    """One step from noise: every window by the host, of its own span of the voice, then fused."""
    noise, sigmas = noise_of(14), torch.tensor([1.0, 0.0])
    plan = WINDOWS.plan(14)
    parts = [
        by_host(
            *natively([states_of(long)], 25, (4 * w.start, 4 * w.start + 25)),
            noise[:, :, w.frames],
            3.0,
            sigmas,
        )
        for w in plan.windows
    ]
    ours, _ = by_us(infinite, *animated(long)[:2], noise, 1, 3, sigmas, WINDOWS)
    apart = difference(ours[:, :, plan.windows[1].frames], parts[0])
    return len(plan.windows), difference(ours, plan.fuse(parts, first_step=True)), apart


def three_branches():
    """One step from noise, text 5 and audio 4, beside each branch by the host."""
    noise, sigmas = noise_of(7), torch.tensor([1.0, 0.0])
    model, positive, negative = natively([states_of(short)], 25)
    full, without_text = (by_host(model, c, c, noise, 1.0, sigmas) for c in (positive, negative))
    zeros = project_audio_features(patch.model.audio_proj, [torch.zeros_like(states_of(short))], 0, 25)
    model.model_options["transformer_options"]["audio_embeds"] = zeros
    null = by_host(model, negative, negative, noise, 1.0, sigmas)
    expected = null + 5 * (full - without_text) + 4 * (without_text - null)
    ours, report = by_us(infinite, *animated(short)[:2], noise, 4, 5, sigmas)
    without_voice = by_host(model, positive, positive, noise, 1.0, sigmas)
    alone, _ = by_us(infinite, *animated(short)[:2], noise, 4, 1, sigmas)
    return {
        "difference": difference(ours, expected),
        "voice": difference(without_text, null),
        "voice alone": difference(alone, without_voice + 4 * (full - without_voice)),
        "report": report,
    }


def cached():
    noise, sigmas = noise_of(14), flow_sigmas(8, SHIFT).float()
    ours = animated(long)[:2]
    whole, _ = by_us(infinite, *ours, noise, 4, 5, sigmas, WINDOWS)
    fast, report = by_us(infinite, *ours, noise, 4, 5, sigmas, WINDOWS, cache=1.0)
    return {
        "difference": difference(fast, whole),
        "spread": float(whole.std()),
        "finite": bool(fast.isfinite().all()),
        "report": report,
    }


def batch():
    noise, sigmas = noise_of(7, batch=2), flow_sigmas(STEPS, SHIFT).float()
    ours = animated(short)[:2]
    both, _ = by_us(infinite, *ours, noise, 2, 3, sigmas)
    apart = [by_us(infinite, *ours, one, 2, 3, sigmas)[0] for one in noise.split(1)]
    return difference(both, torch.cat(apart))


def halves():
    left = torch.zeros(1, SIZE, SIZE)
    left[:, :, : SIZE // 2] = 1
    return left, 1 - left


def two_speakers():
    left, right = halves()
    (speakers,) = steps.AddSpeaker.execute(tokens_of(1.0, seed=1), 0.0, left).args
    (speakers,) = steps.AddSpeaker.execute(tokens_of(1.0, seed=2), 1.12, right, speakers).args
    positive, negative, latent = animated(speakers=speakers)
    voice = positive[0][1][multitalk.KEY].voice
    noise, sigmas, found = noise_of(14), torch.tensor([1.0, 0.0]), {"frames": voice.timeline.frames}
    expected = by_host(*natively(list(voice.states), 53, masks=(left, right)), noise, 3.0, sigmas)
    ours, _ = by_us(infinite, positive, negative, noise, 1, 3, sigmas, WindowSettings(14, 0))
    found["difference"] = difference(ours, expected)
    found["windows"], _ = by_us(
        infinite, positive, negative, noise, 4, 3, flow_sigmas(2, 5.0).float(), WINDOWS
    )
    found["windows"] = bool(found["windows"].isfinite().all())
    swapped = tuple(
        speakers[i].__class__(speakers[i].spoken, speakers[1 - i].mask, speakers[i].start) for i in (0, 1)
    )
    other, _ = by_us(infinite, *animated(speakers=swapped)[:2], noise, 1, 3, sigmas, WindowSettings(14, 0))
    found["swapped"] = difference(other, ours)
    silent = voice.states[1][8:19]
    found["silence changes"] = float((silent - silent[:1]).abs().max())
    found["speech changes"] = float((voice.states[1][30:40] - voice.states[1][30:31]).abs().max())
    found["latent"] = list(latent["samples"].shape)
    first, second = (speaker.spoken.audio.samples for speaker in speakers)
    pause = torch.zeros(1, round(0.12 * 16000))
    found["recording"] = float((voice.audio.samples - torch.cat([first, pause, second], 1)).abs().max())
    return found


def a_silent_speaker():
    """Beside one who speaks: the second half of the tokens are the encoder's silence, whatever the first says."""
    left, right = halves()
    quiet = AudioToTokens.execute(
        wav2vec, {"waveform": torch.zeros(1, 1, 16000), "sample_rate": 16000}, 25.0, 0.0, 0.0, False
    ).args[0]
    layers, window, found = multitalk.find_layers(infinite), WINDOWS.plan(7).windows[0], []
    for seed in (1, 2):
        (speakers,) = steps.AddSpeaker.execute(tokens_of(1.0, seed=seed), 0.0, left).args
        (speakers,) = steps.AddSpeaker.execute(quiet, 0.0, right, speakers).args
        voice = animated(speakers=speakers)[0][0][1][multitalk.KEY].voice
        found.append(layers.project(voice.features_for(window)[None])[0])
    silence = wav2vec.managed().encode(torch.zeros(16000))
    alone = layers.project(features_of_frames(silence, 0, 25)[None, None])[0]
    half = CONFIG.context_tokens
    return {
        "second": max(float((tokens[:, half:] - alone).abs().max()) for tokens in found),
        "first": float((found[0][:, :half] - found[1][:, :half]).abs().max()),
    }


def v3_files():
    """The first clip of SkyReels-V3 is left free; every form of its file gives the same."""
    noise, sigmas, ours, found = noise_of(7), flow_sigmas(STEPS, SHIFT).float(), animated(short)[:2], {}
    model, *native = natively([states_of(short)], 25)
    model.wrappers["outer_sample"].clear()
    expected = by_host(model, *native, noise, 3.0, sigmas)
    for name in ("v3", "parts-00002-of-00002"):
        found[name] = difference(by_us(v3(f"{name}.safetensors"), *ours, noise, 1, 3, sigmas)[0], expected)
    for name, weights in (("v3_fp8", "default"), ("v3_fp8_scaled", "default"), ("v3", "fp8_e4m3fn")):
        made, _ = by_us(v3(f"{name}.safetensors", weights), *ours, noise, 1, 3, sigmas)
        found[f"{name} {weights}"] = float((made - expected).square().mean().sqrt() / expected.std())
    return found


def by_the_sampler_node():
    """Long video, everything from the preset."""
    model = steps.LoadV3.execute("v3.safetensors", "4 steps, as shipped").args[0]
    latent, report = Sampler.execute(model, *animated(long), 1, 2, 0.0, "model's own", "", "", 7, 3, 0.0).args
    facts["preset report"] = report
    return bool(latent["samples"].isfinite().all())


def shared_memory(audio):
    layers = multitalk.MultiTalkLayers(audio, CONFIG, None, True, plain())
    state = layers.model_patch.model.state_dict()
    return all(tensor.data_ptr() == audio[name].data_ptr() for name, tensor in state.items())


def refused(call, *arguments):
    try:
        call(*arguments)
    except InputError as error:
        return str(error)


def mistakes():
    sigmas, ours = flow_sigmas(1, 1).float(), animated(short)[:2]
    left, right = halves()
    demo, _, _, whisper = load_demo(assets.model())
    whispered = AudioToTokens.execute(whisper, audio_of(1.0), 25.0, 0.0, 0.0, False).args[0]
    one = steps.AddSpeaker.execute(short, 0.0, left).args[0]
    two = steps.AddSpeaker.execute(short, 0.0, right, one).args[0]
    with_voice = ImageAnimation.execute(text(1), text(2), vae, whispered, SIZE, SIZE, picture).args[:2]
    folder_paths.add_model_folder_path("model_patches", str(folder / "diffusion_models"))
    folder_paths.add_model_folder_path("diffusion_models", str(folder / "model_patches"))
    apply = steps.ApplyInfiniteTalk.execute
    return {
        "t2v": refused(apply, plain("wan_t2v.safetensors"), "infinitetalk.safetensors", "480p"),
        "twice": refused(apply, infinite, "infinitetalk.safetensors", "480p"),
        "demo": refused(apply, demo, "infinitetalk.safetensors", "480p"),
        "v3 as patch": refused(apply, plain(), "v3.safetensors", "480p"),
        "wan as v3": refused(v3, "wan_i2v.safetensors"),
        "patch as v3": refused(v3, "infinitetalk.safetensors"),
        "whisper tokens": refused(animated, whispered),
        "wav2vec tokens": refused(ImageAnimation.execute, text(1), text(2), vae, short, SIZE, SIZE, picture),
        "no voice": refused(by_us, infinite, text(1), text(2), noise_of(7), 1, 1, sigmas),
        "another voice": refused(by_us, infinite, *with_voice, noise_of(7), 1, 1, sigmas),
        "another model": refused(by_us, demo, *ours, noise_of(7), 1, 1, sigmas),
        "plain model": refused(by_us, plain(), *ours, noise_of(7), 1, 1, sigmas),
        "stock sampler": refused(by_host, infinite, *ours, noise_of(7), 1, sigmas),
        "neither": refused(animated),
        "both": refused(animated, short, one),
        "three": refused(steps.AddSpeaker.execute, short, 0.0, left, two),
        "no mask": refused(animated, None, steps.AddSpeaker.execute(short, 0.0, None, one).args[0]),
        "small mask": refused(animated, None, steps.AddSpeaker.execute(short, 0.0, left[:, :8], one).args[0]),
        "batch of two speakers": refused(by_us, infinite, *animated(None, two)[:2], noise_of(7, 2), 1, 1, sigmas),
    }  # fmt: skip


with torch.inference_mode():
    audio = write_files()
    _, _, vae, _ = load_demo(assets.model())
    picture = torch.rand(1, SIZE, SIZE, 3, generator=torch.Generator().manual_seed(6))
    clip_vision = comfy.clip_vision.Output()
    clip_vision["penultimate_hidden_states"] = drawn(7, 1, 257, 1280)
    wav2vec = steps.LoadWav2Vec.execute("wav2vec.safetensors").args[0]
    short, long = tokens_of(SHORT), tokens_of(LONG)
    infinite_plain = plain()
    infinite = steps.ApplyInfiniteTalk.execute(plain(), "infinitetalk.safetensors", "480p").args[0]
    patch = multitalk.find_layers(infinite).model_patch
    facts["windows of the voice"] = windows_of_the_voice()
    facts["native layers"] = [list(layer.shape) for layer in short["encoded_audio_all_layers"]]
    facts["at 30 fps"] = list(states_of(tokens_of(1.0, fps=30.0)).shape)
    facts["one window"] = one_window()
    facts["three windows"] = three_windows()
    facts["three branches"] = three_branches()
    facts["cached"] = cached()
    facts["batch"] = batch()
    facts["two speakers"] = two_speakers()
    facts["silent speaker"] = a_silent_speaker()
    facts["v3 files"] = v3_files()
    facts["sampler node"] = by_the_sampler_node()
    facts["shared memory"] = shared_memory(audio)
    facts["mistakes"] = mistakes()
(folder / "found.json").write_text(json.dumps(facts))
