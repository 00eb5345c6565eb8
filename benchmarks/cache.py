"""TeaCache at the shipped threshold, and TeaCache against MagCache at equal forward passes: picture and sync kept."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from skyreels_core.evaluation.agreement import psnr
from skyreels_core.pipeline.calibration import calibrate
from skyreels_core.pipeline.planning import facts_of
from skyreels_core.pipeline.sampler import time_embedding
from skyreels_core.run.plan import RunPlan
from skyreels_core.run.settings import Settings
from skyreels_core.sampling.guidance import GuidanceSettings
from skyreels_core.sampling.magcache import (
    PUBLISHED,
    Limits,
    MagnitudeCurve,
    first_steps,
    limits_for,
    magcache_plan,
)
from skyreels_core.sampling.schedule import flow_sigmas
from skyreels_core.timeline import Timeline

from .material import FPS, Example, Made, animated, bundle, example, shipped, size, sync
from .record import Record

CLIPS, SECONDS = 4, 1.96
SHARES = (0.4, 0.5, 0.6)  # of the steps, computed
CALIBRATED_ON = 3  # clips, none of those that are measured
STEPS_IN_A_ROW = (1, 2, 3, 4)
THRESHOLDS = np.geomspace(1e-4, 2, 400)


def run(record: Record) -> None:
    clips = [example(index, SECONDS) for index in range(CLIPS)]
    full = [animated(clip, cache_threshold=0) for clip in clips]
    threshold = shipped().cache_threshold
    record["threshold"] = threshold
    record |= _against(full, clips, cache="teacache", cache_threshold=threshold)
    measured = _calibrated()
    record["methods"] = [
        {"share": share, "method": method, **_against(full, clips, **settings)}
        for share in SHARES
        for method, settings in _at(share, measured)
    ]
    record["published"] = dict(_savings())


def _against(full: list[Made], clips: list[Example], **settings: Any) -> dict[str, float]:
    shares, quality, change = [], [], []
    for clip, whole in zip(clips, full, strict=True):
        cached = animated(clip, **settings)
        shares.append(cached.report.computed / whole.report.computed)
        quality.append(psnr(cached.frames, whole.frames))
        change.append(_sync(cached, clip) - _sync(whole, clip))
    return {
        "forwards_share": float(np.median(shares)),
        "psnr_median": float(np.median(quality)), "psnr_lowest": float(min(quality)),
        "sync_change_median": float(np.median(change)), "sync_change_worst": float(min(change)),
    }  # fmt: skip


def _sync(made: Made, clip: Example) -> float:
    return sync(made.frames, clip)


def _calibrated() -> dict[str, list[float]]:
    """TeaCache's polynomial and MagCache's magnitudes, on clips of their own."""
    clips = [example(CLIPS + index, SECONDS) for index in range(CALIBRATED_ON)]
    runs = [calibrate(bundle(), [clip.voice], clip.frames[0], clip.caption) for clip in clips]
    return type(runs[0]).mean(runs).settings()


def _at(share: float, measured: dict[str, list[float]]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each method's settings that compute this share of the steps, or the next larger."""
    wanted = round(share * shipped().steps)
    yield "TeaCache", _search(wanted, cache="teacache")
    yield (
        "TeaCache, calibrated again",
        _search(wanted, cache="teacache", cache_coefficients=tuple(measured["cache_coefficients"])),
    )
    for most in STEPS_IN_A_ROW:
        found = _search(
            wanted,
            cache="magcache",
            cache_magnitudes=tuple(measured["cache_magnitudes"]),
            cache_in_a_row=most,
        )
        if _computed(shipped().override(**found)) == wanted:
            yield f"MagCache, at most {most} in a row", found


def _search(wanted: int, **settings: Any) -> dict[str, Any]:
    """With the largest threshold that computes `wanted` steps or more."""
    tried = ({**settings, "cache_threshold": float(threshold)} for threshold in THRESHOLDS[::-1])
    return next((values for values in tried if _computed(shipped().override(**values)) >= wanted), settings)


def _computed(settings: Settings) -> int:
    plan = RunPlan.of(settings, facts_of(bundle()), Timeline.from_seconds(SECONDS, FPS), size(), "animation")
    cache = plan.cache(time_embedding(bundle().model), on_cpu=False)
    return plan.sigmas.steps if cache is None else sum(cache.plan.computed)


def _savings() -> Iterator[tuple[str, float]]:
    """Share of the steps that MagCache reuses on Wan's published curves, over the schedule that they are of."""
    for name, (shift, ratios) in PUBLISHED.items():
        sigmas = flow_sigmas(len(ratios) + 1, shift).tolist()
        curve = MagnitudeCurve.of_ratios(ratios, sigmas)
        guidance = GuidanceSettings("1", "1").over(sigmas)
        limits: Limits = limits_for(1536 if "1.3b" in name else 5120)
        plan = magcache_plan(sigmas, curve, limits, first_steps(guidance, sigmas) | {len(ratios)})
        yield name, len(plan.skipped) / len(plan.computed)
