"""The families of models that one guider drives.

A backend says which branches and guidance rows a family has and how its conditions are cut for a window; windows,
guidance, cache and solvers are the same for all. Another family is a file beside these and a line in `BACKENDS`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from ....skyreels_core.errors import InputError
from ....skyreels_core.run.settings import Settings
from ....skyreels_core.sampling.denoise import Unit
from ....skyreels_core.timeline import Timeline
from ....skyreels_core.windows import WindowPlan
from ..scene import Scene
from .humo import Humo
from .multitalk import MultiTalk
from .skyreels_audio import SkyReelsAudio


class Backend(Protocol):
    """One MODEL and its conditioning. `__init__` takes (model, positive, negative) and raises InputError where
    they do not belong together."""

    rule: str  # of the guidance, a name of skyreels_core.sampling.guidance.RULES
    preset: Settings  # what the model recommends
    size: tuple[int, int]  # width and height, pixels
    timeline: Timeline
    scene: Scene | None  # what the conditioning node made; None where a native one did
    hybrid: float | None  # part of the steps that see a whole edited video; None where there is none

    @staticmethod
    def claims(model) -> bool:
        """Whether the MODEL is of this family."""
        ...

    @staticmethod
    def recommended(model) -> Settings:
        """The settings that suit the MODEL."""
        ...

    def remarks(self) -> list[str]:
        """What the user should know before the run."""
        ...

    def encode(self, plan: WindowPlan, null_image: bool, callback: Callable[[int], None]) -> None:
        """Build what the windows are shown, before sampling. `callback` hears of every window encoded."""
        ...

    def entries(self, unit: Unit) -> dict[str, Any]:
        """The `model_conds` of one forward beside those of its text."""
        ...


# MultiTalk before SkyReelsAudio, which claims every plain Wan model
BACKENDS: tuple[type[Backend], ...] = (MultiTalk, SkyReelsAudio, Humo)


def find_backend(model) -> type[Backend]:
    """Raises InputError for a MODEL of no family that is known here, saying which are."""
    found = next((backend for backend in BACKENDS if backend.claims(model)), None)
    if found is None:
        name = type(model.model).__name__
        raise InputError(
            f"The model is of type {name}. SkyReels-Audio needs a Wan 2.1 or SkyReels-V2 video model, or HuMo: use "
            "Load SkyReels-Audio Model, or Load Diffusion Model and Apply SkyReels Audio Layers."
        )
    return found
