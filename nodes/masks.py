"""Where the mouth is: faces that a detector finds, or that are given, to the mask of what an edit regenerates."""

from __future__ import annotations

import math
from typing import Any

import torch
from comfy_api.latest import io
from torch import Tensor

from ..skyreels_core.conditioning.dwpose import DWPose as FaceFinder
from ..skyreels_core.conditioning.faces import FaceMasks, face_masks
from ..skyreels_core.conditioning.landmarks import from_face_landmarks
from ..skyreels_core.conditioning.overlay import overlay
from ..skyreels_core.conditioning.pose import Keypoints, from_pose_keypoint
from ..skyreels_core.conditioning.yunet import YuNet
from ..skyreels_core.errors import InputError
from ..skyreels_core.media.cuts import find_shots
from ..skyreels_core.media.footage import Frames, VideoFile, collect
from .host.face_detection import MeshFinder
from .host.folders import detection_path, onnx_files
from .host.footage import ask_to_go_on, footage_of, withheld
from .host.progress import progress
from .host.reporting import say
from .sockets import MASKS, DWPose, FaceDetector, FaceLandmarks, HostDetector, PoseKeypoint, Region

DETECTOR, POSE = "yolox_l.onnx", "dw-ll_ucoco_384.onnx"
YUNET = "face_detection_yunet_2023mar.onnx"
SHOWN = 16  # frames of a VIDEO in the preview, at most
SOURCE = "from yzd-v/DWPose on Hugging Face, in models/detection."


def onnx_input(name: str, expected: str, what: str, source: str = SOURCE) -> io.Combo.Input:
    """A missing file is offered by its usual name, so that a run can say where it belongs."""
    names = onnx_files()
    chosen = next((file for file in names if file.endswith(expected)), expected)
    options = names if chosen in names else [*names, chosen]
    return io.Combo.Input(name, options=options, default=chosen, tooltip=f"The {what}, {expected} {source}")


