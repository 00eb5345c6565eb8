"""Prompts in API format around the demo model at its smallest, every node under a name of its own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from host_server import HostServer
from safetensors.torch import load_file, save_file
from torch import Tensor

from skyreels_core import assets
from skyreels_core.model.checkpoint import load_model, save_model
from skyreels_core.queueing.client import Prompt

SIZE, FPS = 64, 25.0  # pixels, frames per second
SECONDS = 0.6  # of voice: 5 latent frames
STEPS, SHIFT, SEED = 3, 3.0, 7
WINDOWS = {"window": 3, "overlap": 1}  # latent frames: two windows
GUIDANCE = {"audio": "linear:4->2", "text": "cosine:3->1@0.5"}  # 2 or 3 branches, other weights at every step


def node(class_type: str, /, **inputs: Any) -> dict[str, Any]:
    return {"class_type": class_type, "inputs": inputs}


def voice_and_texts(seconds: float) -> Prompt:
    return {
        "demo": node("SkyReelsAudioLoadDemo"),
        "inputs": node("SkyReelsAudioDemoInputs", voice="voice 1"),
        "positive": node("CLIPTextEncode", clip=["demo", 1], text="a person with red hair, blue wall"),
        "negative": node("CLIPTextEncode", clip=["demo", 1], text=""),
        "tokens": node(
            "SkyReelsAudioTokens", audio_encoder=["demo", 3], audio=["inputs", 2], fps=FPS, start=0.0,
            duration=seconds, voice_gate=False,
        ),
    }  # fmt: skip


def said() -> dict[str, Any]:
    """What both conditioning nodes take."""
    return {
        "positive": ["positive", 0],
        "negative": ["negative", 0],
        "vae": ["demo", 2],
        "tokens": ["tokens", 0],
    }


def animation(seconds: float = SECONDS, **fields: Any) -> Prompt:
    """A picture that speaks, to its saved latent; `fields` are the sampler's."""
    scene = node("SkyReelsAudioImageAnimation", **said(), width=SIZE, height=SIZE, picture=["inputs", 0])
    return voice_and_texts(seconds) | {"scene": scene} | sampled(**fields)


def edit(seconds: float = SECONDS, **fields: Any) -> Prompt:
    """A video that says something else, to its saved latent."""
    return voice_and_texts(seconds) | {
        "mask": node(
            "SkyReelsAudioFaceMask", image=["inputs", 3], fps=FPS, keypoints=["inputs", 5], face="largest", index=0,
            gaps="pass_through",
        ),
        "scene": node(
            "SkyReelsAudioVideoEdit", **said(), video=["inputs", 3], mask=["mask", 0], hybrid=0.4, width=SIZE,
            height=SIZE,
        ),
    } | sampled(**fields)  # fmt: skip


def sampled(**fields: Any) -> Prompt:
    own = {
        "seed": SEED, "steps": STEPS, "shift": SHIFT, "solver": "euler", "audio_guidance": "", "text_guidance": "",
        "window": 0, "overlap": -1, "fusion": "bidirectional", "tea_cache": 0.0, "keep_state": False,
    }  # fmt: skip
    sampler = node(
        "SkyReelsAudioSampler",
        model=["demo", 0],
        positive=["scene", 0],
        negative=["scene", 1],
        latent=["scene", 2],
        **(own | fields),
    )
    return {"sampler": sampler, "saved": saved("sampler")}


def saved(source: str) -> dict[str, Any]:
    return node("SaveLatent", samples=[source, 0], filename_prefix="test")


def guided(
    prompt: Prompt, name: str = "euler", *, steps: int = STEPS, denoise: float = 1.0, **sockets: Any
) -> Prompt:
    """The same scene by SkyReels Audio Guider and the host's samplers; `sockets` are the guider's.

    Nodes: shifted, sigmas, guider, solver, noise, sampler.
    """
    return {name: entry for name, entry in prompt.items() if name not in ("sampler", "saved")} | {
        "shifted": node("ModelSamplingSD3", model=["demo", 0], shift=SHIFT),
        "sigmas": node("BasicScheduler", model=["shifted", 0], scheduler="simple", steps=steps, denoise=denoise),
        "guider": node(
            "SkyReelsAudioGuider", model=["shifted", 0], positive=["scene", 0], negative=["scene", 1],
            **({"keep_state": False} | sockets),
        ),
        "solver": node("KSamplerSelect", sampler_name=name),
        "noise": node("RandomNoise", noise_seed=SEED),
        "sampler": stage(sigmas=["sigmas", 0]),
        "saved": saved("sampler"),
    }  # fmt: skip


def stage(**inputs: Any) -> dict[str, Any]:
    wired = {"noise": "noise", "guider": "guider", "sampler": "solver", "latent_image": ["scene", 2]}
    links = {name: [source, 0] if isinstance(source, str) else source for name, source in wired.items()}
    return node("SamplerCustomAdvanced", **(links | inputs))


