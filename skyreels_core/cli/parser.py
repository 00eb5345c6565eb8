"""The options of the command line."""

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
from .renamed import current_names
from .values import face, frame_rate, integer, number, threshold, whole, words

SCHEDULE = "'4.5', 'linear:5->1', 'cosine:5->1@0.4', 'interval:4.5@0.2-0.8' or 'piecewise:0=5,0.4=1,1=1'"


LONGEST_MESSAGE = 300  # characters
NEGATIVE = re.compile(r"-\d*,\d+")  # which argparse would take for an option


class Parser(ArgumentParser):
    """Refuses in one sentence, as everything else does, where argparse prints a page and leaves."""

    # As argparse itself has it; its types are overloads.
    def parse_known_args(  # pyright: ignore[reportIncompatibleMethodOverride]
        self, args=None, namespace=None
    ):
        given = sys.argv[1:] if args is None else list(args)
        points = [word.replace(",", ".") if NEGATIVE.fullmatch(word) else word for word in given]
        return super().parse_known_args(current_names(points), namespace)

    def error(self, message: str) -> NoReturn:
        short = message if len(message) <= LONGEST_MESSAGE else f"{message[:LONGEST_MESSAGE]} ..."
        raise InputError(
            f"The command line cannot be read ({short}); {self.prog} --help shows what can be given."
        )


def build_parser() -> ArgumentParser:
    parser = Parser("skyreels-audio", description="Audio-driven talking portraits.")
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
    parser = commands.add_parser(
        "demo", help="generate three videos with the bundled model, voices and faces"
    )
    parser.add_argument(
        "-o",
        "--output",
        metavar="FOLDER",
        type=read_path,
        default=Path("skyreels-demo"),
        help="folder for the videos (default: %(default)s)",
    )
    add_sampling(parser)
    add_model(parser)


def add_animate(commands) -> None:
    parser = commands.add_parser("animate", help="animate a portrait with a voice")
    parser.add_argument(
        "--image", metavar="FILE", type=read_path, help="the portrait; without it the prompt alone decides"
    )
    parser.add_argument(
        "--audio", metavar="FILE", type=read_path, required=True, help="the voice, an audio file or a video"
    )
    add_text(parser)
    parser.add_argument(
        "--width", metavar="N", type=integer, help="pixels, rounded to 16 (default: the model's)"
    )
    parser.add_argument(
        "--height", metavar="N", type=integer, help="pixels, rounded to 16 (default: the model's)"
    )
    shapes = ("keep_shape", "crop", "pad")
    parser.add_argument(
        "--fit",
        choices=shapes,
        default=shapes[0],
        help="how an image of another aspect ratio fits: keep_shape keeps its ratio and the area of width x height; "
        "crop and pad keep width x height (default: %(default)s)",
    )
    parser.add_argument(
        "--fps", metavar="X", type=frame_rate, help="frames per second (default: the model's)"
    )
    add_voice(parser)
    add_output(parser)
    add_sampling(parser)
    add_model(parser)


def add_edit(commands) -> None:
    parser = commands.add_parser("edit", help="re-dub a video with a new voice")
    parser.add_argument(
        "--video", metavar="FILE", type=read_path, required=True, help="the video; its size and rate are kept"
    )
    parser.add_argument(
        "--audio",
        metavar="FILE",
        type=read_path,
        required=True,
        help="the new voice, an audio file or a video",
    )
    add_text(parser)
    lengths = ("shortest", "voice", "video")
    parser.add_argument("--length", choices=lengths, default="shortest", help="which input sets the duration")
    parser.add_argument(
        "--width", metavar="N", type=integer, help="pixels; width x height is the area the model works at"
    )
    parser.add_argument("--height", metavar="N", type=integer, help="pixels (default: the model's)")
    add_region(parser)
    add_voice(parser)
    add_output(parser)
    add_sampling(parser)
    add_model(parser)


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
    region = parser.add_argument_group("region to regenerate (choose --mask, --keypoints or --dwpose)")
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


def add_output(parser: ArgumentParser) -> None:
    output = parser.add_argument_group("output")
    output.add_argument(
        "-o",
        "--output",
        metavar="FILE",
        type=read_path,
        required=True,
        help="the video: mp4, mov, mkv or webm",
    )
    output.add_argument("--codec", choices=CODECS, help="video codec (default: h264; vp9 in .webm)")
    output.add_argument(
        "--crf", metavar="N", type=whole(0, 63), help="quality, lower is better (default: the codec's)"
    )
    output.add_argument(
        "--report",
        metavar="FILE",
        type=read_path,
        help="JSON report of the settings and the visual consistency over time, with plots in a .png",
    )
    output.add_argument("--lossless", action="store_true", help="keep every pixel exactly (RGB, larger file)")
    add_work(parser)


def add_work(parser: ArgumentParser) -> None:
    work = parser.add_argument_group("resuming an interrupted run")
    which = work.add_mutually_exclusive_group()
    which.add_argument(
        "--resume", action="store_true", help="resume from the last saved step, if there is one"
    )
    which.add_argument(
        "--restart", action="store_true", help="discard the saved progress and start from the beginning"
    )
    work.add_argument(
        "--work", metavar="FOLDER", type=read_path, help="folder of the run state (default: OUTPUT.work)"
    )