class LoadDWPose(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        return io.Schema(
            node_id="SkyReelsAudioLoadDWPose",
            display_name="Load DWPose",
            category=MASKS,
            description="Loads the two ONNX files of DWPose, which detects faces; needs onnxruntime.",
            search_aliases=["face detector", "face landmarks", "yolox"],
            inputs=[
                onnx_input("detector", DETECTOR, "person detector"),
                onnx_input("pose", POSE, "pose model"),
            ],
            outputs=[DWPose.Output(display_name="dwpose", tooltip="For Face Mask.")],
        )

    @classmethod
    def execute(cls, detector: str, pose: str) -> io.NodeOutput:
        return io.NodeOutput(FaceFinder(detection_path(detector), detection_path(pose)))


class LoadYuNet(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        return io.Schema(
            node_id="SkyReelsAudioLoadYuNet",
            display_name="Load YuNet",
            category=MASKS,
            description="Loads YuNet, a face detector of 0.3 MB that needs no further package.",
            search_aliases=["face detector", "face landmarks", "opencv"],
            inputs=[
                onnx_input(
                    "detector", YUNET, "face detector", "from OpenCV's model zoo, in models/detection."
                ),
            ],
            outputs=[
                FaceDetector.Output(display_name="detector", tooltip="For Face Mask."),
            ],
        )

    @classmethod
    def execute(cls, detector: str) -> io.NodeOutput:
        return io.NodeOutput(YuNet(detection_path(detector)))


class FaceMask(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        return io.Schema(
            node_id="SkyReelsAudioFaceMask",
            display_name="Face Mask",
            category=MASKS,
            description="Masks the lower face in each frame of a video, for Video Edit Lip-Sync. The box does not "
            "depend on how far the mouth is open.",
            search_aliases=[
                "lip mask", "mouth mask", "lip sync", "face mask from dwpose", "dwpose", "openpose", "yunet",
                "mediapipe", "face landmarks",
            ],
            inputs=[
                io.MultiType.Input(
                    "image", [io.Image, io.Video],
                    tooltip="The video: its frames, or a VIDEO, which is streamed from its file. It sets the size "
                    "and length of the masks.",
                ),
                io.Float.Input(
                    "fps", default=25.0, min=1.0, max=120.0, step=0.001, round=False,
                    tooltip="Frame rate of the frames; a VIDEO has its own. Gaps of up to half a second are "
                    "interpolated.",
                ),
                DWPose.Input("dwpose", optional=True, tooltip="From Load DWPose, to detect the faces in the "
                "frames."),
                PoseKeypoint.Input(
                    "keypoints", optional=True,
                    tooltip="Keypoints of the faces, one set per frame, from the DWPose or OpenPose nodes of other "
                    "packs, detected in this video, at any resolution with its aspect ratio. Used instead of "
                    "dwpose if both are connected.",
                ),
                io.Combo.Input(
                    "face", options=["largest", "all", "index"],
                    tooltip="Which face: the largest one of each shot, all of them, or the one with the number in "
                    "index.",
                ),
                io.Int.Input(
                    "index", default=0, min=0, max=63,
                    tooltip="Number of the face by size, 0 = the largest over the clip; after a cut, the face at "
                    "the same place. Only for 'index'.",
                ),
                io.Combo.Input(
                    "gaps", options=["pass_through", "hold", "error"],
                    tooltip="What to do if no face is found for more than half a second: pass_through leaves the "
                    "frames unchanged, hold keeps the last box until the shot ends, error stops.",
                ),
                io.MultiType.Input(
                    "detector", [FaceDetector, HostDetector], optional=True,
                    tooltip="From Load YuNet, or from ComfyUI's Load Face Detection Model (MediaPipe), to detect the "
                    "faces a few frames at a time. Used instead of dwpose.",
                ),
                FaceLandmarks.Input(
                    "landmarks", optional=True,
                    tooltip="From ComfyUI's Detect Face Landmarks (MediaPipe), detected in this video. Used instead of "
                    "any detector.",
                ),
            ],
            outputs=[
                io.Mask.Output(
                    display_name="mask",
                    tooltip="The lower face, 1 = regenerate, one mask per frame. Not for a VIDEO: use region.",
                ),
                io.Mask.Output(
                    display_name="lips", tooltip="The lips and a margin, one mask per frame. Not for a VIDEO."
                ),
                io.Image.Output(
                    display_name="preview",
                    tooltip=f"The frames, the mask tinted blue and the lips red; for a VIDEO, {SHOWN} of them.",
                ),
                io.String.Output(
                    display_name="report",
                    tooltip="The faces and shots found, and each frame in which a face was not found or in profile.",
                ),
                Region.Output(
                    display_name="region",
                    tooltip="The same mask, drawn frame by frame when needed: its memory does not grow with the "
                    "length.",
                ),
            ],
        )  # fmt: skip

    @classmethod
    def execute(
        cls, image, fps, face="largest", index=0, gaps="pass_through", dwpose=None, keypoints=None, detector=None,
        landmarks=None,
    ) -> io.NodeOutput:  # fmt: skip
        video = footage_of(image)
        found, lines = find_faces(video, dwpose, keypoints, detector, landmarks)
        shots, face = find_shots(video, ask_to_go_on), index if face == "index" else face
        masks = face_masks(found, getattr(video, "fps", fps), face, gaps, shots)
        say("\n".join([*lines, masks.summary]))
        report = "\n".join([*lines, masks.summary, *masks.unusual])
        if isinstance(video, VideoFile):
            drawn = two_withheld() if video.whole else (masks.boxes, masks.lips)
            return io.NodeOutput(*drawn, preview(video, masks), report, masks.box_region)
        boxes, lips = masks.boxes, masks.lips
        return io.NodeOutput(boxes, lips, overlay(video.frames, boxes, lips), report, masks.box_region)


def preview(video: VideoFile, masks: FaceMasks) -> Tensor:
    """Some of its frames, evenly spread, [f h w 3]."""
    shown = range(0, len(video), math.ceil(len(video) / SHOWN))
    boxes, lips = (
        torch.stack([next(region.stream(frame)) for frame in shown])
        for region in (masks.box_region, masks.lip_region)
    )
    return overlay(collect(video.only(shown)), boxes, lips)


def two_withheld() -> list:
    return [
        withheld(
            f"Face Mask has no {output} for a VIDEO, which may have any length. Connect region "
            "instead, or give it the frames of Get Video Components."
        )
        for output in ("mask", "lips")
    ]


def find_faces(
    video: Frames, dwpose: FaceFinder | None, keypoints: Any, detector: Any = None, landmarks: Any = None
) -> tuple[Keypoints, list[str]]:
    """The faces of a video, and what is to be said about where they come from."""
    if keypoints is not None:
        both = "Keypoints and DWPose are both connected: the keypoints are used, and DWPose does not run."
        found, spare = from_pose_keypoint(keypoints, *video.size).over(video)
        return found, [*([both] if dwpose is not None else []), *spare]
    if landmarks is not None:
        return from_face_landmarks(landmarks, *video.size).over(video)
    if detector is not None:
        finder = detector if isinstance(detector, YuNet) else MeshFinder(detector)
        return finder(video, progress(len(video))), []
    if dwpose is None:
        raise InputError(
            "No face detection is connected. Connect Load DWPose, Load YuNet, or keypoints from another pack's DWPose "
            "or OpenPose node."
        )
    return dwpose(video, progress(len(video))), []


NODES = [LoadDWPose, LoadYuNet, FaceMask]