def in_stages(prompt: Prompt, step: int) -> Prompt:
    """A guided prompt whose schedule is split before `step`; the second stage adds no noise."""
    return prompt | {
        "split": node("SplitSigmas", sigmas=["sigmas", 0], step=step),
        "first": stage(sigmas=["split", 0]),
        "quiet": node("DisableNoise"),
        "sampler": stage(noise=["quiet", 0], sigmas=["split", 1], latent_image=["first", 0]),
    }


def with_guidance(prompt: Prompt, audio: str = GUIDANCE["audio"], text: str = GUIDANCE["text"]) -> Prompt:
    """With the CFG Scheduler on the guider or sampler."""
    return connected(prompt, guidance=node("SkyReelsAudioCFGScheduler", audio=audio, text=text))


def with_windows(prompt: Prompt, length: int = 9, overlap: int = 1) -> Prompt:
    """With the Windows node on the guider or sampler; frames. 9 and 1 make two windows of the usual voice."""
    windows = node(
        "SkyReelsAudioWindows", unit="frames", length=length, overlap=overlap, fusion="bidirectional", fps=FPS
    )
    return connected(prompt, windows=windows)


def connected(prompt: Prompt, **sources: dict[str, Any]) -> Prompt:
    """Nodes, each wired into the guider's or sampler's input of its name."""
    target = "guider" if "guider" in prompt else "sampler"
    links = {name: [name, 0] for name in sources}
    return prompt | sources | {target: changed(prompt[target], **links)}


def through(prompt: Prompt, name: str, entry: dict[str, Any]) -> Prompt:
    """With a node between the demo's MODEL and whatever takes it."""
    rewired = {
        other: changed(taken, **({"model": [name, 0]} if taken["inputs"].get("model") == ["demo", 0] else {}))
        for other, taken in prompt.items()
    }
    return rewired | {name: entry}


def changed(entry: dict[str, Any], **inputs: Any) -> dict[str, Any]:
    return entry | {"inputs": entry["inputs"] | inputs}


def altered(prompt: Prompt, name: str, **inputs: Any) -> Prompt:
    """The prompt with other inputs of one node."""
    return prompt | {name: changed(prompt[name], **inputs)}


def latent_of(server: HostServer, prompt: Prompt) -> Tensor:
    """What the node `saved` of a prompt saved."""
    return read_latent(server, completed(server, prompt))


def completed(server: HostServer, prompt: Prompt) -> dict[str, Any]:
    ended = server.run(prompt)
    assert ended["status"]["completed"], ended["status"]["messages"][-1]
    return ended


def read_latent(server: HostServer, ended: dict[str, Any]) -> Tensor:
    (file,) = ended["outputs"]["saved"]["latents"]
    return load_file(server.output / file["subfolder"] / file["filename"])["latent_tensor"]


def from_cache(ended: dict[str, Any]) -> set[str]:
    """The nodes that did not run, as their results were still there."""
    return {
        name
        for kind, message in ended["status"]["messages"]
        if kind == "execution_cached"
        for name in message["nodes"]
    }


def place(server: HostServer, folder: str, name: str, state: dict[str, Tensor], **metadata: str) -> str:
    """Put a safetensors file into one of the server's model folders: its name."""
    path = model_path(server, folder, name)
    save_file({key: tensor.contiguous() for key, tensor in state.items()}, path, metadata=metadata or None)
    return name


def model_path(server: HostServer, folder: str, name: str) -> Path:
    path = server.models / folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def place_parts(server: HostServer) -> tuple[str, str]:
    """The demo's model as a plain Wan file and as audio layers: their names."""
    model, adapter, metadata = load_model(assets.model() / "model.safetensors", dtype=torch.float16)
    backbone, layers = "plain_wan.safetensors", "audio_layers.safetensors"
    save_model(model_path(server, "diffusion_models", backbone), model, None, metadata, torch.float16)
    save_model(model_path(server, "model_patches", layers), None, adapter, metadata, torch.float16)
    return backbone, layers


def shown(source: str, slot: int = 0) -> Prompt:
    """An output that shows a value as text, under the name `shown`."""
    return {"shown": node("PreviewAny", source=[source, slot])}


def stock(server: HostServer, class_type: str, /, **inputs: Any) -> dict[str, Any]:
    """A node of the host with its own defaults; the test is skipped where the host has no such node."""
    if (info := server.client.node_info(class_type)) is None:
        pytest.skip(f"this ComfyUI has no {class_type}")
    declared = info["input"].get("required", {}) | info["input"].get("optional", {})
    defaults = {name: default_of(spec) for name, spec in declared.items()}
    return node(
        class_type, **({name: value for name, value in defaults.items() if value is not None} | inputs)
    )


def default_of(spec: list) -> Any:
    kind, options = spec[0], spec[1] if len(spec) > 1 else {}
    choices = kind if isinstance(kind, list) else options.get("options")
    return options.get("default", choices[0] if choices else None)
