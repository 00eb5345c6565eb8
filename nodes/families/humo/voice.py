"""What the conditioning carries for HuMo: a reference as the host's own node makes it, and a voice of any length."""

from __future__ import annotations

from dataclasses import dataclass, field

import node_helpers
import torch
from torch import Tensor

from ....skyreels_core.audio.features import AudioFeatures, at_frame_times
from ....skyreels_core.errors import InputError
from ....skyreels_core.families.humo.features import FPS, check_encoder, humo_features, humo_window
from ....skyreels_core.timeline import Timeline, first_frame, frames_of, tokens_of
from ....skyreels_core.windows import Window
from ...host.payload import ConditioningPayload, payload_of
from ...host.progress import progress
from ...host.reference import AUDIO, REFERENCE, entry
from ...host.unsupported_samplers import with_sampler_guard
from ...host.whisper import EncodedAudio, needed_voice

KEY = "skyreels_audio_humo"


@dataclass(frozen=True, eq=False)
class HumoVoice(AudioFeatures):
    """Put into the conditioning by HuMo Animation."""

    features: Tensor  # [f 5 d], 25 a second
    timeline: Timeline
    payload: ConditioningPayload | None = field(default=None, compare=False)

    @property
    def width(self) -> int:
        return self.features.shape[-1]

    def features_for(self, window: Window) -> Tensor:
        """What the window's latent frames hear, [1 t 8 5 d]."""
        return humo_window(self.features, first_frame(window.start), window.length)[None]


@dataclass(frozen=True, eq=False)
class WholeVoice(AudioFeatures):
    """What the host's own WanHuMoImageToVideo makes: of one video, from which no window can be cut, as the first
    latent frame hears otherwise than the rest."""

    spans: Tensor  # [1 t 8 5 d]
    payload: None = None

    @property
    def timeline(self) -> Timeline:
        return Timeline(frames_of(self.spans.shape[1]), FPS)

    @property
    def width(self) -> int:
        return self.spans.shape[-1]

    def features_for(self, window: Window) -> Tensor:
        if window.length < len(self.spans[0]):
            raise InputError(
                f"The video has {len(self.spans[0])} latent frames, the windows have {window.length}, and "
                "WanHuMoImageToVideo makes conditioning for one window. Use HuMo Animation instead."
            )
        return self.spans


def features_of(encoded: EncodedAudio) -> Tensor:
    """[f 5 d], 25 a second."""
    config = encoded.encoder.speech.encoder.config
    check_encoder(config.encoder_layers, config.d_model)
    bar = progress(tokens_of(len(encoded.samples)))
    return encoded.once(
        "humo", lambda whisper, samples: humo_features(whisper, samples, lambda done, _: bar(done - 1))
    )


def voice_in(positive: list) -> HumoVoice | WholeVoice:
    if (voice := entry(positive, KEY) or edit_voice(positive)) is not None:
        return voice
    spans = entry(positive, AUDIO)
    if spans is None or not spans.any() or entry(positive, REFERENCE) is None:
        raise InputError("The positive conditioning has no voice for HuMo. Wire it through HuMo Animation.")
    return WholeVoice(spans)


def edit_voice(positive: list) -> HumoVoice | None:
    """Of Video Edit Lip-Sync."""
    payload = payload_of(positive)
    if payload is None or payload.edit is None:
        return None
    needed_voice(payload.edit.spoken)  # says which encoder to load
    features, timeline = features_of(payload.edit.spoken), payload.timeline
    if timeline.fps != FPS:
        features = at_frame_times(features, FPS, timeline)
    return HumoVoice(features, timeline, payload.for_model(False))


def with_voice(positive: list, negative: list, voice: HumoVoice, reference: Tensor) -> tuple[list, list]:
    """Both conditionings; the negative one gets an empty reference, as HuMo publishes it."""
    positive = with_sampler_guard(node_helpers.conditioning_set_values(positive, {KEY: voice}))
    empty = torch.zeros_like(reference)
    return tuple(
        node_helpers.conditioning_set_values(conditioning, {REFERENCE: [latent]}, append=True)
        for conditioning, latent in ((positive, reference), (negative, empty))
    )
