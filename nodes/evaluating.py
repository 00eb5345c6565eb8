"""What a finished video is like: figures and a plot, from the metrics that have what they need."""

from __future__ import annotations

from comfy_api.latest import io

from ..skyreels_core.evaluation.metrics.evaluate import evaluate
from ..skyreels_core.evaluation.metrics.landmark_files import landmarks_of
from ..skyreels_core.evaluation.metrics.metric import Clip
from ..skyreels_core.evaluation.metrics.registry import choose, names_in
from ..skyreels_core.evaluation.metrics.results import InMemoryResults
from ..skyreels_core.evaluation.metrics.run import OpenClip
from ..skyreels_core.evaluation.metrics.weights import Weights
from ..skyreels_core.evaluation.plots import to_image
from .host.folders import evaluation_folders
from .host.footage import footage_of, voice_of
from .host.progress import progress
from .host.reporting import say
from .sockets import VIDEO, FaceLandmarks, PoseKeypoint, Region
from .tensors import to_region


class EvaluateVideo(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        return io.Schema(
            node_id="SkyReelsAudioEvaluate",
            display_name="Evaluate Talking Video",
            category=VIDEO,
            description="Measures a finished video: lip sync, identity, continuity, picture quality, and what an edit "
            "changed. A metric that lacks its weights is left out, and the report says so.",
            search_aliases=[
                "metrics", "lip sync score", "syncnet", "sync-c", "fid", "fvd", "niqe", "face similarity", "dwpose",
                "openpose", "mediapipe", "yunet",
            ],
            inputs=[
                io.Video.Input(
                    "video", tooltip="The finished video with its voice. Its frames are read one by one."
                ),
                io.String.Input(
                    "metrics", default="",
                    tooltip="Names of metrics with commas, such as lips,sync,continuity; empty: all that can run.",
                ),
                io.MultiType.Input(
                    "reference", [io.Image, io.Video], optional=True,
                    tooltip="What it should be like: the portrait, or the video that was edited.",
                ),
                io.MultiType.Input(
                    "landmarks", [FaceLandmarks, PoseKeypoint], optional=True,
                    tooltip="Of the face, detected in this video: from ComfyUI's Detect Face Landmarks (MediaPipe), or "
                    "the DWPose or OpenPose nodes of other packs. Without them, YuNet or DWPose in models/evaluation "
                    "or models/detection is used.",
                ),
                io.MultiType.Input(
                    "mask", [io.Mask, Region], optional=True,
                    tooltip="Of an edit: white = regenerated. Measures what changed outside; needs the edited video as "
                    "reference.",
                ),
            ],
            outputs=[
                io.String.Output(
                    display_name="report",
                    tooltip="A Markdown table of the figures, and a line for each metric that is left out.",
                ),
                io.Image.Output(display_name="plot", tooltip="The curves over time, and each figure as a bar."),
            ],
        )  # fmt: skip

    @classmethod
    def execute(cls, video, metrics="", reference=None, landmarks=None, mask=None) -> io.NodeOutput:
        frames, weights = footage_of(video), Weights(evaluation_folders())
        chosen = choose(names_in(metrics), weights)
        pictures = None if reference is None else footage_of(reference)
        points = None if landmarks is None else landmarks_of(landmarks, frames)
        region = None if mask is None else to_region(mask)
        clip = Clip("video", frames, voice_of(video, frames), pictures, points, region)
        others = [OpenClip(Clip("reference", pictures))] if hasattr(pictures, "fps") else []
        tick = progress(len(frames))
        report = evaluate(
            [OpenClip(clip)],
            others,
            chosen,
            weights,
            InMemoryResults(),
            lambda what, frame, of: tick(frame - 1),
        )
        say(report.markdown())
        return io.NodeOutput(report.markdown(), to_image(report.plot()))


NODES = [EvaluateVideo]
