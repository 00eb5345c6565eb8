"""What every family of models keeps, whatever it is. For scripts in the host's interpreter, after `load_pack`.

Each function returns a fact that `test_contract.py` claims. That a window equals what the host's own nodes make of it
stands in the families' own tests, as each has other nodes; torch.compile and dynamic VRAM have scripts of their own,
which run the same families.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import fields, replace
from typing import Any

import comfy.samplers
import torch
from families import OVERLAP, SIZE, WINDOW, Family, drawn, tokens_of
from skyreels_audio_pack.nodes.families import find_family
from skyreels_audio_pack.nodes.host.compiling import UNUSED
from skyreels_audio_pack.nodes.host.guider import AudioGuider
from skyreels_audio_pack.nodes.host.patches import find_patch
from skyreels_audio_pack.nodes.host.solver import core_sampler
from skyreels_audio_pack.nodes.sampling import Sampler
from skyreels_audio_pack.nodes.saving import SaveTalkingVideo
from skyreels_audio_pack.skyreels_core.errors import InputError
from skyreels_audio_pack.skyreels_core.media.reading import read_video
from skyreels_audio_pack.skyreels_core.sampling.denoise import Unit
from skyreels_audio_pack.skyreels_core.sampling.guidance import RULES
from skyreels_audio_pack.skyreels_core.sampling.schedule import flow_sigmas
from skyreels_audio_pack.skyreels_core.weights import header
from torch import Tensor

FRAMES = 8  # latent: two windows
STEPS = 3
LATE = 0.75  # share of the voice after which it is changed: the first window ends before it
SETTINGS = {
    "window": WINDOW,
    "overlap": OVERLAP,
    "audio_guidance": "2",
    "text_guidance": "3",
    "cache_threshold": 0.0,
}
SIGMAS = flow_sigmas(STEPS, 5.0).float()


class Interrupted(Exception):
    """Ends a run before its end."""


def facts(kind: Family, vae) -> dict[str, Any]:
    with headers_read() as read:
        model, encoder = kind.load(), kind.encoder()
    tokens = tokens_of(encoder, FRAMES, fps=kind.fps)
    silence = tokens_of(encoder, FRAMES, level=0.0, fps=kind.fps)
    told, silent = kind.told(vae, tokens), kind.told(vae, silence)
    with marks_seen(model) as marks:
        whole, computed = counted(guided(model, told))
    _, of_cached = counted(guided(model, told, cache_threshold=1e3))
    return {
        "claimed by": find_family(model).__module__.split(".")[-2],
        "headers read": read,
        "marks": {"own": sorted(marks), "plain": str(torch.get_autocast_dtype(UNUSED))},
        "has layers": find_patch(model) is not None,
        "voice": voice_of_windows(model, told),
        "length": length(model, told, whole),
        "silence": compared(sample(guided(model, silent)), whole),
        "no picture": compared(sample(guided(model, told, null_image=True)), whole),
        "resumed": resumed(model, told, whole, computed),
        "forwards": {"all": computed, "cached": of_cached},
        "ignoring sampler": {scale: ignored(model, told, scale) for scale in (1.0, 3.0)},
        "heard once": heard_once(encoder),
        "saved": saved(model, told, vae),
    }


@contextmanager
def headers_read() -> Iterator[Counter[str]]:
    """How often the header of each file is read, by its name."""
    counts, read = Counter(), header._read_entries

    def counting(path):
        counts[path.name] += 1
        return read(path)

    header._read_entries = counting
    try:
        yield counts
    finally:
        header._read_entries = read


@contextmanager
def marks_seen(model) -> Iterator[set[str]]:
    """By what torch.compile tells the network of this model from those of other families, at each forward."""
    marks: set[str] = set()

    def seen(*_) -> None:
        marks.add(str(torch.get_autocast_dtype(UNUSED)))

    hook = model.model.diffusion_model.register_forward_pre_hook(seen)
    try:
        yield marks
    finally:
        hook.remove()


def guided(
    model, told: tuple[list, list], on_forward=lambda *progress: None, keep=False, **changes
) -> AudioGuider:
    family = find_family(model)
    settings = family.recommended(model).override(**{**SETTINGS, **changes})
    return AudioGuider(family, model, *told, settings, on_forward, keeps_state=keep)


def sample(guider: AudioGuider, latent_frames: int = FRAMES) -> Tensor:
    noise = drawn(5, 1, 16, latent_frames, SIZE // 8, SIZE // 8)
    return guider.sample(noise, torch.zeros_like(noise), core_sampler("euler"), SIGMAS, disable_pbar=True)


def differ(one: Tensor, other: Tensor) -> float:
    return float((one - other).abs().max())


def voice_of_windows(model, told) -> dict[str, Any]:
    """What changes in each window, with the voice and without, when the voice changes near its end."""
    guider = guided(model, told)
    before = entries_of(guider)
    guider.backend.voice = changed_late(guider.backend.voice)
    guider.backend.encode(guider.plan.windows, False, lambda done: None)
    after = entries_of(guider)
    return {
        branch: [changes(before[key], after[key]) for key in before if key[0] == branch]
        for branch, _ in before
    }


def entries_of(guider: AudioGuider) -> dict[tuple[str, int], dict[str, Any]]:
    branches = RULES[guider.backend.rule](3.0, 2.0)
    return {
        (branch, window.index): guider.backend.entries(Unit(window, branch, "image"))
        for branch in branches
        for window in guider.plan.windows.windows
    }


def changed_late(voice):
    def late(values: Tensor) -> Tensor:
        values = values.clone()
        values[round(LATE * len(values)) :] += 1.0
        return values

    tensors = {field.name: getattr(voice, field.name) for field in fields(voice)}
    alone = {name: late(value) for name, value in tensors.items() if isinstance(value, Tensor)}
    several = {name: tuple(map(late, value)) for name, value in tensors.items() if isinstance(value, tuple)}
    return replace(voice, **alone, **several)


def changes(before: dict[str, Any], after: dict[str, Any]) -> bool:
    return any(
        not torch.equal(entry.cond, after[name].cond)
        for name, entry in before.items()
        if isinstance(entry.cond, Tensor)
    )


def length(model, told, whole: Tensor) -> dict[str, Any]:
    guider = guided(model, told)
    return {
        "frames": guider.backend.timeline.frames,
        "latent frames": whole.shape[2],
        "another": refusal(lambda: sample(guider, FRAMES + 1)),
    }


def compared(made: Tensor, whole: Tensor) -> dict[str, Any]:
    return {"finite": bool(made.isfinite().all()), "differs": differ(made, whole)}


def resumed(model, told, whole: Tensor, planned: int) -> dict[str, Any]:
    """A run that keeps its state, is cut in its second step and begun again."""

    def cut(done: int, *_) -> None:
        if done > planned // STEPS + 1:
            raise Interrupted

    with suppress(Interrupted):
        sample(guided(model, told, cut, keep=True))
    made, computed = counted(guided(model, told, keep=True))
    return {"differs": differ(made, whole), "forwards": computed, "planned": planned}


def counted(guider: AudioGuider) -> tuple[Tensor, int]:
    """What is sampled, and the forwards that it took."""
    computed, evaluate = 0, guider._evaluate

    def counting(units, *arguments):
        nonlocal computed
        computed += len(units)
        return evaluate(units, *arguments)

    guider._evaluate = counting
    return sample(guider), computed


def ignored(model, told, scale: float) -> str:
    """What the host's own guider is answered."""
    guider = comfy.samplers.CFGGuider(model)
    guider.set_conds(*told)
    guider.set_cfg(scale)
    return refusal(lambda: sample(guider))


def heard_once(encoder) -> bool:
    """Whether a voice that is encoded already is not encoded again for another node."""
    first = tokens_of(encoder, FRAMES)
    speech, encoder.speech = encoder.speech, None
    try:
        return tokens_of(encoder, FRAMES).encoder is first.encoder
    finally:
        encoder.speech = speech


def saved(model, told, vae) -> dict[str, float]:
    """The video that Save Talking Video makes of the sampler's latent and a VAE, with nothing else wired."""
    empty = {"samples": torch.zeros(1, 16, FRAMES, SIZE // 8, SIZE // 8)}
    latent = Sampler.execute(
        model, *told, empty, 1, 1, 5.0, "euler", "2", "1", WINDOW, OVERLAP, 0.0, keep_state=False
    ).args[0]
    node = SaveTalkingVideo.PREPARE_CLASS_CLONE({"hidden_inputs": {}})
    video = read_video(node.execute(latent, vae, 0.0, "contract", "h264", 0, 1.0).args[0].get_stream_source())
    return {"frames": len(video.frames), "fps": video.fps, "seconds of sound": video.audio.seconds}


def refusal(act) -> str:
    try:
        act()
    except InputError as error:
        return str(error)
    return ""
