"""The quick start in a real ComfyUI, beside the same video from the command line."""

from __future__ import annotations

import json
import os
import tempfile
import time
from pathlib import Path

from skyreels_core import assets
from tools.host import open_host

from .record import Record
from .watching import measured

QUICK_START = Path(__file__).parents[1] / "workflows" / "api" / "quick_start.json"
SAMPLER = "SkyReelsAudioSampler"


def run(record: Record) -> None:
    os.environ.setdefault("OMP_NUM_THREADS", "2")
    with open_host() as server:
        record["comfyui"] = server.client.version()
        prompt = json.loads(QUICK_START.read_text(encoding="utf-8"))
        sampler = next(node["inputs"] for node in prompt.values() if node["class_type"] == SAMPLER)
        record["first_run_seconds"] = seconds_of(server, prompt)
        sampler["audio_guidance"] = "4"
        record["other_guidance_seconds"] = seconds_of(server, prompt)
        record["memory_gb"] = server.rss / 1e9
    inputs = ["--image", assets.portrait(), "--audio", assets.voice(1), "--prompt", assets.caption()]
    with tempfile.TemporaryDirectory() as folder:
        options = ["--seed", "1", "-o", f"{folder}/out.mp4"]
        record["command_seconds"] = measured(["animate", *inputs, *options]).seconds


def seconds_of(server, prompt) -> float:
    started = time.perf_counter()
    ended = server.run(prompt)
    if not ended["status"]["completed"]:
        raise RuntimeError(f"The quick start failed: {ended['status']['messages'][-1]}")
    return time.perf_counter() - started
