"""What a video that is signed says of its model, its voice and its picture; nothing is hashed before."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

from ..media.footage import Footage
from ..media.origin import Origin, pixel_hash, voice_hash
from ..media.sound import Audio
from ..model.bundle import Bundle
from ..pipeline.dealt import Workers
from ..run.resume.fingerprint import digest_weights

OriginOf = Callable[[], Origin]


def model_name(bundle: Bundle, workers: Workers | None) -> str:
    """The network's sizes, and a fingerprint of its weights, which workers have where there are any."""
    config = bundle.model.config
    weights = digest_weights(bundle.model.state_dict()) if workers is None else workers.digests()["model"]
    return f"Wan backbone ({config.model_type}), {config.num_layers} blocks of width {config.dim}, weights {weights}"


def of_animation(bundle: Bundle, workers: Workers | None, voice: Audio, picture: Tensor | None) -> OriginOf:
    def origin() -> Origin:
        shown = {} if picture is None else {"picture": pixel_hash([picture])}
        return Origin("animation", model_name(bundle, workers), {"voice": voice_hash(voice), **shown})

    return origin


def of_edit(bundle: Bundle, workers: Workers | None, voice: Audio, video: Footage) -> OriginOf:
    def origin() -> Origin:
        inputs = {"voice": voice_hash(voice), "video": pixel_hash(video.stream())}
        return Origin("edit", model_name(bundle, workers), inputs)

    return origin
