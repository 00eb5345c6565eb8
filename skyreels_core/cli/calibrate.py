"""What the caches need to know of a model, into a file beside it."""

from __future__ import annotations

import json
from argparse import Namespace

from ..api.weights import MODEL_PARTS
from ..errors import InputError
from ..files import atomic
from ..media.reading import read_picture
from ..media.sound import read_audio
from ..media.writing import check_output
from ..pipeline.calibration import calibrate as measure
from ..weights.header import calibration_of
from .choices import choose
from .progress import Bars


def calibrate(args: Namespace) -> None:
    if args.devices is not None:
        raise InputError("A model is calibrated on one device: give --device instead of --devices.")
    model, settings = choose(args)
    files = [model.files[part] for part in MODEL_PARTS if part in model.files]
    output = args.output or calibration_of([*files, *(lora.path for lora in model.loras)][-1])
    check_output(output, (".json",))
    voices = [read_audio(path) for path in args.audio]
    picture = None if args.image is None else read_picture(args.image)
    with Bars() as bars:
        measured = measure(
            model.load(), voices, picture, args.text, fit=args.fit, settings=settings, progress=bars
        )
    with atomic(output) as part:
        part.write_text(json.dumps(measured.settings(), indent=1) + "\n", encoding="utf-8")
    print(output)
