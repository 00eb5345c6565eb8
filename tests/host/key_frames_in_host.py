"""Runs in the host's interpreter: a small SkyReels-V3 A2V network, long videos by key frames.

python key_frames_in_host.py FOLDER. Writes what it found to found.json there.
"""

import json
import sys
from pathlib import Path

from pack_in_host import load_pack

folder = Path(sys.argv[1])
load_pack()

import comfy.clip_vision  # noqa: E402
import comfy.latent_formats  # noqa: E402
import comfy.model_management  # noqa: E402
import comfy.ops  # noqa: E402
import comfy.patcher_extension  # noqa: E402
import folder_paths  # noqa: E402
import multitalk_files as files  # noqa: E402
import torch  # noqa: E402
from safetensors.torch import save_file  # noqa: E402
from skyreels_audio_pack.nodes.audio import AudioToTokens  # noqa: E402
from skyreels_audio_pack.nodes.families.multitalk import layers as multitalk  # noqa: E402
from skyreels_audio_pack.nodes.families.multitalk import nodes as steps  # noqa: E402
from skyreels_audio_pack.nodes.families.multitalk.long_nodes import KeyFrames  # noqa: E402
from skyreels_audio_pack.nodes.families.skyreels_audio.loading import load_demo  # noqa: E402
from skyreels_audio_pack.nodes.sampling import Sampler  # noqa: E402
from skyreels_audio_pack.skyreels_core import assets  # noqa: E402
from skyreels_audio_pack.skyreels_core.errors import InputError  # noqa: E402
from skyreels_audio_pack.skyreels_core.media.colour import unify_clip  # noqa: E402
from skyreels_audio_pack.skyreels_core.model.multitalk import MultiTalkConfig  # noqa: E402

SIZE = 32  # pixels
SHORT, LONG = 1.0, 8.0  # seconds of voice: 25 frames, 200 frames
SEED, STEPS = 3, 2
CONFIG = MultiTalkConfig(
    dim=files.WIDTH, num_layers=files.LAYERS, num_heads=2, features=128, intermediate_dim=24, context_tokens=4,
    token_dim=32,
)  # fmt: skip
KEYS = (31, 55, 80)  # of a video of three windows
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
    save_file(video | audio, folder / "diffusion_models" / "v3.safetensors")
    save_file(audio, folder / "model_patches" / "infinitetalk.safetensors")
    save_file(wav2vec_state, folder / "audio_encoders" / "wav2vec.safetensors")


def animated(seconds):
    audio = {"waveform": 0.3 * drawn(9, 1, 1, round(16000 * seconds)), "sample_rate": 16000}
    tokens = AudioToTokens.execute(wav2vec, audio, 25.0, 0.0, 0.0, False).args[0]
    return steps.MultiTalkAnimation.execute(
        text(1), text(2), vae, picture, SIZE, SIZE, tokens, None, clip_vision
    ).args[:3]


def by_key_frames(model, made, colour=0.0, connecting=None):
    return KeyFrames.execute(model, *made, SEED, STEPS, 0.0, "", "", colour, connecting).args


class Recorded:
    """What the network was shown and told in each forward, and what was decoded, while a video is made."""

    def __init__(self, model) -> None:
        self.seen, self.texts, self.samples, self.frames = [], [], [], []
        self.model = model.clone()
        kind = comfy.patcher_extension.WrappersMP.DIFFUSION_MODEL
        self.model.add_wrapper_with_key(kind, "recorded", self.forward)

    def forward(self, executor, x, timestep, context, *args, **kwargs):
        self.seen.append(x.clone())
        self.texts.append(context.shape[1])
        return executor(x, timestep, context, *args, **kwargs)

    def __enter__(self):
        decode = type(vae).decode

        def recorded(samples, *args, **kwargs):
            frames = decode(vae, samples, *args, **kwargs)
            self.samples.append(samples.clone())
            self.frames.append(frames[0].clone())
            return frames

        vae.decode = recorded
        return self

    def __exit__(self, *_):
        del vae.decode


def differ(ours, theirs):
    assert ours.shape == theirs.shape and theirs.std() > 0.01, (ours.shape, theirs.shape)
    return float((ours - theirs).abs().max())


