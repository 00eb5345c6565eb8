"""Runs in the host's interpreter: the digests of what may reach a run's conditions.

python identity_in_host.py FOLDER NAME. Writes what it found to NAME there.
"""

import functools
import io
import json
import sys
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock

from pack_in_host import load_pack

folder, name = Path(sys.argv[1]), sys.argv[2]
load_pack()

import comfy.clip_vision  # noqa: E402
import comfy.model_patcher  # noqa: E402
import comfy.samplers  # noqa: E402
import numpy as np  # noqa: E402
import torch  # noqa: E402
from contract import guided  # noqa: E402
from families import WINDOW, drawn, families, text, tokens_of, write_files  # noqa: E402
from family_list import EDITING  # noqa: E402
from skyreels_audio_pack.nodes.conditioning import ImageAnimation, VideoEditLipSync  # noqa: E402
from skyreels_audio_pack.nodes.families.skyreels_audio.loading import load_demo  # noqa: E402
from skyreels_audio_pack.nodes.host.identity import (  # noqa: E402
    model_identity,
    parts,
    readable_digest,
    sampler_identity,
)
from skyreels_audio_pack.nodes.host.solver import core_sampler  # noqa: E402
from skyreels_audio_pack.nodes.host.unsupported_samplers import SamplerGuard  # noqa: E402
from skyreels_audio_pack.skyreels_core import assets  # noqa: E402
from skyreels_audio_pack.skyreels_core.media.footage import InMemoryFrames  # noqa: E402
from skyreels_audio_pack.skyreels_core.run.resume import digest  # noqa: E402


def named(value):
    return digest(*parts(value))


def seen(seed):
    """What CLIP Vision Encode gives."""
    output = comfy.clip_vision.Output()
    output["penultimate_hidden_states"], output["mm_projected"] = drawn(seed, 1, 5, 16), None
    return output


class Box:
    def __init__(self, **held):
        self.__dict__.update(held)

    def scaled(self, x):
        return x * self.factor


class Slotted:
    __slots__ = ("held",)

    def __init__(self, held):
        self.held = held


class Named(dict):
    pass


@dataclass
class Uncompared:
    held: object = field(compare=False)


class Unreadable(torch.Tensor):
    """As a quantised weight of another pack, whose numbers only its own layers can read."""

    @classmethod
    def __torch_function__(cls, function, types, args=(), kwargs=None):
        if getattr(function, "__name__", "") == "__get__":  # its shape
            return super().__torch_function__(function, types, args, kwargs or {})
        raise NotImplementedError(getattr(function, "__name__", ""))


class Flattened(Unreadable):
    """One that says which plain tensors it is made of."""

    def __tensor_flatten__(self):
        return ["stored"], None


def flattened(seed):
    made = torch.zeros(4).as_subclass(Flattened)
    made.stored = drawn(seed, 4)
    return made


def scaling(factor):
    def scaled(x):
        return x * factor

    return scaled


def net(seed):
    made = torch.nn.Linear(4, 4)
    made.load_state_dict({"weight": drawn(seed, 4, 4), "bias": drawn(seed + 1, 4)})
    return made


def patcher(seed):
    device = torch.device("cpu")
    return comfy.model_patcher.ModelPatcher(net(seed), device, device)


def circular(seed):
    inner, outer = Box(), {}
    inner.outer, outer["inner"], inner.held = outer, inner, drawn(seed, 2)
    return outer


def with_attribute(seed):
    made = Named(a=1)
    made.held = drawn(seed, 2)
    return made


