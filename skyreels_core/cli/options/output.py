"""Where a video goes, in which form, and what is kept of an interrupted run."""

from __future__ import annotations

from argparse import ArgumentParser

from ...media.encoding import CODECS
from ...typed import read_path
from .values import whole, words


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
    add_signer(parser)
    add_work(parser)


def add_signer(parser: ArgumentParser) -> None:
    signer = parser.add_argument_group("Content Credentials (C2PA), for .mp4 and .mov")
    signer.add_argument(
        "--sign-certificate",
        metavar="FILE",
        type=read_path,
        help="your certificate chain (PEM): the video says that a trained model made it, signed by you",
    )
    signer.add_argument(
        "--sign-key", metavar="FILE", type=read_path, help="the certificate's private key (PEM)"
    )
    signer.add_argument(
        "--sign-timestamp",
        metavar="URL",
        type=words,
        default="",
        help="a time-stamping authority (default: none)",
    )


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