def expected_condition(motion, key):
    """As published: 4 mask channels are the frames of a latent frame, the first one four times."""
    blank = torch.full((81 - len(motion) - 5, SIZE, SIZE, 3), 0.5)
    frames = torch.cat([motion, blank, key[None].repeat(5, 1, 1, 1)])
    latent = comfy.latent_formats.Wan21().process_in(vae.encode(frames))
    mask = torch.ones(1, 81, SIZE // 8, SIZE // 8)
    mask[:, len(motion) : -5] = 0
    mask = torch.cat([mask[:, :1].repeat_interleave(4, 1), mask[:, 1:]], 1)
    mask = mask.view(1, 21, 4, SIZE // 8, SIZE // 8).transpose(1, 2)
    return mask, latent


def three_windows():
    found = {"masks": [], "latents": [], "started": []}
    with Recorded(v3) as recorded:
        images, found["report"] = by_key_frames(recorded.model, animated(LONG), connecting=text(5))
    overview, *windows = recorded.frames
    found["shape"], found["finite"] = list(images.shape), bool(images.isfinite().all())
    joined = torch.cat([windows[0][:69], windows[1][5:69], windows[2][5:]])[:200]
    found["joined"] = differ(images, joined)
    found["forwards"], found["texts"] = len(recorded.seen), recorded.texts
    for index, key in enumerate(KEYS):
        motion = windows[index - 1][64:69] if index else picture
        mask, latent = expected_condition(motion, overview[key])
        for seen in recorded.seen[STEPS * (index + 1) : STEPS * (index + 2)]:
            found["masks"].append(float((seen[:, 16:20] - mask).abs().max()))
            found["latents"].append(differ(seen[:, 20:], latent))
        ended = comfy.latent_formats.Wan21().process_in(recorded.samples[index + 1])
        found["started"].append(differ(ended[:, :, :2], latent[:, :, :2]))
    found["another overview"] = differ(overview[KEYS[0]], overview[KEYS[1]])
    return found


def voices():
    """Windows hear their own part of the voice: one that falls silent late changes the last window alone."""
    made = animated(LONG)
    images, _ = by_key_frames(v3, made, colour=1.0)
    states = made[0][0][1][multitalk.KEY].voice.states[0]
    states[160:] = 0
    other, _ = by_key_frames(v3, made, colour=1.0)
    change = (images - other).abs().amax((1, 2, 3))
    return {
        "before": float(change[:133].max()),
        "after": float(change[150:].max()),
        "finite": bool(images.isfinite().all()),
        "frames": len(images),
    }


def one_window():
    made = animated(SHORT)
    latent, _ = Sampler.execute(v3, *made, SEED, STEPS, 0.0, "model's own", "", "", 0, -1, 0.0).args
    expected = vae.decode(latent["samples"])[0]
    plain, report = by_key_frames(v3, made)
    matched, _ = by_key_frames(v3, made, colour=1.0)
    return {
        "plain": differ(plain, expected),
        "matched": differ(matched, unify_clip(expected, picture, 25.0).frames),
        "report": report,
    }


def cancelled():
    """Between two windows, as in a step."""
    calls = []

    def stop(executor, *args, **kwargs):
        calls.append(1)
        if len(calls) == STEPS + 1:
            comfy.model_management.interrupt_current_processing()
        return executor(*args, **kwargs)

    model = v3.clone()
    model.add_wrapper_with_key(comfy.patcher_extension.WrappersMP.DIFFUSION_MODEL, "stop", stop)
    try:
        by_key_frames(model, animated(LONG))
    except comfy.model_management.InterruptProcessingException:
        return len(calls)


def refused(call, *arguments):
    try:
        call(*arguments)
    except InputError as error:
        return str(error)


def mistakes():
    made = animated(SHORT)
    infinite = steps.ApplyInfiniteTalk.execute(
        comfy.sd.load_diffusion_model(str(folder / "diffusion_models" / "wan_i2v.safetensors")),
        "infinitetalk.safetensors",
        "480p",
    ).args[0]
    two = {"samples": made[2]["samples"].repeat(2, 1, 1, 1, 1)}
    return {
        "infinitetalk": refused(by_key_frames, infinite, made),
        "no voice": refused(by_key_frames, v3, (text(1), text(2), made[2])),
        "batch": refused(by_key_frames, v3, (*made[:2], two)),
        "length": refused(by_key_frames, v3, (*animated(LONG)[:2], made[2])),
    }


with torch.inference_mode():
    write_files()
    _, _, vae, _ = load_demo(assets.model())
    picture = torch.rand(1, SIZE, SIZE, 3, generator=torch.Generator().manual_seed(6))
    clip_vision = comfy.clip_vision.Output()
    clip_vision["penultimate_hidden_states"] = drawn(7, 1, 257, 1280)
    wav2vec = steps.LoadWav2Vec.execute("wav2vec.safetensors").args[0]
    v3 = steps.LoadV3.execute("v3.safetensors", "4 steps, as shipped").args[0]
    for part in (three_windows, voices, one_window, cancelled, mistakes):
        facts[part.__name__.replace("_", " ")] = part()
(folder / "found.json").write_text(json.dumps(facts))
