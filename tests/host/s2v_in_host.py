"""Runs in the host's interpreter: a tiny Wan2.2-S2V model, by the host's own nodes and sampler and by ours.

python s2v_in_host.py FOLDER. Writes what it found to found.json there.
"""

import json
import sys
from pathlib import Path

from pack_in_host import load_pack

folder = Path(sys.argv[1])
load_pack()

import comfy.ops  # noqa: E402
import comfy.sample  # noqa: E402
import comfy.samplers  # noqa: E402
import comfy.sd  # noqa: E402
import multitalk_files  # noqa: E402
import torch  # noqa: E402
from comfy.ldm.wan.model import WanModel_S2V  # noqa: E402
from comfy_extras.nodes_wan import WanSoundImageToVideo, WanSoundImageToVideoExtend  # noqa: E402
from humo_files import TEXT  # noqa: E402
from s2v_files import tiny_s2v, wav2vec_of_large_shape  # noqa: E402
from safetensors.torch import save_file  # noqa: E402
from skyreels_audio_pack.nodes.audio import AudioToTokens  # noqa: E402
from skyreels_audio_pack.nodes.families.s2v.nodes import MotionLatents, S2VAnimation  # noqa: E402
from skyreels_audio_pack.nodes.families.skyreels_audio.loading import load_demo  # noqa: E402
from skyreels_audio_pack.nodes.host.solver import core_sampler  # noqa: E402
from skyreels_audio_pack.nodes.host.wav2vec import Wav2VecAudioEncoder  # noqa: E402
from skyreels_audio_pack.nodes.host.whisper import WhisperAudioEncoder  # noqa: E402
from skyreels_audio_pack.nodes.presets import SamplingPreset  # noqa: E402
from skyreels_audio_pack.nodes.sampling import Guider, Sampler  # noqa: E402
from skyreels_audio_pack.nodes.saving import SaveTalkingVideo  # noqa: E402
from skyreels_audio_pack.skyreels_core import assets  # noqa: E402
from skyreels_audio_pack.skyreels_core.errors import InputError  # noqa: E402
from skyreels_audio_pack.skyreels_core.families.s2v.features import placed  # noqa: E402
from skyreels_audio_pack.skyreels_core.media.reading import read_video  # noqa: E402
from skyreels_audio_pack.skyreels_core.model.wav2vec import Wav2VecStates  # noqa: E402
from skyreels_audio_pack.skyreels_core.model.whisper import load_whisper  # noqa: E402
from skyreels_audio_pack.skyreels_core.sampling.guidance import GuidanceSettings  # noqa: E402
from skyreels_audio_pack.skyreels_core.sampling.schedule import flow_sigmas  # noqa: E402
from skyreels_audio_pack.skyreels_core.windows import Window, WindowSettings  # noqa: E402

SIZE, SEED, STEPS, SHIFT, SCALE = 64, 3, 2, 3.0, 4.5
CHUNK, LONG = 77, 117  # frames: 20 latent frames, and 30
facts = {}


