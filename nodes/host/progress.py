"""The bar on a node, and the cancel button."""

from __future__ import annotations

from collections.abc import Callable

import comfy.model_management
import comfy.utils


def progress(total: int) -> Callable[[int], None]:
    """A callback for `total` steps, counted from 0. It raises where the user has cancelled."""
    bar = comfy.utils.ProgressBar(total)

    def step(index: int) -> None:
        comfy.model_management.throw_exception_if_processing_interrupted()
        bar.update_absolute(index + 1)

    return step
