"""What the guider needs to know of a family of models.

A family says which branches and guidance rows it has and what a window is given; windows, guidance, cache and solvers
are the same for all. The families are the folders of `nodes/families`, of which nothing here knows.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from ...skyreels_core.audio.features import AudioFeatures
from ...skyreels_core.conditioning.visual import WindowConditions
from ...skyreels_core.run.settings import Settings
from ...skyreels_core.sampling.denoise import Unit
from ...skyreels_core.timeline import Timeline
from ...skyreels_core.windows import WindowPlan
from .payload import ConditioningPayload


class Family(Protocol):
    """One MODEL and its conditioning. `__init__` takes (model, positive, negative) and raises InputError where
    they do not belong together."""

    # What it takes, in words: "a Wan 2.1 or SkyReels-V2 video model"
    models: str
    # Of the guidance, a name of skyreels_core.sampling.guidance.RULES
    rule: str
    # Whether it was trained with masks of what an edit regenerates; without them a video is pinned
    trained_masks: bool
    # What the model recommends
    preset: Settings
    # Width and height, pixels
    size: tuple[int, int]
    timeline: Timeline
    # What the conditioning node made; None where a native one did
    payload: ConditioningPayload | None
    # What its windows are conditioned on
    voice: AudioFeatures
    # Share of the steps that see a whole edited video; None where there is none
    hybrid: float | None
    # What the windows are shown; of a pinned edit it also has what each keeps of the video
    conditions: WindowConditions | None

    @staticmethod
    def claims(model) -> bool:
        """Whether the MODEL is of this family; of no other one either."""
        ...

    @staticmethod
    def recommended(model) -> Settings:
        """The settings that suit the MODEL."""
        ...

    def remarks(self) -> list[str]:
        """What the user should know before the run."""
        ...

    def encode(self, plan: WindowPlan, null_image: bool, callback: Callable[[int], None]) -> None:
        """Build what the windows are shown, before sampling. `callback` gets the number of windows encoded."""
        ...

    def entries(self, unit: Unit) -> dict[str, Any]:
        """The `model_conds` of one forward beside those of its text."""
        ...
