"""The core's solvers as the host's SAMPLER: the only ones whose state can be saved."""

from __future__ import annotations

from functools import partial

import comfy.samplers
from torch import Tensor

from ...skyreels_core.sampling.solvers import SOLVERS


def core_sampler(name: str) -> comfy.samplers.KSAMPLER:
    return comfy.samplers.KSAMPLER(partial(solve, SOLVERS[name]))


def solve(solver, model, x: Tensor, sigmas: Tensor, extra_args=None, callback=None, disable=None) -> Tensor:
    """A solver of the core in the form of k-diffusion's samplers; an AudioGuider keeps its state."""
    options = extra_args or {}

    def denoise(x: Tensor, sigma: float) -> Tensor:
        return model(x, x.new_full((x.shape[0],), sigma), **options)

    def report(step: int, x: Tensor, denoised: Tensor) -> None:
        if callback is not None:
            callback({"i": step, "x": x, "denoised": denoised, "sigma": sigmas[step]})

    guider, start, save = model.inner_model, x, None
    if hasattr(guider, "resume"):  # the host's own guiders keep nothing
        start, save = guider.resume(x, options.get("model_options"))
    return solver(denoise, start, sigmas.tolist(), report, save, options.get("seed") or 0)
