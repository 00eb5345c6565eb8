"""What a weights file is, told by its header."""

from __future__ import annotations

import json
import sys
from argparse import Namespace
from dataclasses import asdict

from ..model.detection import describe


def inspect(args: Namespace) -> None:
    description = describe(args.file)
    if not args.json:
        print(description.summary())
        return
    json.dump(asdict(description), sys.stdout, indent=2)
    print()
