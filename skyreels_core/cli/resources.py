"""Whether a run will fit into memory and on the disks, before anything heavy is loaded."""

from __future__ import annotations

from argparse import Namespace

from ..api.weights import MODEL_PARTS, ModelFiles
from ..pipeline.resources import check_places, needs_of, work_space
from ..run.plan import RunPlan
from ..run.resources import FLOAT, check_disk, video_bytes
from .work import work_path

OUTPUT_REMEDY = "Free disk space there, or write the video to another disk (-o)"
ENCODERS = ("text_encoder", "whisper", "clip_vision")  # on the CPU, in float32


def check_resources(args: Namespace, model: ModelFiles, plan: RunPlan, size: tuple[int, int]) -> None:
    """`size`: width and height of the finished video. Raises InputError, with the numbers."""
    needs = needs_of(plan, model.device, keeps_state=True)
    on_device = plan.model.dtype.itemsize * sum(map(model.numbers, MODEL_PARTS)) + FLOAT * model.numbers(
        "vae"
    )
    check_places(needs, model.device, FLOAT * sum(map(model.numbers, ENCODERS)), on_device)
    video = video_bytes(plan.timeline.frames, size, args.lossless)
    check_disk([work_space(work_path(args), needs), (args.output, video, OUTPUT_REMEDY)])
