"""Everything that the latents of a run depend on, so that no run resumes with something else."""

from __future__ import annotations

from dataclasses import asdict

import torch

from ..conditioning.prompts import PromptSchedule
from ..media.sound import Audio
from ..model.execution import AS_LOADED, Execution
from ..run.resume import digest
from ..run.resume.fingerprint import digest_weights
from ..run.settings import WAN, Settings
from .run import Run

OF_THE_END = ("colour_strength", "composite")  # settings that the latents do not depend on
# that folders of older versions do not name: they are as they were at defaults
LATER = ("fuse_first_step", "rule", "method", "denoise", "cache", "cache_magnitudes", "cache_in_a_row")


def begin_work(run: Run, audio: Audio, text: str | PromptSchedule, **shown: str) -> None:
    """Tell the run state, where there is one, what goes into the run: `shown` are digests of pixels, by name."""
    if run.work is None:
        return
    bundle = run.bundle
    weights = digests_of(run) | {"Whisper encoder": digest_weights(bundle.whisper.encoder.state_dict())}
    options = asdict(run.plan.settings)
    unsaid = {*OF_THE_END, *(name for name in LATER if options[name] == getattr(WAN, name))}
    run.work.begin({
        **{f"the {name}": value for name, value in weights.items()},
        **{label(name): str(value) for name, value in options.items() if name not in unsaid},
        **{f"the {name}": value for name, value in shown.items()},
        "the voice": digest(audio.samples, audio.sample_rate),
        "the text": str(text),
        "the device": f"{run.device.type}, torch {torch.__version__}",
        **rounding_of(bundle.execution),
    }, unused={label(name) for name in unused(run.plan.settings)})  # fmt: skip


def label(name: str) -> str:
    return f"the {name.replace('_', ' ')}"


def unused(settings: Settings) -> set[str]:
    """What a cache that this run has not, would need: a calibration that is made meanwhile does not change the run."""
    needed = {"magcache": {"cache_magnitudes", "cache_in_a_row"}, "teacache": {"cache_coefficients"}}
    if settings.cache_threshold:
        needed.pop(settings.cache)
        return set().union(*needed.values())
    return {"cache", "cache_memory"}.union(*needed.values())


def rounding_of(execution: Execution) -> dict[str, str]:
    """What rounds otherwise than by default; folders of older versions do not name it."""
    chosen = {"the attention": execution.attention, "torch.compile": "on" if execution.compile else ""}
    return {name: value for name, value in chosen.items() if value not in ("", AS_LOADED.attention)}


def digests_of(run: Run) -> dict[str, str]:
    """Of backbone and audio layers, wherever they are: any number of devices resumes a run."""
    if run.workers is not None:
        return run.workers.digests()
    networks = {"model": run.bundle.model, "audio layers": run.bundle.audio_layers}
    return {name: digest_weights(network.state_dict()) for name, network in networks.items()}
