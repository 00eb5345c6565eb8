"""What the conditioning carries for us beside its text: pixels, the VAE that encodes them, and the voice."""

from __future__ import annotations

import logging
from collections.abc import Callable, MutableMapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import comfy.model_management
import node_helpers
import torch
from torch import Tensor

from ...skyreels_core.audio.features import AudioFeatures
from ...skyreels_core.conditioning.visual import Animation, VisualCondition, WindowConditions
from ...skyreels_core.errors import InputError
from ...skyreels_core.media.sound import Audio
from ...skyreels_core.model.config import LATENT_CHANNELS, PICTURE_CHANNELS
from ...skyreels_core.run.resume import digest
from ...skyreels_core.sampling.hybrid import variants_seen
from ...skyreels_core.timeline import SPATIAL, Timeline, first_frame
from ...skyreels_core.windows import Window, WindowPlan
from .contents import FrameDigests
from .editing import EditOptions
from .identity import parts
from .unsupported_samplers import KEY, with_sampler_guard
from .vae import HostVideoEncoder
from .work import conditions_folder

logger = logging.getLogger(__name__)

IN_MEMORY = 8  # windows of an edited video; at 480p one takes 21 MB


@dataclass(frozen=True, eq=False)
class ConditioningPayload:
    """Made by a conditioning node. The windows are encoded when the plan is known, and kept: the host keeps this
    object as long as nothing before it changes, so another guidance or seed encodes nothing again."""

    visual: VisualCondition
    voice: AudioFeatures
    timeline: Timeline  # as long as the voice, or as the video that is edited
    vae: object
    # Of the last plan, by `VisualCondition.key`
    encoded: dict[str, Tensor] = field(default_factory=dict, compare=False)
    frame_digests: FrameDigests = field(default_factory=dict, compare=False)
    edit: EditOptions | None = field(default=None, compare=False)  # of Video Edit Lip-Sync
    pinned: bool = field(default=False, compare=False)  # decided by `for_model`

    @property
    def audio(self) -> Audio | None:
        """The recording of the voice."""
        return self.voice.audio

    def for_model(self, trained_masks: bool) -> ConditioningPayload:
        """A video is edited with the masks that the model was trained with, else it is pinned."""
        pinned = self.edit is not None and (self.edit.pinned or not trained_masks)
        return replace(self, pinned=True) if pinned else self

    def check_no_picture(self) -> None:
        """For a backbone of 16 input channels, which is conditioned on text and voice alone."""
        if self.visual.hybrid is not None and not self.pinned:
            raise InputError(
                f"This video model takes no picture (16 input channels), so it cannot edit a video. Give one with "
                f"{PICTURE_CHANNELS}, such as a Wan image-to-video model."
            )
        if self.visual.picture is not None:
            logger.warning(
                "The video model takes no picture (16 input channels): it is conditioned on prompt and voice alone."
            )

    def encode(
        self,
        plan: WindowPlan,
        null_image: bool = False,
        callback: Callable[[int], None] | None = None,
        shows_picture: bool = True,
    ) -> WindowConditions:
        """The conditions of all windows; only what this plan has not had yet is encoded. Without `shows_picture`, what
        pinning keeps alone."""
        hidden = Animation(None, *self.visual.size) if null_image else None
        kept = self._kept(plan)
        conditions = WindowConditions(self.visual, HostVideoEncoder(self.vae), plan, kept, hidden)
        variants = variants_seen(self.visual.hybrid, self.pinned) if shows_picture else ("source",)
        needed = conditions.keys(variants) | {self.clip_key(window) for window in self._seen_by_clip(plan)}
        for key in kept.keys() - needed:
            del kept[key]
        missing = len(needed - kept.keys())
        conditions.encode_all(variants, callback)
        self._encode_clip(plan, kept)
        if missing:
            logger.info("Conditions encoded for %d windows: %d.", len(plan.windows), missing)
        return conditions

    def _seen_by_clip(self, plan: WindowPlan) -> tuple[Window, ...]:
        return () if self.clip_vision is None else plan.windows

    def _encode_clip(self, plan: WindowPlan, kept: MutableMapping[str, Tensor]) -> None:
        """What CLIP sees of the first frame of each window, [1 n d]."""
        for window in self._seen_by_clip(plan):
            if (key := self.clip_key(window)) not in kept:
                frame = self.visual.frame(first_frame(window.start))
                seen = self.clip_vision.encode_image(frame[None])
                kept[key] = seen["penultimate_hidden_states"].float().cpu()

    def _kept(self, plan: WindowPlan) -> MutableMapping[str, Tensor]:
        """Those of a picture, and of few windows of a video, stay in memory."""
        if self.visual.hybrid is None or len(plan.windows) <= IN_MEMORY:
            return self.encoded
        return conditions_folder(self._name)

    @cached_property
    def _name(self) -> str:
        return digest(*parts([self.visual, self.vae], self.frame_digests))

    @property
    def clip_vision(self) -> Any:
        """The model that encodes the first frame of each window; None without one."""
        return None if self.edit is None else self.edit.clip_vision

    def clip_key(self, window: Window) -> str:
        """What is kept of another CLIP model is not this one's."""
        return f"clip-{self._clip_name}-{window.start}"

    @cached_property
    def _clip_name(self) -> str:
        return digest(*parts(self.clip_vision))


def with_payload(conditioning: list, payload: ConditioningPayload, key: str = KEY, **values: object) -> list:
    """The conditioning with a payload, and with values of the host's own that are not None."""
    given = {name: value for name, value in values.items() if value is not None}
    return with_sampler_guard(node_helpers.conditioning_set_values(conditioning, {key: payload, **given}))


def payload_of(conditioning: list, key: str = KEY) -> ConditioningPayload | None:
    return next((options[key] for _, options in conditioning if key in options), None)


def empty_latent(payload: ConditioningPayload) -> dict[str, Tensor]:
    """A LATENT of the payload's size and length."""
    width, height = payload.visual.size
    shape = (1, LATENT_CHANNELS, payload.timeline.latent_frames, height // SPATIAL, width // SPATIAL)
    return {"samples": torch.zeros(shape, device=comfy.model_management.intermediate_device())}
