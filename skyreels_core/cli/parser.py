"""The words of the command line."""

from __future__ import annotations

import re
import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import NoReturn

from .. import __version__
from ..errors import InputError
from ..media.encoding import CODECS
from ..typed import read_path
from .values import face, frame_rate, integer, number, threshold, whole, words

SCHEDULE = "'4.5', 'linear:5->1', 'cosine:5->1@0.4', 'interval:4.5@0.2-0.8' or 'piecewise:0=5,0.4=1,1=1'"


LONGEST_MESSAGE = 300  # characters
NEGATIVE = re.compile(r"-\d*,\d+")  # which argparse would take for an option


class Parser(ArgumentParser):
    """Refuses in one sentence, as everything else does, where argparse prints a page and leaves."""

    def parse_known_args(self, args=None, namespace=None):
        given = sys.argv[1:] if args is None else list(args)
        points = [word.replace(",", ".") if NEGATIVE.fullmatch(word) else word for word in given]
        return super().parse_known_args(points, namespace)

    def error(self, message: str) -> NoReturn:
        short = message if len(message) <= LONGEST_MESSAGE else f"{message[:LONGEST_MESSAGE]} ..."
        raise InputError(
            f"The command line cannot be read ({short}); {self.prog} --help shows what can be given."
        )


def build_parser() -> ArgumentParser:
    parser = Parser("skyreels-audio", description="Talking portraits driven by a voice.")
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    commands = parser.add_subparsers(dest="command", required=True)
    add_demo(commands)
    add_animate(commands)
    add_edit(commands)
    add_queue(commands)
    add_train(commands)
    add_inspect(commands)
    for command in commands.choices.values():
        command.add_argument("--debug", action="store_true", help="show details and tracebacks")
    return parser


def add_demo(commands) -> None:
    parser = commands.add_parser("demo", help="make three videos with the bundled model, voices and faces")
    parser.add_argument(
        "-o", "--output", metavar="FOLDER", type=read_path, default=Path("skyreels-demo"), help="folder for them"
    )
    add_sampling(parser)
    add_model(parser)


def add_animate(commands) -> None:
    parser = commands.add_parser("animate", help="let a picture speak")
    parser.add_argument(
        "--image", metavar="FILE", type=read_path, help="the picture; without it the text says what is seen"
    )
    parser.add_argument(
        "--audio", metavar="FILE", type=read_path, required=True, help="the voice, an audio file or a video"
    )
    add_text(parser)
    parser.add_argument("--width", metavar="N", type=integer, help="pixels, snapped to 16 (default: the model's)")
    parser.add_argument(
        "--height", metavar="N", type=integer, help="pixels, snapped to 16 (default: the model's)"
    )
    shapes = ("keep_shape", "crop", "pad")
    parser.add_argument(
        "--fit",
        choices=shapes,
        default=shapes[0],
        help="a picture of another shape: keep_shape makes the video in its shape, at the area of width and height; "
        "crop and pad keep to that size (default: %(default)s)",
    )
    parser.add_argument("--fps", metavar="X", type=frame_rate, help="frames a second (default: the model's)")
    add_voice(parser)
    add_output(parser)
    add_sampling(parser)
    add_model(parser)


def add_edit(commands) -> None:
    parser = commands.add_parser("edit", help="give a video another voice")
    parser.add_argument(
        "--video", metavar="FILE", type=read_path, required=True, help="the video; its size and rate are kept"
    )
    parser.add_argument(
        "--audio", metavar="FILE", type=read_path, required=True, help="the new voice, an audio file or a video"
    )
    add_text(parser)
    lengths = ("shortest", "voice", "video")
    parser.add_argument("--length", choices=lengths, default="shortest", help="what decides how long it is")
    parser.add_argument(
        "--width", metavar="N", type=integer, help="width times height is the area the model works at"
    )
    parser.add_argument("--height", metavar="N", type=integer, help="pixels (default: the model's)")
    add_region(parser)
    add_voice(parser)
    add_output(parser)
    add_sampling(parser)
    add_model(parser)


