"""What was tried beside the method: other guidance, other noise, other windows. The core has none of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import cast

import torch
from torch import Tensor

from skyreels_core.pipeline.animate import placed_picture
from skyreels_core.pipeline.frames import FinishedFrames, finish_of
from skyreels_core.pipeline.planning import facts_of, plan_animation
from skyreels_core.pipeline.run import Run
from skyreels_core.pipeline.sampler import evaluator_of, make_noise
from skyreels_core.run.plan import RunPlan
from skyreels_core.sampling.denoise import Denoiser
from skyreels_core.sampling.solvers import SOLVERS
from skyreels_core.windows import Window, WindowPlan

from .material import Example, bundle, shipped

Noise = Callable[[RunPlan], Tensor]
MakeDenoiser = Callable[..., Denoiser]


def animated_as(
    clip: Example, noise: Noise = make_noise, denoiser: MakeDenoiser = Denoiser, **settings
) -> Tensor:
    """The clip's first frame speaking, [f h w 3], every step computed."""
    chosen = shipped().override(**settings, cache_threshold=0)
    plan = plan_animation(chosen, facts_of(bundle()), clip.voice, clip.frames[0])
    run = Run(bundle(), plan)
    visual = placed_picture(run, clip.frames[0], "keep_shape")
    evaluator, _ = evaluator_of(run, clip.voice, clip.caption, visual, visual.picture)
    made = denoiser(evaluator, plan.windows, plan.guidance, plan.hybrid)
    latents = SOLVERS[plan.settings.solver](made, noise(plan), plan.sigmas.values)
    finish = finish_of(plan, lambda frame: cast(Tensor, visual.picture))
    return torch.stack(list(FinishedFrames(run, latents, finish)))


def shuffled_noise(plan: RunPlan) -> Tensor:
    """FreeNoise (Qiu et al., arXiv 2310.15169): beyond the first window the noise is that of the first one, its latent
    frames shuffled anew for each stride."""
    noise, length = make_noise(plan), plan.window_length
    stride = length - plan.settings.overlap
    generator = torch.Generator().manual_seed(plan.settings.seed + 1)
    for start in range(length, noise.shape[2], stride):
        count = min(stride, noise.shape[2] - start)
        order = torch.randperm(stride, generator=generator)[:count]
        noise[:, :, start : start + count] = noise[:, :, start - length : start - length + stride][
            :, :, order
        ]
    return noise


class ShiftingWindows(Denoiser):
    """Windows whose starts shift from step to step, so that no frame is always at a join."""

    def __call__(self, x: Tensor, sigma: float) -> Tensor:
        step = self.guidance.grid.index(sigma) or 0
        whole, self.windows = self.windows, shifted(self.windows, step)
        try:
            return super().__call__(x, sigma)
        finally:
            self.windows = whole


def shifted(plan: WindowPlan, step: int) -> WindowPlan:
    """The plan with its inner windows moved by a part of the stride that differs from step to step, and as many windows
    more as that needs."""
    length = plan.windows[0].length
    if len(plan.windows) == 1:
        return plan
    stride = plan.windows[1].start
    offset = (step * 5) % stride - stride // 2  # 5: neighbouring steps far apart
    last = plan.latent_frames - length
    starts = sorted({0, last, *(min(max(w.start + offset, 0), last) for w in plan.windows)})
    return replace(plan, windows=tuple(Window(i, start, length) for i, start in enumerate(starts)))


class ProjectedGuidance(Denoiser):
    """APG (Sadat et al., arXiv 2410.02416): of each guidance's direction the part along the prediction is damped, its
    norm limited and a negative momentum kept; voice and prompt have buffers of their own."""

    parallel, limit, momentum = 0.0, 1.0, -0.5

    def reset(self) -> None:
        super().reset()
        self.buffers: dict[tuple[int, str], Tensor] = {}

    def __call__(self, x: Tensor, sigma: float) -> Tensor:
        progress = self.guidance.grid.progress(sigma)
        text, audio = self.guidance.text(progress), self.guidance.audio(progress)
        branches = list(self.guidance.coefficients(sigma))
        denoised = self._denoised(x, sigma, {})
        guided: Iterable[Tensor] = (
            self._guided({branch: next(denoised) for branch in branches}, window, text, audio)
            for window in self.windows.windows
        )
        return self.windows.fuse(guided, first_step=self.guidance.grid.index(sigma) == 0)

    def _guided(self, x0: dict[str, Tensor], window: Window, text: float, audio: float) -> Tensor:
        guided = x0["full"]
        if "noaudio" in x0 and audio != 1:
            guided = guided + (audio - 1) * self._projected(
                x0["full"] - x0["noaudio"], x0["full"], window, "audio"
            )
        if "null" in x0 and text != 1:
            guided = guided + (text - 1) * self._projected(
                x0["noaudio"] - x0["null"], x0["noaudio"], window, "text"
            )
        return guided

    def _projected(self, direction: Tensor, along: Tensor, window: Window, name: str) -> Tensor:
        key = window.index, name
        direction = direction + self.momentum * self.buffers.get(key, torch.zeros_like(direction))
        self.buffers[key] = direction
        limit = self.limit * direction[0].numel() ** 0.5
        direction = direction * min(1.0, limit / float(direction.norm().clamp_min(1e-12)))
        unit = along / along.norm().clamp_min(1e-12)
        share = (direction * unit).sum() * unit
        return direction - share + self.parallel * share


class Projected(ProjectedGuidance):
    """Without limit and momentum: the orthogonal part alone."""

    limit, momentum = float("inf"), 0.0
