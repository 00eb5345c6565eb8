"""What a node says while and after it works: a line of text on it, a bar with the remaining time."""

from __future__ import annotations

import time

import comfy.utils
import latent_preview
from comfy_execution.utils import get_executing_context
from server import PromptServer

from ...skyreels_core.run.progress import Pace


def say(text: str) -> None:
    """Show a line on the node that is executing, to the client that queued it; nothing where no graph is run."""
    context, server = get_executing_context(), getattr(PromptServer, "instance", None)
    if context is not None and server is not None:
        server.send_progress_text(text, context.node_id, server.client_id)


class SamplingProgress:
    """A `skyreels_core.sampling.denoise.Progress`: one tick for each forward, over windows, branches and steps."""

    def __init__(self, bar: bool, model=None) -> None:
        self.pace = Pace()
        self.bar = comfy.utils.ProgressBar(1) if bar else None
        self.previewer = self._previewer(model) if bar else None
        self.preview = None
        self.last_said = 0.0

    def _previewer(self, model):
        return latent_preview.get_previewer(model.load_device, model.model.latent_format)

    def __call__(self, done: int, total: int, label: str) -> None:
        now = time.monotonic()
        self.pace.tick(done, total)
        if self.bar is not None:
            self.bar.update_absolute(done, total, self.preview)
            self.preview = None
        if now - self.last_said > 0.5 or done == total:
            say(f"{label}, {done} of {total} forward passes, {self.pace.remaining} left")
            self.last_said = now

    def step(self, step: int, denoised, x, steps: int) -> None:
        """The host's callback after each step: what the preview shows next."""
        if self.previewer is not None:
            self.preview = self.previewer.decode_latent_to_preview_image("JPEG", denoised)
