"""Runs in the host's interpreter: tiny HuMo models of both layouts, by the host's own nodes and sampler and by ours.

python humo_in_host.py FOLDER. Writes what it found to found.json there, and the 17B's layout to humo.safetensors.
"""

import importlib.util
import json
import sys
from pathlib import Path

PACK = Path(__file__).resolve().parents[2]
folder = Path(sys.argv[1])
sys.argv[1:] = ["--cpu"]

import comfy.options  # noqa: E402

comfy.options.enable_args_parsing()

import comfy.ops  # noqa: E402
import comfy.samplers  # noqa: E402
import comfy.sd  # noqa: E402
import comfy.utils  # noqa: E402
import torch  # noqa: E402
import utils.install_util  # noqa: E402, F401  before comfy/utils.py can take its name
from comfy.ldm.wan.model import HumoWanModel  # noqa: E402
from comfy_extras.nodes_wan import WanHuMoImageToVideo, get_audio_emb_window  # noqa: E402
from humo_files import TEXT, tiny_humo, whisper_of_large_v3_shape  # noqa: E402
from safetensors.torch import save_file  # noqa: E402

spec = importlib.util.spec_from_file_location(
    "skyreels_audio_pack", PACK / "__init__.py", submodule_search_locations=[str(PACK)]
)
pack = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
spec.loader.exec_module(pack)

from skyreels_audio_pack.nodes.audio import AudioToTokens  # noqa: E402
from skyreels_audio_pack.nodes.conditioning import ImageAnimation  # noqa: E402
from skyreels_audio_pack.nodes.families import find_family  # noqa: E402
from skyreels_audio_pack.nodes.families.humo.nodes import HumoAnimation  # noqa: E402
from skyreels_audio_pack.nodes.families.humo.voice import features_of  # noqa: E402
from skyreels_audio_pack.nodes.families.skyreels_audio.loading import load_demo  # noqa: E402
from skyreels_audio_pack.nodes.host.cache import preview_plan  # noqa: E402
from skyreels_audio_pack.nodes.host.solver import core_sampler  # noqa: E402
from skyreels_audio_pack.nodes.host.whisper import WhisperAudioEncoder  # noqa: E402
from skyreels_audio_pack.nodes.sampling import Guider  # noqa: E402
from skyreels_audio_pack.skyreels_core import assets  # noqa: E402
from skyreels_audio_pack.skyreels_core.errors import InputError  # noqa: E402
from skyreels_audio_pack.skyreels_core.model.whisper import WhisperTokens  # noqa: E402
from skyreels_audio_pack.skyreels_core.sampling.cache import CacheSettings  # noqa: E402
from skyreels_audio_pack.skyreels_core.sampling.denoise import Unit  # noqa: E402
from skyreels_audio_pack.skyreels_core.sampling.guidance import GuidanceSettings  # noqa: E402
from skyreels_audio_pack.skyreels_core.sampling.schedule import flow_sigmas  # noqa: E402
from skyreels_audio_pack.skyreels_core.windows import WindowSettings  # noqa: E402

SIZE = 64  # pixels
SECONDS = 0.68  # of voice: 17 frames, 5 latent frames
LONG = 1.64  # 41 frames, 11 latent frames: three windows of 5 that share 2
WINDOWS = WindowSettings(5, 2)
STEPS, SHIFT, SCALE = 2, 5.0, 4.5
facts = {}


