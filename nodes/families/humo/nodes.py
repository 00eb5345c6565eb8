"""A picture and a voice to the conditioning of the sampler, for HuMo."""

from __future__ import annotations

from dataclasses import replace

from comfy_api.latest import io

from ....skyreels_core.conditioning.shots import Animation
from ....skyreels_core.families.humo.features import check_fps
from ...host.reporting import say
from ...host.scene import empty_latent
from ...inputs import BEFORE_FIT, fit_input, outputs, shared_inputs, size_inputs
from ...scenes import animation_scene
from ...sockets import CONDITIONING
from .voice import HumoVoice, features_of, reference_latent, with_voice


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
        scene, lines = animation_scene(tokens, vae, picture, width, height, fit)
        check_fps(scene.timeline.fps)
        # the reference is no frame of the video, so that its colours say nothing of theirs
        unseen = replace(scene, shot=Animation(None, *scene.shot.size))
        voice = HumoVoice(features_of(tokens), scene.timeline, unseen)
        shown = scene.shot.picture if picture is None or fit == "pad" else picture[0]
        reference = reference_latent(vae, None if shown is None else shown[None], scene.shot.size)
        report = "\n".join(lines)
        say(report)
        return io.NodeOutput(*with_voice(positive, negative, voice, reference), empty_latent(scene), report)


NODES = [HumoAnimation]
