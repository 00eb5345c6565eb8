"""The commands, each with its options."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path

from ...typed import read_path
from .inputs import add_crop, add_method, add_region, add_text, add_voice
from .model import add_model
from .output import add_output
from .sampling import add_sampling
from .values import frame_rate, integer, number, whole, words

COMPARED = {
    "reference": "the portrait or video that it should be like; videos in a folder are the set for FID and FVD",
    "voice": "the voice, an audio file or a video (default: the sound of the video)",
    "keypoints": "landmarks of the face: POSE_KEYPOINT or FACE_LANDMARKS as JSON, a face mesh as .npz",
    "mask": "image or video of the region that was regenerated: white = regenerated",
}  # a file for all videos, or a folder with one of the same name for each


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
    add_size(parser)
    add_voice(parser)
    add_output(parser)
    add_sampling(parser)
    add_model(parser)


def add_calibrate(commands) -> None:
    parser = commands.add_parser(
        "calibrate", help="measure what TeaCache and MagCache need to know of a model"
    )
    parser.add_argument("--image", metavar="FILE", type=read_path, help="a portrait of the usual kind")
    parser.add_argument(
        "--audio",
        metavar="FILE",
        type=read_path,
        required=True,
        action="append",
        help="a voice of a few seconds; give it several times for a mean",
    )
    parser.add_argument("--prompt", metavar="TEXT", dest="text", type=words, default="", help="text prompt")
    parser.add_argument(
        "-o",
        "--output",
        metavar="FILE",
        type=read_path,
        help="JSON file for the figures (default: beside the model's file, where every run reads them)",
    )
    add_size(parser)
    add_sampling(parser)
    add_model(parser)


def add_size(parser: ArgumentParser) -> None:
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
    add_crop(parser)
    add_method(parser)
    add_voice(parser)
    add_output(parser)
    add_sampling(parser)
    add_model(parser)


def add_evaluate(commands) -> None:
    parser = commands.add_parser(
        "evaluate", help="measure finished videos: lip sync, identity, picture, continuity"
    )
    parser.add_argument(
        "videos", metavar="VIDEO", nargs="+", type=read_path, help="video files, or folders of them"
    )
    for name, what in COMPARED.items():
        parser.add_argument(f"--{name}", metavar="FILE_OR_FOLDER", type=read_path, help=what)
    parser.add_argument(
        "--metrics", metavar="NAMES", default="", help="such as lips,sync,fid (default: all that can run)"
    )
    add_weights(parser, "folder with the weights files that some metrics need")
    parser.add_argument(
        "-o",
        "--output",
        metavar="FOLDER",
        type=read_path,
        required=True,
        help="folder for report.json, report.md and report.png, and the results of each clip; an interrupted run "
        "resumes there",
    )


def add_weights(parser: ArgumentParser, what: str) -> None:
    help = f"{what}; may be given several times"
    parser.add_argument(
        "--weights-dir", metavar="FOLDER", type=read_path, action="append", default=[], help=help
    )


def add_benchmark(commands) -> None:
    parser = commands.add_parser(
        "benchmark", help="generate and measure videos under several settings, and compare them on one page"
    )
    parser.add_argument(
        "spec",
        metavar="SPEC",
        nargs="?",
        help="the specification, a YAML file, or the name of an included one",
    )
    parser.add_argument("--list", action="store_true", help="show the included specifications")
    parser.add_argument(
        "-o",
        "--output",
        metavar="FOLDER",
        type=read_path,
        help="folder for the videos and the page; an interrupted benchmark resumes there (default: "
        "skyreels-benchmarks/NAME)",
    )
    parser.add_argument(
        "--only",
        metavar="NAME",
        action="append",
        default=[],
        help="a setting, by its name; may be given several times (default: all)",
    )
    parser.add_argument(
        "--limit", metavar="N", type=whole(1, 10**6), help="at most N combinations of inputs for each setting"
    )
    parser.add_argument(
        "--dry-run", action="store_true", help="show how many cells and forward passes there are, and stop"
    )


def add_data(commands) -> None:
    parser = commands.add_parser("data", help="choose the shots of raw footage that are worth training on")
    parser.add_argument(
        "videos", metavar="VIDEO", nargs="+", type=read_path, help="video files, or folders of them"
    )
    parser.add_argument(
        "-o",
        "--output",
        metavar="FOLDER",
        type=read_path,
        required=True,
        help="folder for manifest.parquet, clips.jsonl, index.html and all that was measured; an interrupted run "
        "resumes there",
    )
    parser.add_argument(
        "--thresholds", metavar="FILE", type=read_path, help="YAML file with the thresholds to change"
    )
    add_weights(parser, "folder with YuNet, and with SyncNet or DWPose if you have them")
    parser.add_argument(
        "--whisper", metavar="FOLDER", type=read_path, help="a multilingual Whisper, to tell languages"
    )
    parser.add_argument(
        "--workers", metavar="N", type=whole(1, 1024), default=1, help="processes (default: %(default)s)"
    )
    parser.add_argument("--ray", action="store_true", help="measure on all machines of a Ray cluster")
    parser.add_argument(
        "--every-stage", action="store_true", help="measure every stage, also after one that refuses a shot"
    )


def add_queue(commands) -> None:
    parser = commands.add_parser(
        "queue", help="queue a workflow on a ComfyUI server and download its results"
    )
    add_jobs(parser)
    parser.add_argument(
        "-o",
        "--output",
        metavar="FOLDER",
        type=read_path,
        default=Path("skyreels-outputs"),
        help="folder for the results (default: %(default)s)",
    )
    add_wait(parser)


def add_wait(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--wait",
        metavar="SECONDS",
        type=whole(0, 10**6),
        default=300,
        help="how long to wait for an unreachable server before the remaining jobs fail (default: %(default)s)",
    )


def add_jobs(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--workflow",
        metavar="FILE",
        type=read_path,
        required=True,
        help="the workflow, from ComfyUI's Workflow > Export (API)",
    )
    add_server(parser)
    parser.add_argument(
        "--csv",
        metavar="FILE",
        type=read_path,
        help="one job per row; columns are NODE.INPUT, and 'name' for the output files",
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
    parser.add_argument(
        "--devices",
        metavar="LIST",
        help="devices that share the model and each batch, such as 0,1 for GPUs, or cpu,cpu "
        "(default: one GPU, if there is one)",
    )
    parser.add_argument(
        "--worker-timeout",
        metavar="SECONDS",
        type=number,
        help="how long a device may wait for another one before the training stops with an error (default: 600)",
    )
    parser.add_argument(
        "--dry-run",
        action="store_true",
        help="check the recipe and its files, and print the memory that each stage needs, without training",
    )


def add_inspect(commands) -> None:
    parser = commands.add_parser("inspect", help="identify a weights file")
    parser.add_argument("file", type=read_path)
    parser.add_argument("--json", action="store_true", help="print JSON")


def add_server(parser: ArgumentParser) -> None:
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


def add_verify(commands) -> None:
    parser = commands.add_parser(
        "verify", help="run fixed jobs on a ComfyUI server that has the weights, and pack what came of them"
    )
    add_server(parser)
    parser.add_argument(
        "--family",
        metavar="NAME",
        action="append",
        default=[],
        help="a family of models, such as humo; may be given several times (default: all)",
    )
    parser.add_argument(
        "-o",
        "--output",
        metavar="FILE",
        type=read_path,
        default=Path("skyreels-verified.zip"),
        help="the zip file with videos, pictures and figures (default: %(default)s)",
    )
    add_wait(parser)
