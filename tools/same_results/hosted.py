"""Results in a ComfyUI: latents of every family, the bundled workflows, resumed runs, latents that others changed."""

from __future__ import annotations

import json
import shutil
import time
from pathlib import Path
from typing import Any

from . import graphs
from .context import Context
from .findings import Findings, same
from .graphs import CACHED, GUIDANCE, WINDOWS, node
from .host import WORK, Host, Prompt
from .trees import Failed

BUNDLED = ("quick_start", "long_video", "video_edit", "advanced")  # need no files but the pack's own
SHORTER = {
    "SkyReelsAudioTokens": {"duration": 1.0}, "SkyReelsAudioSampler": {"steps": 5}, "BasicScheduler": {"steps": 5},
    "SkyReelsAudioWindows": {"length": 17.0, "overlap": 5.0},
}  # fmt: skip
PATIENCE, TICK, STATE = 300, 0.01, 2000  # seconds, seconds, bytes


def latents(context: Context) -> Findings:
    """Of each family in one window and in several, with one branch and three, TeaCache on."""
    families = {
        "demo": graphs.demo(),
        "edit": graphs.edit(),
        "HuMo": graphs.humo(),
        "V3 A2V": graphs.multitalk(graphs.v3()),
        "InfiniteTalk": graphs.multitalk(graphs.infinitetalk()),
        "InfiniteTalk of two": graphs.multitalk(graphs.infinitetalk(), speakers=2),
    }
    one = {"audio_guidance": "1", "text_guidance": "1"}
    runs = {"its own settings": {"steps": 0, "shift": 0.0, "solver": "model's own", "window": 0}} | {
        "one branch": one, "three branches": GUIDANCE, "cached windows": GUIDANCE | WINDOWS | CACHED,
        "multistep": one | WINDOWS | {"solver": "dpmpp_2m", "fusion": "forward", "null_image": True},
    }  # fmt: skip
    prompts = {
        f"{family}, {run}": graphs.sampled(prompt, **fields)
        for family, prompt in families.items()
        for run, fields in runs.items()
        if run != "its own settings" or family in ("demo", "V3 A2V")
    }
    prompts |= {f"{family}, guider": graphs.guided(prompt) for family, prompt in families.items()}
    prompts["V3 A2V, key frames"] = graphs.key_frames()
    host, found = context.open_host(), {}
    for name, prompt in prompts.items():
        found |= host.made(name, prompt)
    return found


def workflows(context: Context) -> Findings:
    """Frames of the bundled workflows, shortened, and every workflow's own nodes and values."""
    host, found = context.open_host(), {}
    for name in BUNDLED:
        path = context.old.path / "workflows" / "api" / f"{name}.json"
        found |= host.made(name, shortened(json.loads(path.read_text(encoding="utf-8"))))
    for path in sorted((context.tree.path / "workflows" / "api").glob("*.json")):
        for key, entry in json.loads(path.read_text(encoding="utf-8")).items():
            found[f"{path.name}: node {key}"] = json.dumps(
                [entry["class_type"], entry["inputs"]], sort_keys=True
            )
    return found


def shortened(prompt: Prompt) -> Prompt:
    own = {key: SHORTER.get(entry["class_type"], {}) for key, entry in prompt.items()}
    return {key: entry | {"inputs": entry["inputs"] | own[key]} for key, entry in prompt.items()}


def cancelled(context: Context) -> Findings:
    """Latents of a whole run, and of one that was cancelled under the old tree and went on under this one."""
    fields: dict[str, Any] = {
        "steps": 12,
        "keep_state": True,
        "solver": "dpmpp_2m",
        "tea_cache": 0.1,
    } | WINDOWS
    prompt = graphs.sampled(graphs.demo(), seed=11, **fields)
    prompt["scene"]["inputs"] |= {"width": 96, "height": 96}
    host, kept = context.open_host(), context.before / WORK
    if context.is_old:
        shutil.rmtree(kept, ignore_errors=True)
        cancel_half_way(host, prompt)
        shutil.copytree(host.output / WORK, kept)
    else:
        shutil.copytree(kept, host.output / WORK, dirs_exist_ok=True)
    whole = host.made("whole", graphs.sampled(prompt, seed=11, **(fields | {"keep_state": False})))
    found = host.made(begun := "begun by the old tree", prompt, may_refuse=True)
    if begun not in found and not same(whole["whole/saved"], found[f"{begun}/saved"]):
        raise Failed("A run that went on has another latent than one that was not cancelled.")
    return whole | found


def cancel_half_way(host: Host, prompt: Prompt) -> None:
    prompt_id, limit = host.queue(prompt), time.monotonic() + PATIENCE
    while not any(is_state(path) for path in (host.output / WORK).glob("*/*.safetensors")):
        if time.monotonic() > limit or host.ask(f"/history/{prompt_id}"):
            raise Failed("The run in ComfyUI has kept no state before its end.")
        time.sleep(TICK)
    host.ask("/interrupt", {})
    if host.wait(prompt_id)["status"]["completed"]:
        raise Failed("The run in ComfyUI was whole before it could be cancelled.")


def is_state(path: Path) -> bool:
    try:
        return path.stat().st_size > STATE
    except FileNotFoundError:  # replaced by the next one
        return False


def changed_latents(context: Context) -> Findings:
    """Videos and second passes of latents that other nodes enlarged, joined, or saved and loaded: what came with them
    is stale. A tree may refuse them."""
    host, found = context.open_host(), {}
    prompt = graphs.sampled(graphs.demo(), **WINDOWS)
    for start in ("scene", "sampler"):
        source = [start, 2 if start == "scene" else 0]
        saving = node("SaveLatent", samples=source, filename_prefix=start)
        found |= host.made(f"{start} saved", prompt | {"saved": saving})
        (path,) = host.output.glob(f"{start}_*.latent")
        shutil.copy(path, host.folder / "input" / f"{start}.latent")
        for name, entry in changes(source, f"{start}.latent").items():
            changed = prompt | {"changed": entry, "saved": graphs.saved("again")}
            changed["again"] = graphs.sampler(latent=["changed", 0], seed=8, **WINDOWS)
            found |= host.made(f"{start} {name}, sampled", changed, may_refuse=True)
            video = prompt | {"changed": entry, "saved": graphs.talking_video("changed")}
            found |= host.made(f"{start} {name}, as a video", video, may_refuse=True)
    return found


def changes(source: list, file: str) -> Prompt:
    both = {"samples1": source, "samples2": source}
    return {
        "enlarged": node(
            "LatentUpscale", samples=source, upscale_method="bilinear", width=96, height=96, crop="disabled"
        ),
        "twice as long": node("LatentConcat", **both, dim="t"),
        "twice as wide": node("LatentConcat", **both, dim="x"),
        "in a batch": node("LatentBatch", **both),
        "cut": node("LatentCut", samples=source, dim="t", index=1, amount=4),
        "multiplied": node("LatentMultiply", samples=source, multiplier=0.9),
        "saved and loaded": node("LoadLatent", latent=file),
    }  # fmt: skip