HOLDING = {
    "what CLIP sees": seen,
    "a tensor in an object": lambda seed: Box(held=[{"deep": Box(held=drawn(seed, 2))}]),
    "a number in an object": lambda seed: Box(factor=seed),
    "slots": lambda seed: Slotted(drawn(seed, 2)),
    "an attribute of a mapping": with_attribute,
    "a field that is not compared": lambda seed: Uncompared(drawn(seed, 2)),
    "a queue": lambda seed: deque([drawn(seed, 2)]),
    "an array": lambda seed: np.full((2, 2), seed),
    "bytes": lambda seed: bytes([seed] * 4),
    "a closure": lambda seed: scaling(float(seed)),
    "a method": lambda seed: Box(factor=seed).scaled,
    "a partial": lambda seed: functools.partial(scaling, factor=seed),
    "a network": net,
    "a control model": lambda seed: Box(control_model=net(seed), strength=1.0),
    "another MODEL": lambda seed: Box(model=patcher(seed)),
    "a circle": circular,
    "a set": lambda seed: {"one", "two", f"number {seed}"},
    "a wrapper of a weight": flattened,
    "frames": lambda seed: Box(frames=InMemoryFrames(drawn(seed, 2, 4, 4, 3))),
}  # fmt: skip
UNREADABLE = {
    "a file": lambda: Box(file=io.FileIO(__file__)),
    "what goes on": lambda: iter(x for x in (1, 2)),
    "a tensor without numbers": lambda: torch.empty(4, device="meta"),
}


def conditions(family, kind, vae, edit):
    """The names of runs that differ by nothing, and by the picture behind CLIP vision alone."""
    model, tokens = kind.load(), tokens_of(kind.encoder(), WINDOW)
    picture = torch.rand(1, 64, 64, 3, generator=torch.Generator().manual_seed(3))
    frames = picture.expand(tokens.timeline.frames, -1, -1, -1)

    def inputs(seed):
        if edit:
            made = VideoEditLipSync.execute(
                text(1),
                text(2),
                vae,
                tokens,
                frames,
                torch.ones(1, 64, 64),
                0.2,
                0,
                0,
                clip_vision_output=seen(seed),
            ).args
        else:
            made = ImageAnimation.execute(
                text(1), text(2), vae, tokens, 64, 64, picture=picture, clip_vision_output=seen(seed)
            ).args
        return guided(model, made[:2])._inputs(core_sampler("euler"), {})

    return {"same": inputs(1) == inputs(1), "other": inputs(1) == inputs(2)}


with torch.inference_mode():
    found = {
        "changed": {what: [named(make(1)), named(make(2))] for what, make in HOLDING.items()},
        "again": {what: named(make(1)) for what, make in HOLDING.items()},
        "unreadable": {what: [named(make()), named(make())] for what, make in UNREADABLE.items()},
        "one unreadable": [named(made := UNREADABLE["a file"]()), named(made)],
        "a lock beside it": [named(Box(lock=Lock(), held=1)), named(Box(lock=Lock(), held=1))],
        "types": [named(drawn(1, 2, 3)), named(drawn(1, 2, 3).view(torch.int32)), named(drawn(1, 2, 3).view(3, 2))],
        "kept names": [
            named([["text", {"model_conds": {"guard": SamplerGuard()}}]]), digest("text", "model_conds", "guard",
                                                                                  "SamplerGuard"),
        ],
        "samplers": [
            sampler_identity(comfy.samplers.KSAMPLER(scaling(factor), options))
            for factor, options in ((1, {}), (1, {}), (2, {}), (1, {"eta": 1}))
        ],
        "quantised": [
            readable_digest({"weight": flattened(seed), "bias": torch.zeros(1)}) for seed in (1, 1, 2)
        ],
    }  # fmt: skip
    write_files(folder)
    vae, kinds = load_demo(assets.model())[2], families(folder)
    found["runs"] = {
        "an animation": conditions("SkyReels-Audio", kinds["SkyReels-Audio"], vae, False),
        "an edit": conditions("SkyReels-Audio", kinds["SkyReels-Audio"], vae, True),
    } if "SkyReels-Audio" in EDITING else {}  # fmt: skip
    first, second = patcher(1), patcher(2)
    for model in (first, second):
        model.model_options["transformer_options"]["held"] = Box(model=model)
    found["models"] = [model_identity(first), model_identity(first.clone()), model_identity(second)]
(folder / name).write_text(json.dumps(found, indent=1), encoding="utf-8")