def add_text(parser: ArgumentParser) -> None:
    text = parser.add_mutually_exclusive_group()
    text.add_argument("--text", metavar="WORDS", type=words, default="", help="what is seen, in words")
    text.add_argument(
        "--prompts",
        metavar="FILE",
        type=read_path,
        help="in its place, words that change over time: lines such as '0 a person smiles', '12.5 a person frowns'",
    )


def add_region(parser: ArgumentParser) -> None:
    region = parser.add_argument_group("what is made anew (one of the three)")
    region.add_argument(
        "--mask", metavar="FILE", type=read_path, help="picture or video of the region, white is made anew"
    )
    region.add_argument(
        "--keypoints", metavar="FILE", type=read_path, help="JSON file with the face as POSE_KEYPOINT"
    )
    region.add_argument(
        "--dwpose", metavar="FOLDER", type=read_path, help="folder with yolox_l.onnx and dw-ll_ucoco_384.onnx"
    )
    region.add_argument(
        "--face", metavar="WHICH", type=face, default="largest", help="largest, all, or a number from 0"
    )
    gaps = ("pass_through", "hold", "error")
    region.add_argument(
        "--gaps", choices=gaps, default="pass_through", help="frames in which no face is found"
    )


def add_voice(parser: ArgumentParser) -> None:
    voice = parser.add_argument_group("how the voice is heard (the sound of the video stays as it is given)")
    voice.add_argument(
        "--loudness", metavar="LUFS", type=number, help="level a quiet or loud recording, such as -23 (off)"
    )
    voice.add_argument(
        "--voice-gate",
        metavar="DB",
        type=number,
        nargs="?",
        const=-45.0,
        help="noise in pauses is silence, from DB below loud speech (off; without a number -45)",
    )


def add_output(parser: ArgumentParser) -> None:
    output = parser.add_argument_group("output")
    output.add_argument(
        "-o", "--output", metavar="FILE", type=read_path, required=True, help="the video: mp4, mov, mkv or webm"
    )
    output.add_argument("--codec", choices=CODECS, help="of the pictures (default: h264; vp9 in .webm)")
    output.add_argument(
        "--crf", metavar="N", type=whole(0, 63), help="quality, lower is better (default: the codec's)"
    )
    output.add_argument(
        "--report",
        metavar="FILE",
        type=read_path,
        help="a .json with what was used and how like itself the video stays, and its .png",
    )
    output.add_argument("--lossless", action="store_true", help="every pixel exactly (larger, RGB)")
    add_work(parser)


def add_work(parser: ArgumentParser) -> None:
    work = parser.add_argument_group("a run that was cut")
    which = work.add_mutually_exclusive_group()
    which.add_argument("--resume", action="store_true", help="go on where it was, if there is one")
    which.add_argument("--restart", action="store_true", help="throw away what it had, and begin again")
    work.add_argument(
        "--work", metavar="FOLDER", type=read_path, help="where a run keeps its state (default: OUTPUT.work)"
    )


def add_sampling(parser: ArgumentParser) -> None:
    sampling = parser.add_argument_group("sampling (defaults come with the model)")
    sampling.add_argument(
        "--seed", metavar="N", type=whole(0, 2**63 - 1), default=0, help="another one, another take"
    )
    sampling.add_argument("--steps", metavar="N", type=integer, help="fewer are faster")
    sampling.add_argument("--shift", metavar="X", type=number, help="of the flow schedule")
    sampling.add_argument("--solver", metavar="NAME", help="euler or dpmpp_2m")
    sampling.add_argument("--audio-guidance", metavar="SCHEDULE", help=f"weight of the voice: {SCHEDULE}")
    sampling.add_argument("--text-guidance", metavar="SCHEDULE", help="weight of the text, as the voice's")
    sampling.add_argument(
        "--negative-text", metavar="WORDS", type=words, default="", help="what is not seen, in words"
    )
    sampling.add_argument("--null-image", action="store_true", help="the null branch loses the picture too")
    sampling.add_argument(
        "--window", metavar="N", type=integer, help="latent frames made at once (4 frames each)"
    )
    sampling.add_argument(
        "--overlap", metavar="N", type=integer, help="latent frames that neighbouring windows share"
    )
    sampling.add_argument(
        "--fusion", metavar="NAME", default="bidirectional", help="of windows: bidirectional, forward, none"
    )
    sampling.add_argument(
        "--hybrid", metavar="X", type=number, help="part of the steps 0..1 that see the whole edited video"
    )
    sampling.add_argument(
        "--tea-cache", metavar="X", type=threshold, help="threshold such as 0.2, reuses steps; 0: off"
    )
    sampling.add_argument(
        "--tea-cache-memory",
        metavar="GiB",
        type=number,
        help="GiB that TeaCache may hold, 8 unless given; what does not fit is computed",
    )
    sampling.add_argument(
        "--colour-strength", metavar="X", type=number, default=1.0, help="0..1, against colour drift"
    )