def add_sampling(parser: ArgumentParser) -> None:
    sampling = parser.add_argument_group("sampling (defaults come with the model)")
    sampling.add_argument(
        "--seed",
        metavar="N",
        type=whole(0, 2**63 - 1),
        default=0,
        help="random seed (change it for a different take)",
    )
    sampling.add_argument("--steps", metavar="N", type=integer, help="denoising steps; fewer are faster")
    sampling.add_argument("--shift", metavar="X", type=number, help="flow-matching timestep shift")
    sampling.add_argument("--solver", metavar="NAME", help="ODE solver: euler or dpmpp_2m")
    sampling.add_argument("--audio-guidance", metavar="SCHEDULE", help=f"audio CFG scale: {SCHEDULE}")
    sampling.add_argument("--text-guidance", metavar="SCHEDULE", help="text CFG scale, in the same forms")
    sampling.add_argument(
        "--negative-prompt",
        metavar="TEXT",
        dest="negative_text",
        type=words,
        default="",
        help="negative prompt",
    )
    sampling.add_argument(
        "--null-image", action="store_true", help="drop the image, too, in the unconditional branch"
    )
    sampling.add_argument(
        "--window", metavar="N", type=integer, help="latent frames per window (4 frames each)"
    )
    sampling.add_argument(
        "--overlap", metavar="N", type=integer, help="latent frames that neighbouring windows share"
    )
    sampling.add_argument(
        "--fusion",
        metavar="NAME",
        default="bidirectional",
        help="how overlapping windows are blended: bidirectional, forward, none (default: %(default)s)",
    )
    sampling.add_argument(
        "--hybrid",
        metavar="X",
        type=number,
        help="share of the steps (0..1) that attend to the whole edited video",
    )
    sampling.add_argument(
        "--tea-cache",
        metavar="X",
        type=threshold,
        help="TeaCache threshold, such as 0.2, to reuse steps; 0 = off",
    )
    sampling.add_argument(
        "--tea-cache-memory",
        metavar="GiB",
        type=number,
        help="memory limit of TeaCache (default: 8); steps that do not fit are computed",
    )
    sampling.add_argument(
        "--colour-strength",
        metavar="X",
        type=number,
        default=1.0,
        help="colour correction, 0..1 (default: 1)",
    )


def add_model(parser: ArgumentParser) -> None:
    model = parser.add_argument_group("model (default: the small bundled one)")
    model.add_argument("--model", metavar="FOLDER", type=read_path, help="folder with all parts of a model")
    model.add_argument(
        "--backbone",
        metavar="FILE",
        type=read_path,
        help="instead of --model: the video model, a .safetensors file",
    )
    model.add_argument(
        "--audio-layers", metavar="FILE", type=read_path, help="audio layers, if the backbone file has none"
    )
    model.add_argument("--vae", metavar="FILE", type=read_path, help="Wan 2.1 VAE, file or diffusers folder")
    model.add_argument("--text-encoder", metavar="FILE", type=read_path, help="UMT5, file or folder")
    model.add_argument("--whisper", metavar="FILE", type=read_path, help="Whisper, file or folder")
    model.add_argument(
        "--clip-vision",
        metavar="FOLDER",
        type=read_path,
        help="CLIP vision folder, for image-to-video backbones",
    )
    model.add_argument(
        "--device", metavar="NAME", help="such as cuda or cpu (default: the GPU, if there is one)"
    )
    model.add_argument(
        "--dtype", metavar="NAME", help="float32, bfloat16 or float16 (default: bfloat16 on a GPU)"
    )


def add_queue(commands) -> None:
    parser = commands.add_parser(
        "queue", help="queue a workflow on a ComfyUI server and download its results"
    )
    parser.add_argument(
        "--workflow",
        metavar="FILE",
        type=read_path,
        required=True,
        help="the workflow, from ComfyUI's Workflow > Export (API)",
    )
    parser.add_argument(
        "--server", metavar="URL", default="http://127.0.0.1:8188", help="the server (default: %(default)s)"
    )
    parser.add_argument(
        "--set",
        metavar="NODE.INPUT=VALUE",
        action="append",
        default=[],
        help="set an input; NODE is an id, a title or a class; a local file is uploaded",
    )
    parser.add_argument(
        "--csv",
        metavar="FILE",
        type=read_path,
        help="one job per row; columns are NODE.INPUT, and 'name' for the output files",
    )
    parser.add_argument(
        "-o",
        "--output",
        metavar="FOLDER",
        type=read_path,
        default=Path("skyreels-outputs"),
        help="folder for the results (default: %(default)s)",
    )
    parser.add_argument(
        "--wait",
        metavar="SECONDS",
        type=whole(0, 10**6),
        default=300,
        help="how long to wait for an unreachable server before the remaining jobs fail (default: %(default)s)",
    )


def add_train(commands) -> None:
    parser = commands.add_parser("train", help="train a model from a recipe")
    parser.add_argument(
        "--config", metavar="FILE", type=read_path, required=True, help="the recipe, a YAML file"
    )
    parser.add_argument(
        "--output",
        metavar="FOLDER",
        type=read_path,
        required=True,
        help="output folder; an interrupted run resumes there",
    )


def add_inspect(commands) -> None:
    parser = commands.add_parser("inspect", help="identify a weights file")
    parser.add_argument("file", type=read_path)
    parser.add_argument("--json", action="store_true", help="print JSON")
