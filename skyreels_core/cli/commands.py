"""The commands: everything is checked first, then loaded, then made."""

from __future__ import annotations

import logging
from argparse import Namespace
from collections.abc import Callable
from itertools import product
from pathlib import Path

import torch

from ..api.model import open_model
from ..api.video import Video
from ..api.weights import ModelFiles
from ..conditioning.prompts import PromptSchedule
from ..errors import InputError, naming
from ..media.encoding import Encoding
from ..media.footage import open_video
from ..media.origin import Signer
from ..media.reading import read_picture
from ..media.region import checked_region
from ..media.sound import read_audio
from ..media.writing import check_video
from ..pipeline.planning import check_voice, plan_animation, plan_edit
from ..pipeline.region import find_region
from ..run.resume import WorkFolder
from .calibrate import calibrate
from .choices import choose
from .progress import Bars
from .report import check_report, write_report
from .resources import check_resources
from .work import work_folder

logger = logging.getLogger(__name__)


def run(args: Namespace) -> None:
    """Raises InputError, OSError or KeyboardInterrupt where the user has to know."""
    try:
        COMMANDS[args.command](args)
    except torch.cuda.OutOfMemoryError as error:
        raise InputError(
            "The GPU ran out of memory. Make the picture smaller (--width, --height) or the windows shorter "
            "(--window), or close other programs that use it."
        ) from error
    except (MemoryError, RuntimeError) as error:
        if isinstance(error, RuntimeError) and "can't allocate memory" not in str(error):
            raise
        raise InputError(
            "The computer ran out of memory. Make the picture smaller (--width, --height), the voice shorter or the "
            "frame rate lower (--fps), or close other programs that use it."
        ) from error


def animate(args: Namespace) -> None:
    check_targets(args)
    model, settings = choose(args)
    text = text_of(args)
    audio = read_audio(args.audio)
    picture = None if args.image is None else read_picture(args.image)
    plan = plan_animation(settings, model.facts, audio, picture, args.fit)
    check_resources(args, model, plan, plan.size)
    with work_folder(args) as work, Bars() as bars:
        with open_model(model) as loaded:
            video = loaded.animate(picture, audio, text, fit=args.fit, plan=plan, progress=bars, work=work)
        write(args, model, video, work)


def edit(args: Namespace) -> None:
    check_targets(args)
    model, settings = choose(args)
    text = text_of(args)
    audio = read_audio(args.audio)
    check_voice(audio)  # before the video is read as long as it lasts
    video = open_video(args.video, None if args.length == "video" else audio.seconds)
    plan = plan_edit(settings, model.facts, video, audio, args.length, args.crop)
    check_resources(args, model, plan, video.size)
    with work_folder(args) as work, Bars() as bars:
        region = find_region(
            video, args.mask, args.keypoints, args.dwpose, args.face, args.gaps,
            lambda frame: bars("faces", frame + 1, len(video), ""), args.yunet,
        )  # fmt: skip
        with naming(args.mask or args.keypoints or args.dwpose or args.yunet):
            region = checked_region(video, region)
        with open_model(model) as loaded:
            made = loaded.edit(
                video, audio, region, text, crop=args.crop, plan=plan, progress=bars, work=work
            )
        write(args, model, made, work)


def write(args: Namespace, model: ModelFiles, video: Video, work: WorkFolder) -> None:
    signer = signer_of(args)
    video.save(args.output, crf=args.crf, codec=args.codec, lossless=args.lossless, signer=signer)
    logger.info(video.report.summary())
    if args.report is not None:
        write_report(args, model.device, video)
    work.finish()
    print(args.output)


def check_targets(args: Namespace) -> None:
    """Raises InputError where a file cannot be written, or one that is read would be replaced by it."""
    check_video(args.output, encoding_of(args))
    if (signer := signer_of(args)) is not None:
        signer.check(args.output)
    check_report(args.report)
    files = [(name, path) for name, path in vars(args).items() if isinstance(path, Path) and path.is_file()]
    files += [("lora", lora.path) for lora in args.lora or () if lora.path.is_file()]
    written = [(name, path) for name, path in files if name in ("output", "report")]
    if args.report is not None and (picture := args.report.with_suffix(".png")).is_file():
        written.append(("report", picture))
    for (target, path), (name, other) in product(written, files):
        if name != target and path.samefile(other):
            raise InputError(
                f"--{target} is the file of --{name.replace('_', '-')}, {path}, which it would replace. Choose "
                "another name."
            )


def signer_of(args: Namespace) -> Signer | None:
    """Raises InputError for a certificate without its key, or the other way round."""
    certificate, key = args.sign_certificate, args.sign_key
    if certificate is None and key is None and not args.sign_timestamp:
        return None
    if certificate is None or key is None:
        raise InputError(
            "Signing needs a certificate chain (--sign-certificate) and its private key (--sign-key); not all of it "
            "was given. Give both, or none."
        )
    return Signer(certificate, key, args.sign_timestamp)


def text_of(args: Namespace) -> str | PromptSchedule:
    return args.text if args.prompts is None else PromptSchedule.read(args.prompts)


def encoding_of(args: Namespace) -> Encoding:
    return Encoding(args.codec or "", args.crf, args.lossless)


def demo(args: Namespace) -> None:
    from .demo import demo  # its sheets are drawn with Matplotlib, which the other commands do without

    demo(args)


def evaluate(args: Namespace) -> None:
    from .evaluate import evaluate  # its statistics take a second to import

    evaluate(args)


def data(args: Namespace) -> None:
    from .data import data  # what measures sound and faces takes a second to import

    data(args)


def train(args: Namespace) -> None:
    from .train import train  # its networks and data are imported by no other command

    train(args)


COMMANDS: dict[str, Callable[[Namespace], None]] = {
    "demo": demo,
    "animate": animate,
    "edit": edit,
    "train": train,
    "calibrate": calibrate,
    "evaluate": evaluate,
    "data": data,
}
