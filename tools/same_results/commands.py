"""Frames of the command line, and models with settings in their metadata."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from safetensors import safe_open
from safetensors.numpy import load_file, save_file

from .context import Context
from .findings import Findings
from .media import decoded, measured

SHORT = ("--seed", 3, "--steps", 5)
# Of the prompts, the options that older versions know too.
GUIDED = (
    "--audio-guidance",
    "linear:4->2",
    "--text-guidance",
    "cosine:3->1@0.5",
    "--negative-text",
    "grey wall",
)
BUNDLE = ("model.safetensors", "vae.safetensors", "text_encoder.safetensors", "whisper.safetensors")
SETTINGS = {  # of a bundle, in the metadata of its model; what is not stated is a plain Wan model's
    "guided": {"steps": 4, "shift": 2.5, "solver": "dpmpp_2m", "text_guidance": "piecewise:0=3,0.4=1,1=1",
               "audio_guidance": "interval:4.5@0.2-0.8", "cache_threshold": None, "width": 64, "height": 80},
    "cached": {"steps": 6, "window": 5, "overlap": 2, "fps": 20.0, "spacing": "even", "cache_threshold": 0.3,
               "cache_coefficients": [1.0, 0.0], "width": 64, "height": 64},
    "stated little": {"steps": 2, "width": 64, "height": 64, "fps": 25.0},
}  # fmt: skip


def frames(context: Context) -> Findings:
    """Lossless videos of both commands, the numbers of their reports, and one as people save it."""
    inputs = context.inputs
    lossless = ("--lossless", "--audio", inputs.first)
    portrait = ("--image", inputs.portrait)
    ways = {
        "picture": ("animate", *portrait, *lossless, *SHORT, "--report", "picture.json"),
        "long": ("animate", *portrait, "--lossless", "--audio", inputs.long, "--seed", 4, "--steps", 4, "--window", 5,
                 "--overlap", 2, "--solver", "dpmpp_2m", "--tea-cache", 0.1, "--report", "long.json"),
        "text and voice": ("animate", "--text", "a person with red hair, blue wall", *lossless, *SHORT, *GUIDED),
        "changing text": ("animate", *portrait, "--prompts", inputs.prompts, *lossless, *SHORT, *GUIDED, "--null-image",
                          "--fusion", "forward", "--window", 4, "--overlap", 1),
        "another shape": ("animate", *portrait, *lossless, *SHORT, "--width", 112, "--height", 64, "--fit", "pad",
                          "--fps", 12, "--loudness", -23, "--voice-gate", "--dtype", "bfloat16"),
        "edit": ("edit", *edited(context), "--lossless", *SHORT, "--report", "edit.json"),
        "edit to the end": ("edit", *edited(context), *SHORT, "--lossless", "--length", "voice", "--hybrid", 0.5,
                            "--window", 4, "--overlap", 2, "--text", "a person speaks", "--text-guidance", 3),
    }  # fmt: skip
    made = {name: [*words, "-o", f"{name}.mkv"] for name, words in ways.items()}
    made["as saved"] = ["animate", *portrait, "--audio", inputs.first, *SHORT, "-o", "as saved.mp4"]
    context.tree.make(context.folder, list(made.values()))
    found: Findings = {}
    for name, words in made.items():
        found |= decoded(name, context.folder / str(words[-1]))
    for name in ("picture", "long", "edit"):
        found |= measured(name, context.folder / f"{name}.json")
    return found


def edited(context: Context) -> tuple[object, ...]:
    inputs = context.inputs
    return "--video", inputs.video, "--keypoints", inputs.video_keypoints, "--audio", inputs.second


def bundles(context: Context) -> Findings:
    """What `inspect` says of the old tree's model with several settings in its metadata, and the frames that it makes;
    and of single files."""
    if context.is_old:
        for name, settings in SETTINGS.items():
            write_bundle(context, context.folder / name, settings)
    folders = {name: context.before / name for name in SETTINGS}
    given = ("animate", "--image", context.inputs.portrait, "--audio", context.inputs.first, "--lossless")
    parts = context.before / next(iter(SETTINGS))
    files = [word for option, file in zip(("backbone", "vae", "text-encoder", "whisper"), BUNDLE, strict=True)
             for word in (f"--{option}", parts / file)]  # fmt: skip
    made: dict[str, tuple[object, ...]] = {
        name: (*given, "--model", folder, "-o", f"{name}.mkv") for name, folder in folders.items()
    }
    made["single files"] = (*given, *files, "-o", "single files.mkv")
    described = [("inspect", folder / file, "--json") for folder in folders.values() for file in BUNDLE]
    ended = context.tree.make(context.folder, [*made.values(), *described])
    found: Findings = {}
    for name in made:
        found |= decoded(name, context.folder / f"{name}.mkv")
    for (_, path, _), said in zip(described, ended[len(made) :], strict=True):
        found |= flat(f"inspect/{path.parent.name}/{path.stem}", json.loads(said.output))
    return found


def write_bundle(context: Context, folder: Path, settings: dict[str, object]) -> None:
    folder.mkdir(exist_ok=True)
    model = context.tree.file("model.safetensors")
    for name in BUNDLE:
        shutil.copy(model.with_name(name), folder / name)
    with safe_open(model, "numpy") as file:
        metadata = file.metadata()
    config = json.loads(metadata["config"])
    save_file(
        load_file(model),
        folder / model.name,
        metadata | {"config": json.dumps(config | {"sampling": settings})},
    )


def flat(name: str, value: object) -> Findings:
    """Every value of a JSON text under a name of its own: one that is new is seen as an addition."""
    if isinstance(value, dict):
        inner = [flat(f"{name}/{key}", entry) for key, entry in value.items()]
        return {key: entry for part in inner for key, entry in part.items()}
    return {name: json.dumps(value)}