def noise_of(latent_frames, seed=5):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(1, 16, latent_frames, SIZE // 8, SIZE // 8, generator=generator)


def text(seed):
    return [[torch.randn(1, 7, TEXT, generator=torch.Generator().manual_seed(seed)), {}]]


def tokens_of(seconds, fps=25.0):
    generator = torch.Generator().manual_seed(9)
    waveform = 0.3 * torch.randn(1, 1, round(16000 * seconds), generator=generator)
    audio = {"waveform": waveform, "sample_rate": 16000}
    return AudioToTokens.execute(whisper, audio, fps, 0.0, 0.0, False).args[0]


def animated(tokens, shown=True):
    """Conditionings and latent by our node."""
    return HumoAnimation.execute(text(1), text(2), vae, tokens, SIZE, SIZE, picture if shown else None).args[
        :3
    ]


def natively(tokens, length, shown=True):
    """The same by the host's own node."""
    reference = picture if shown else None
    return WanHuMoImageToVideo.execute(text(1), text(2), vae, SIZE, SIZE, length, 1, reference, tokens).args


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


def spans_of(windows, tokens):
    """Native conditionings of each window: the reference as for a video of its length, the voice of its span."""
    positive, negative, _ = natively(tokens, 17)
    for window in windows:
        heard, _ = get_audio_emb_window(features_of(tokens), 17, frame0_idx=4 * window.start)
        yield [
            [[tensor, {**options, "audio_embed": audio}] for tensor, options in conditioning]
            for conditioning, audio in ((positive, heard[None]), (negative, torch.zeros_like(heard)[None]))
        ]


def features_are_the_hosts(tokens):
    positive, _, _ = natively(tokens, 41)
    heard = positive[0][1]["audio_embed"]
    ours, _, _ = animated(tokens)
    voice = ours[0][1]["skyreels_audio_humo"]
    whole = WindowSettings(11, 0).plan(11).windows[0]
    return difference(voice.features_for(whole), heard)


def one_window(model):
    """As long as a window: the host's sampler, and ours with ours and with the host's conditioning."""
    sigmas, noise, found = flow_sigmas(STEPS, SHIFT).float(), noise_of(5), {}
    for shown, scale in ((True, 1.0), (True, SCALE), (False, SCALE)):
        native = natively(short, 17, shown)[:2]
        expected = by_host(model, *native, noise, scale, sigmas)
        for name, conditioning in (("our node", animated(short, shown)[:2]), ("native node", native)):
            sampled, _ = by_us(model, *conditioning, noise, scale, scale, sigmas)
            found[f"{name}, picture {shown}, scale {scale}"] = difference(sampled, expected)
    return found


def three_windows(model):
    """One step from noise: every window denoised by the host from its own conditioning, then fused."""
    noise, sigmas = noise_of(11), torch.tensor([1.0, 0.0])
    plan = WINDOWS.plan(11)
    parts = [
        by_host(model, *span, noise[:, :, window.frames], SCALE, sigmas)
        for window, span in zip(plan.windows, spans_of(plan.windows, long), strict=True)
    ]
    ours, _ = by_us(model, *animated(long)[:2], noise, SCALE, SCALE, sigmas, WINDOWS)
    return len(plan.windows), difference(ours, plan.fuse(parts))


def conditions(model):
    """Each window's entries against what the host makes of the native conditioning of that span."""
    positive, negative, _ = animated(long)
    guider = Guider.execute(model, positive, negative, WINDOWS, keep_state=False).args[0]
    plan, worst, names = guider.plan.windows, 0.0, set()
    for window, span in zip(plan.windows, spans_of(plan.windows, long), strict=True):
        for branch, conditioning in zip(("full", "null"), span, strict=True):
            made = model.model.extra_conds(
                noise=noise_of(5), device=torch.device("cpu"), **conditioning[0][1]
            )
            ours = guider.backend.entries(Unit(window, branch, "video"))
            names |= ours.keys()
            assert ours.keys() == made.keys()
            worst = max(worst, *((ours[name].cond - made[name].cond).abs().max().item() for name in made))
    unit = Unit(plan.windows[1], "noaudio", "video")
    silent, full = guider.backend.entries(unit), guider.backend.entries(Unit(unit.window, "full", "video"))
    kept = torch.equal(silent["reference_latent"].cond, full["reference_latent"].cond)
    return {
        "worst": worst,
        "names": sorted(names),
        "silent": not silent["audio_embed"].cond.any(),
        "kept": kept,
    }


def long_video(model):
    """Three branches over three windows with TeaCache, to its end."""
    noise, sigmas, conditioning = noise_of(11), flow_sigmas(4, SHIFT).float(), animated(long)[:2]
    cached, report = by_us(model, *conditioning, noise, 5.5, "linear:5->2", sigmas, WINDOWS, 1e3)
    return {"finite": bool(cached.isfinite().all()), "report": report}


def without_text(model):
    """Equal texts: what the null branch loses is the picture, or nothing."""
    sigmas, told, found = flow_sigmas(STEPS, SHIFT).float(), text(1), {}
    for shown in (True, False):
        conditioning = HumoAnimation.execute(told, told, vae, short, SIZE, SIZE, picture if shown else None)
        _, report = by_us(model, *conditioning.args[:2], noise_of(5), 1, 5, sigmas)
        found[f"picture {shown}"] = report
    return found


def what_matters(model):
    """How far one step moves when a branch hears or sees something else."""
    noise, sigmas, both = noise_of(5), torch.tensor([1.0, 0.0]), animated(short)[:2]
    kept = with_picture_in_null(both)
    plain, silent, wordless, with_picture, dropped = (
        by_us(model, *conditioning, noise, audio, text, sigmas, null_image=null_image)[0]
        for conditioning, audio, text, null_image in (
            (both, 1, 1, False), (both, 0, 1, False), (both, 0, 0, False), (kept, 0, 0, False), (kept, 0, 0, True)
        )
    )  # fmt: skip
    return {
        "voice": difference(silent, plain),
        "text and picture": difference(wordless, silent),
        "picture": difference(with_picture, wordless),
        "null image": difference(dropped, wordless),
    }


def with_picture_in_null(conditioning):
    positive, ((tensor, options),) = conditioning
    return positive, [[tensor, {**options, "reference_latents": positive[0][1]["reference_latents"]}]]


def refused(make, *arguments, **options):
    try:
        make(*arguments, **options)
    except InputError as error:
        return str(error)


def mistakes(model):
    sigmas = flow_sigmas(2, SHIFT).float()
    guider = lambda *conditioning: Guider.execute(model, *conditioning, WINDOWS)  # noqa: E731
    other = AudioToTokens.execute(
        demo_whisper, {"waveform": torch.zeros(1, 1, 16000), "sample_rate": 16000}, 25.0, 0.0, 0.0, False
    ).args[0]
    return {
        "native and long": refused(guider, *natively(long, 41)[:2]),
        "frame rate": refused(animated, tokens_of(SECONDS, 24.0)),
        "another whisper": refused(animated, other),
        "no voice": refused(guider, text(1), text(2)),
        "native without voice": refused(guider, *natively(None, 17)[:2]),
        "image animation": refused(
            guider, *ImageAnimation.execute(text(1), text(2), vae, long, SIZE, SIZE, picture).args[:2]
        ),
        "stock sampler": refused(by_host, model, *animated(short)[:2], noise_of(5), SCALE, sigmas),
        "stock sampler alone": refused(by_host, model, *animated(short)[:2], noise_of(5), 1.0, sigmas),
        "another length": refused(by_us, model, *animated(long)[:2], noise_of(5), 1, 1, sigmas),
    }


_, _, vae, demo_whisper = load_demo(assets.model())
picture = torch.rand(1, 80, 96, 3, generator=torch.Generator().manual_seed(4))
with torch.inference_mode():
    whisper = WhisperAudioEncoder(WhisperTokens(whisper_of_large_v3_shape()))
    short, long = tokens_of(SECONDS), tokens_of(LONG)
    facts["features"] = features_are_the_hosts(long)
for name, in_dim in (("1.7B", 16), ("17B", 36)):
    state, metadata = tiny_humo(HumoWanModel, comfy.ops.disable_weight_init, in_dim)
    model = comfy.sd.load_diffusion_model_state_dict(dict(state), metadata=metadata)
    with torch.inference_mode():
        facts[name] = {
            "detected": type(model.model).__name__,
            "one window": one_window(model),
            "three windows": three_windows(model),
            "conditions": conditions(model),
            "long video": long_video(model),
            "what matters": what_matters(model),
            "without text": without_text(model),
            "preview": preview_plan(model, find_family(model).recommended(model), CacheSettings(1e3), None),
            "mistakes": mistakes(model),
        }
save_file(
    {key: tensor.half() for key, tensor in state.items()}, folder / "humo.safetensors", metadata=metadata
)
(folder / "found.json").write_text(json.dumps(facts, indent=1), encoding="utf-8")