def add_model(parser: ArgumentParser) -> None:
    model = parser.add_argument_group("model (default: the small one that comes with the package)")
    model.add_argument("--model", metavar="FOLDER", type=read_path, help="folder with all parts of a model")
    model.add_argument(
        "--backbone", metavar="FILE", type=read_path, help="in its place: the video model, a .safetensors file"
    )
    model.add_argument(
        "--audio-layers", metavar="FILE", type=read_path, help="audio layers, where the backbone has none"
    )
    model.add_argument("--vae", metavar="FILE", type=read_path, help="Wan 2.1 VAE, file or diffusers folder")
    model.add_argument("--text-encoder", metavar="FILE", type=read_path, help="UMT5, file or folder")
    model.add_argument("--whisper", metavar="FILE", type=read_path, help="Whisper, file or folder")
    model.add_argument(
        "--clip-vision", metavar="FOLDER", type=read_path, help="CLIP vision folder, for image-to-video backbones"
    )
    model.add_argument(
        "--device", metavar="NAME", help="such as cuda or cpu (default: the GPU, if there is one)"
    )
    model.add_argument(
        "--dtype", metavar="NAME", help="float32, bfloat16 or float16 (default: bfloat16 on a GPU)"
    )


def add_queue(commands) -> None:
    parser = commands.add_parser("queue", help="queue a workflow on a ComfyUI server and bring its files")
    parser.add_argument(
        "--workflow",
        metavar="FILE",
        type=read_path,
        required=True,
        help="made by ComfyUI's Workflow > Export (API)",
    )
    parser.add_argument(
        "--server", metavar="URL", default="http://127.0.0.1:8188", help="the server (default: %(default)s)"
    )
    parser.add_argument(
        "--set",
        metavar="NODE.INPUT=VALUE",
        action="append",
        default=[],
        help="put a value into an input; the node by id, title or class; a local file is uploaded",
    )
    parser.add_argument(
        "--csv",
        metavar="FILE",
        type=read_path,
        help="one job for each row; columns node.input, and 'name' for the output files",
    )
    parser.add_argument(
        "-o",
        "--output",
        metavar="FOLDER",
        type=read_path,
        default=Path("skyreels-outputs"),
        help="folder for the files (default: %(default)s)",
    )
    parser.add_argument(
        "--wait",
        metavar="SECONDS",
        type=whole(0, 10**6),
        default=300,
        help="how long the server may be away before what is left counts as failed (default: %(default)s)",
    )


def add_train(commands) -> None:
    parser = commands.add_parser("train", help="train a model by a recipe")
    parser.add_argument("--config", metavar="FILE", type=read_path, required=True, help="the recipe, a YAML file")
    parser.add_argument(
        "--output",
        metavar="FOLDER",
        type=read_path,
        required=True,
        help="folder; a run that was cut goes on there",
    )


def add_inspect(commands) -> None:
    parser = commands.add_parser("inspect", help="say what a weights file is")
    parser.add_argument("file", type=read_path)
    parser.add_argument("--json", action="store_true", help="for programs")