def drawn(seed, *shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def text(seed):
    return [[drawn(seed, 1, 7, TEXT), {}]]


def audio_of(frames):
    return {"waveform": 0.3 * drawn(9, 1, 1, 1000 * frames), "sample_rate": 16000}


def tokens_of(frames, encoder=None, fps=16.0):
    return AudioToTokens.execute(encoder or wav2vec, audio_of(frames), fps, 0.0, 0.0, False).args[0]


def animated(frames, pose=None):
    return S2VAnimation.execute(text(1), text(2), vae, tokens_of(frames), SIZE, SIZE, picture, pose).args[:3]


def native_tokens(frames):
    """As the host's own encoder gives the voice behind the frames that are not shown."""
    layers = wav2vec.speech.encode_layers(placed(audio_of(frames)["waveform"][0, 0]))
    return {"encoded_audio_all_layers": tuple(layers[:, None])}


def natively(frames, pose=None):
    return WanSoundImageToVideo.execute(
        text(1), text(2), vae, SIZE, SIZE, CHUNK, 1, picture, native_tokens(frames), pose
    ).args


def by_host(positive, negative, noise, scale, solver="euler"):
    guider = comfy.samplers.CFGGuider(model)
    guider.set_conds(positive, negative)
    guider.set_cfg(scale)
    return guider.sample(noise, torch.zeros_like(noise), core_sampler(solver), sigmas, disable_pbar=True)


def by_us(positive, negative, noise, scale, windows=None):
    guidance = GuidanceSettings(str(scale), str(scale))
    guider = Guider.execute(model, positive, negative, windows, guidance, keep_state=False).args[0]
    return guider.sample(noise, torch.zeros_like(noise), core_sampler("euler"), sigmas, disable_pbar=True)


def differ(ours, theirs):
    assert ours.shape == theirs.shape and theirs.std() > 0.05, (ours.shape, theirs.shape, theirs.std())
    return float((ours - theirs).abs().max())


def noise_of(number=0):
    return comfy.sample.prepare_noise(torch.zeros(1, 16, 20, SIZE // 8, SIZE // 8), SEED + number)


def one_chunk():
    found = {}
    voice = animated(CHUNK)[0][0][1]["skyreels_audio_s2v"]
    heard = natively(CHUNK)[0][0][1]["audio_embed"]
    found["features"] = differ(voice.features_for(Window(0, 0, 20)), heard)
    for name, scale, pose in (("plain", 1.0, None), ("guided", SCALE, None), ("posed", SCALE, poses)):
        ours = by_us(*animated(CHUNK, pose)[:2], noise_of(), scale)
        found[name] = differ(ours, by_host(*natively(CHUNK, pose)[:2], noise_of(), scale))
    plain, posed = (by_us(*animated(CHUNK, pose)[:2], noise_of(), SCALE) for pose in (None, poses))
    found["pose matters"] = differ(posed, plain)
    return found


def extended():
    """One and a half chunks, the later one by the host's own extension."""
    made, report = MotionLatents.execute(
        model, *animated(LONG), SEED, STEPS, SHIFT, str(SCALE), str(SCALE)
    ).args
    tokens = native_tokens(LONG)
    own = "dpmpp_2m"  # the preset's
    first = by_host(*natively(LONG)[:2], noise_of(), SCALE, own)
    later = WanSoundImageToVideoExtend.execute(
        text(1), text(2), vae, CHUNK, {"samples": first}, picture, tokens
    ).args
    second, alone = (by_host(*made_of[:2], noise_of(1), SCALE, own) for made_of in (later, natively(LONG)))
    node = SaveTalkingVideo.PREPARE_CLASS_CLONE({"hidden_inputs": {}})
    video = read_video(node.execute(made, vae, 0.0, "s2v", "h264", 0, 1.0).args[0].get_stream_source())
    return {
        "difference": differ(made["samples"], torch.cat([first, second], 2)[:, :, :30]),
        "without motion": differ(second, alone),
        "latent frames": made["samples"].shape[2],
        "saved": [len(video.frames), video.fps, video.audio.seconds],
        "report": report,
    }


def windows():
    """Fused windows: each is the host's own result of its own span of the voice, in one step from noise."""
    global sigmas
    kept, sigmas = sigmas, torch.tensor([1.0, 0.0])
    plan = WindowSettings(20, 10).plan(30)
    noise = drawn(5, 1, 16, 30, SIZE // 8, SIZE // 8)
    ours = by_us(*animated(LONG)[:2], noise, SCALE, WindowSettings(20, 10))
    voice, parts = animated(LONG)[0][0][1]["skyreels_audio_s2v"], []
    for window in plan.windows:
        heard = voice.features_for(window)
        positive, negative = natively(LONG)[:2]
        positive, negative = (
            [[tokens, {**options, "audio_embed": audio}] for tokens, options in conditioning]
            for conditioning, audio in ((positive, heard), (negative, 0 * heard))
        )
        parts.append(by_host(positive, negative, noise[:, :, window.frames], SCALE))
    sigmas = kept
    return {"count": len(plan.windows), "difference": differ(ours, plan.fuse(parts, first_step=True))}


def pose_of_windows():
    """A later window sees its own frames, in latent frames that are four frames each; none behind the end."""
    pose = animated(LONG, poses)[0][0][1]["skyreels_audio_s2v"].pose
    first = vae.encode(torch.cat([poses[37:38], poses[37:77]]))[:, :, 1:]
    return {
        "own frames": differ(pose.latents(Window(0, 10, 10)), first),
        "behind the end": float(pose.latents(Window(0, 40, 5)).abs().max()),
    }


def presets():
    made = animated(17)
    fast = SamplingPreset.execute(model, "Wan2.2-S2V, 4 steps with lightx2v LoRA").args[0]
    lora = fast.clone()
    lora.add_patches({"diffusion_model.blocks.0.self_attn.q.weight": (torch.zeros(128, 128),)}, 1.0)
    reports = [
        Sampler.execute(one, *made, SEED, 0, 0.0, "model's own", "", "", 0, -1, 0.0, keep_state=False).args[1]
        for one in (fast, lora)
    ]
    return {"without": reports[0], "with": reports[1]}


def refused(call, *arguments):
    try:
        call(*arguments)
    except InputError as error:
        return str(error)


def mistakes():
    made = animated(17)
    small = Wav2VecAudioEncoder(Wav2VecStates(multitalk_files.wav2vec()))
    two = {"samples": made[2]["samples"].repeat(2, 1, 1, 1, 1)}
    whisper = WhisperAudioEncoder(load_whisper(assets.model() / "whisper.safetensors"))

    def animate(tokens):
        return refused(S2VAnimation.execute, text(1), text(2), vae, tokens, SIZE, SIZE, picture)

    return {
        "rate": animate(tokens_of(17, fps=25.0)),
        "whisper": animate(tokens_of(17, whisper)),
        "small": animate(tokens_of(17, small)),
        "native": refused(Guider.execute, model, *natively(CHUNK)[:2]),
        "batch": refused(MotionLatents.execute, model, *made[:2], two, SEED, 1, SHIFT, "1", "1"),
        "preset": refused(SamplingPreset.execute, model, "HuMo 17B, 50 steps"),
    }


with torch.inference_mode():
    state, metadata = tiny_s2v(WanModel_S2V, comfy.ops.disable_weight_init)
    save_file(state, folder / "s2v.safetensors", metadata)
    model = comfy.sd.load_diffusion_model(str(folder / "s2v.safetensors"))
    wav2vec = Wav2VecAudioEncoder(Wav2VecStates(wav2vec_of_large_shape()))
    _, _, vae, _ = load_demo(assets.model())
    picture = torch.rand(1, SIZE, SIZE, 3, generator=torch.Generator().manual_seed(6))
    poses = torch.rand(CHUNK, SIZE, SIZE, 3, generator=torch.Generator().manual_seed(8))
    sigmas = flow_sigmas(STEPS, SHIFT).float()
    for part in (one_chunk, extended, windows, pose_of_windows, presets, mistakes):
        facts[part.__name__.replace("_", " ")] = part()
(folder / "found.json").write_text(json.dumps(facts))
