"""A picture and a voice to the conditioning of the sampler, for HuMo."""

from __future__ import annotations

from dataclasses import replace

from comfy_api.latest import io

from ....skyreels_core.conditioning.visual import Animation
from ....skyreels_core.families.humo.features import check_fps
from ...host.payload import empty_latent
from ...host.reference import reference_latent
from ...host.reporting import say
from ...inputs import BEFORE_FIT, fit_input, outputs, shared_inputs, size_inputs
from ...payloads import animation_payload
from ...sockets import CONDITIONING
from .voice import HumoVoice, features_of, with_voice


class HumoAnimation(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        positive, _, latent, report = outputs()
        return io.Schema(
            node_id="SkyReelsAudioHuMo",
            display_name="HuMo Animation",
            category=CONDITIONING,
            description="Animates a person with HuMo 1.7B or 17B, for as long as the voice lasts.",
            search_aliases=["humo", "talking head", "lip sync", "reference to video"],
            inputs=[
                *shared_inputs(),
                *size_inputs(),
                io.Image.Input(
                    "picture", optional=True, tooltip="The speaker, used as a reference and not as the first "
                    "frame; scaled to the size according to fit. Optional.",
                ),
                fit_input(),
            ],
            outputs=[
                positive,
                io.Conditioning.Output(display_name="negative", tooltip="With an empty reference, for the "
                "guidance."),
                latent,
                report,
            ],
        )  # fmt: skip

    @classmethod
    def execute(
        cls, positive, negative, vae, tokens, width, height, picture=None, fit=BEFORE_FIT
    ) -> io.NodeOutput:
        payload, lines = animation_payload(tokens, vae, picture, width, height, fit)
        check_fps(payload.timeline.fps)
        # the reference is no frame of the video, so that its colours say nothing of theirs
        unseen = replace(payload, visual=Animation(None, *payload.visual.size))
        voice = HumoVoice(features_of(tokens), payload.timeline, unseen)
        shown = payload.visual.picture if picture is None or fit == "pad" else picture[0]
        reference = reference_latent(vae, None if shown is None else shown[None], payload.visual.size)
        report = "\n".join(lines)
        say(report)
        return io.NodeOutput(*with_voice(positive, negative, voice, reference), empty_latent(payload), report)


NODES = [HumoAnimation]
