"""A node for tests of queueing: takes a while, shows its steps and previews, and fails where it is told to."""

from __future__ import annotations

import time

import comfy.model_management
import comfy.utils
from PIL import Image


class Steps:
    @classmethod
    def INPUT_TYPES(cls):
        return {
            "required": {
                "images": ("IMAGE",),
                "steps": ("INT", {"default": 1, "min": 1, "max": 1000}),
                "seconds": ("FLOAT", {"default": 0.0}),
                "failure": ("STRING", {"default": ""}),
            }
        }

    RETURN_TYPES = ("IMAGE",)
    FUNCTION = "run"
    CATEGORY = "tests"

    def run(self, images, steps, seconds, failure):
        bar = comfy.utils.ProgressBar(steps)
        for step in range(steps):
            time.sleep(seconds / steps)
            comfy.model_management.throw_exception_if_processing_interrupted()
            bar.update_absolute(step + 1, steps, ("JPEG", Image.new("RGB", (8, 8)), None))
        if failure:
            raise ValueError(failure)
        return (images,)


NODE_CLASS_MAPPINGS = {"TestSteps": Steps}
NODE_DISPLAY_NAME_MAPPINGS = {"TestSteps": "Steps"}
