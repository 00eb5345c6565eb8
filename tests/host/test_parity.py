"""Host = core: the same files, noise, conditions and settings give the same latents."""

from __future__ import annotations

import pytest
from safetensors.torch import load_file

from skyreels_core import assets
from skyreels_core.conditioning.visual import Animation, VideoEdit
from skyreels_core.media.footage import TruncatedFrames
from skyreels_core.media.reading import read_picture, read_video
from skyreels_core.media.sound import Audio, read_audio
from skyreels_core.model.bundle import load_bundle
from skyreels_core.pipeline.evaluator import CoreEvaluator
from skyreels_core.pipeline.planning import facts_of
from skyreels_core.pipeline.region import find_region
from skyreels_core.pipeline.run import Run
from skyreels_core.pipeline.sampler import encode_inputs, encode_visual, sample
from skyreels_core.run.plan import RunPlan
from skyreels_core.run.settings import Settings
from skyreels_core.timeline import Timeline

TOLERANCE = 1e-3  # float32 in another order of operations
SIZE, FPS, STEPS, SHIFT, SEED = 96, 25.0, 6, 3.0, 7
GUIDANCE = {"audio_guidance": "linear:4->2", "text_guidance": "cosine:3->1@0.5"}
TEXT = "a person with red hair, blue wall"
SECONDS = {1: 1.2, 2: 2.2}  # of voice, by how many windows that makes
CACHE = 0.1


@pytest.fixture(scope="module")
def demo():
    return load_bundle(assets.model())


def core_latents(demo, kind, windows, solver, threshold):
    settings = Settings.of(demo.metadata).override(
        seed=SEED,
        steps=STEPS,
        shift=SHIFT,
        solver=solver,
        cache_threshold=threshold or 0.0,
        hybrid=0.4,
        **GUIDANCE,
    )
    voice = read_audio(assets.voice(1))
    samples = round(SECONDS[windows] * voice.sample_rate)
    voice = Audio(voice.samples[:, :samples], voice.sample_rate)
    timeline = Timeline.from_seconds(voice.seconds, FPS)
    task = "edit" if kind == "editing" else "animation"
    run = Run(demo, RunPlan.of(settings, facts_of(demo), timeline, (SIZE, SIZE), task))
    assert run.report.windows == windows
    shot = core_shot(kind, timeline.frames, settings.hybrid)
    tokens, prompts, _ = encode_inputs(run, voice, TEXT, None)
    conditions = encode_visual(run, shot)
    evaluator = CoreEvaluator(demo.model, demo.adapter, tokens, FPS, prompts, conditions)
    latents = sample(run, evaluator)
    assert (run.report.reused > 0) == (threshold is not None)
    return latents


def core_shot(kind, frames, hybrid):
    if kind == "editing":
        video = read_video(assets.video())
        mask = find_region(video, keypoints=assets.keypoints())
        return VideoEdit(TruncatedFrames(video, frames), mask, video.size, hybrid)
    return Animation(read_picture(assets.portrait()) if kind == "animation" else None, SIZE, SIZE)


def graph(kind, windows, solver, threshold):
    wired = {"positive": ["3", 0], "negative": ["4", 0], "vae": ["1", 2], "tokens": ["5", 0]}
    nodes = {
        "1": ("SkyReelsAudioLoadDemo", {}),
        "2": ("SkyReelsAudioDemoInputs", {"voice": "voice 1"}),
        "3": ("CLIPTextEncode", {"clip": ["1", 1], "text": TEXT}),
        "4": ("CLIPTextEncode", {"clip": ["1", 1], "text": ""}),
        "5": ("SkyReelsAudioTokens", {
            "audio_encoder": ["1", 3], "audio": ["2", 2], "fps": FPS, "start": 0.0, "duration": SECONDS[windows],
            "voice_gate": False,
        }),
        "7": ("SkyReelsAudioSampler", {
            "model": ["1", 0], "positive": ["6", 0], "negative": ["6", 1], "latent": ["6", 2], "seed": SEED,
            "steps": STEPS, "shift": SHIFT, "solver": solver, **GUIDANCE, "window": 0, "overlap": -1,
            "fusion": "bidirectional", "tea_cache": threshold or 0.0,
        }),
        "8": ("SaveLatent", {"samples": ["7", 0], "filename_prefix": "parity"}),
    }  # fmt: skip
    if kind == "editing":
        nodes["9"] = ("SkyReelsAudioFaceMask", {
            "image": ["2", 3], "fps": FPS, "keypoints": ["2", 5], "face": "largest", "index": 0, "gaps": "pass_through",
        })  # fmt: skip
        nodes["6"] = ("SkyReelsAudioVideoEdit", {
            **wired, "video": ["2", 3], "mask": ["9", 0], "hybrid": 0.4, "width": 0, "height": 0,
        })  # fmt: skip
    else:
        picture = {"picture": ["2", 0]} if kind == "animation" else {}
        nodes["6"] = ("SkyReelsAudioImageAnimation", {**wired, "width": SIZE, "height": SIZE, **picture})
    return {number: {"class_type": name, "inputs": inputs} for number, (name, inputs) in nodes.items()}


def host_latents(demo, server, prompt):
    ended = server.run(prompt)
    assert ended["status"]["completed"], ended["status"]["messages"][-1]
    (saved,) = ended["outputs"]["8"]["latents"]
    latents = load_file(server.output / saved["subfolder"] / saved["filename"])["latent_tensor"]
    return (latents - demo.vae.mean) / demo.vae.std


@pytest.mark.parametrize(
    ("kind", "windows", "solver", "threshold"),
    [
        ("animation", 1, "euler", None),
        ("animation", 1, "dpmpp_2m", CACHE),
        ("animation", 2, "dpmpp_2m", None),
        ("animation", 2, "euler", CACHE),
        ("editing", 1, "dpmpp_2m", None),
        ("editing", 2, "euler", None),
        ("editing", 2, "dpmpp_2m", CACHE),
        ("text and voice", 1, "euler", None),
        ("text and voice", 2, "dpmpp_2m", CACHE),
    ],
)
def test_host_and_core_give_the_same_latents(demo, server, kind, windows, solver, threshold):
    ours = core_latents(demo, kind, windows, solver, threshold)
    theirs = host_latents(demo, server, graph(kind, windows, solver, threshold))
    assert ours.shape == theirs.shape and ours.std() > 0.1
    assert (ours - theirs).abs().max() <= TOLERANCE
    print(f"{kind}, {windows} windows, {solver}, cache {threshold}: {(ours - theirs).abs().max():.1e}")
