"""What a video is generated from, beside its picture and voice: prompt, region and the voice's preprocessing."""

from __future__ import annotations

from argparse import ArgumentParser

from ...typed import read_path
from .values import face, number, words


def add_text(parser: ArgumentParser) -> None:
    text = parser.add_mutually_exclusive_group()
    text.add_argument("--prompt", metavar="TEXT", dest="text", type=words, default="", help="text prompt")
    text.add_argument(
        "--prompts",
        metavar="FILE",
        type=read_path,
        help="prompts that change over time: lines such as '0 a person smiles', '12.5 a person frowns'",
    )


def add_region(parser: ArgumentParser) -> None:
    region = parser.add_argument_group(
        "region to regenerate (choose --mask, --keypoints, --dwpose or --yunet)"
    )
    region.add_argument(
        "--mask", metavar="FILE", type=read_path, help="image or video of the region: white = regenerate"
    )
    region.add_argument(
        "--keypoints", metavar="FILE", type=read_path, help="JSON file with the face as POSE_KEYPOINT"
    )
    region.add_argument(
        "--dwpose", metavar="FOLDER", type=read_path, help="folder with yolox_l.onnx and dw-ll_ucoco_384.onnx"
    )
    region.add_argument(
        "--yunet", metavar="FILE", type=read_path, help="face detector face_detection_yunet_2023mar.onnx"
    )
    region.add_argument(
        "--face",
        metavar="WHICH",
        type=face,
        default="largest",
        help="which face: largest, all, or its index from 0",
    )
    gaps = ("pass_through", "hold", "error")
    region.add_argument(
        "--gaps",
        choices=gaps,
        default="pass_through",
        help="what to do with frames in which no face is found",
    )


def add_method(parser: ArgumentParser) -> None:
    method = parser.add_argument_group("what keeps the video outside the region")
    method.add_argument(
        "--editing",
        choices=("masks", "pinned"),
        help="masks that the model was trained with, or pinned: the video is put back at every step, with any "
        "model (default: masks)",
    )
    method.add_argument(
        "--denoise",
        metavar="X",
        type=number,
        help="strength of a pinned edit, above 0 and up to 1: below 1 it begins from the noised video (default: 1)",
    )


def add_crop(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--crop",
        choices=("square", "4:5"),
        nargs="?",
        const="square",
        help="edit a box around the face, shot by shot, and put it back at the video's full size: square, the default "
        "without a value, or 4:5 (default: edit the whole frame)",
    )


def add_voice(parser: ArgumentParser) -> None:
    voice = parser.add_argument_group(
        "audio preprocessing for the model (the sound of the video does not change)"
    )
    voice.add_argument(
        "--loudness",
        metavar="LUFS",
        type=number,
        help="normalise the voice to LUFS, such as -23 (default: off)",
    )
    voice.add_argument(
        "--voice-gate",
        metavar="DB",
        type=number,
        nargs="?",
        const=-45.0,
        help="mute pauses quieter than DB below loud speech (default: off; -45 without a number)",
    )
