"""What goes into a run of a graph, as digests that are the same after a restart of the server."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

from ...skyreels_core.run.resume.fingerprint import digest
from .contents import PACK, Contents, FrameDigests
from .weight_digests import readable_digest, unpatched, weights_of

KNOWN = ("comfy.", PACK)  # whose sampler functions are told by their names
# how many devices compute changes no result
ON_DEVICES = ("multigpu_options", "multigpu_clones", "multigpu_thread_pool")


def parts(value: Any, frames: FrameDigests | None = None) -> Iterator[object]:
    """All that a value holds, for `digest`; `frames` are those of videos that were read before."""
    return Contents(frames).parts(value)


def model_identity(model) -> str:
    """Of a MODEL: its weights, the patches on them, and what else hangs on it with weights of its own."""
    options = {name: value for name, value in model.model_options.items() if name not in ON_DEVICES}
    others = [
        it for it in model.get_nested_additional_models() if not getattr(it, "is_multigpu_base_clone", False)
    ]
    return digest(
        readable_digest(unpatched(model)),
        *Contents(own=model).parts([model.patches, model.object_patches, options]),
        *(readable_digest(weights_of(other)) for other in others),
    )


def sampler_identity(sampler: object) -> str:
    """Of a SAMPLER: its function and options."""
    contents, function = Contents(), getattr(sampler, "sampler_function", type(sampler))
    names = [function.func, *function.args] if isinstance(function, partial) else [function]
    told = [getattr(name, "__qualname__", None) or digest(*contents.parts(name)) for name in names]
    options = {name: value for name, value in vars(sampler).items() if value or name == "extra_options"}
    if (getattr(names[0], "__module__", None) or "").startswith(KNOWN):
        options.pop("sampler_function", None)
    return digest(*told, *contents.parts(options.pop("extra_options", {})), *contents.parts(options))
