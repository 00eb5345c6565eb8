"""Whether a run will fit into memory and on the disks, before anything heavy is loaded."""

from __future__ import annotations

from argparse import Namespace

from ..api.weights import ModelFiles
from ..pipeline.resources import REMEDIES, free_places, needs_of, work_space
from ..run.plan import RunPlan
from ..run.resources import FLOAT, GPU, MEMORY, check_needs, video_bytes
from .work import work_path

OUTPUT_REMEDY = "Free disk space there, or write the video to another disk (-o)"
ENCODERS = ("text_encoder", "whisper", "clip_vision")  # on the CPU, in float32


def check_resources(args: Namespace, model: ModelFiles, plan: RunPlan, size: tuple[int, int]) -> None:
    """`size`: width and height of the finished video. Raises InputError, with the numbers."""
    needs = needs_of(plan, model.device, keeps_state=True)
    weights = {MEMORY: FLOAT * sum(map(model.numbers, ENCODERS)), GPU: 0}
    networks, vae = model.network_bytes(), model.numbers("vae")
    weights[MEMORY] += networks.waiting * (1 if model.devices is None else len(model.devices.names))
    weights[GPU if needs.on_gpu else MEMORY] += networks.resident + FLOAT * vae
    weights[GPU] += needs.on_gpu * networks.at_once
    video = video_bytes(plan.finished.frames, size, args.lossless)
    disks = [work_space(work_path(args), needs), (args.output, video, OUTPUT_REMEDY)]
    check_needs(needs, free_places(model.device), REMEDIES, disks, weights)
