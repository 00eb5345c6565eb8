"""Long videos of SkyReels-V3 A2V by key frames, as it is published to make them."""

from __future__ import annotations

from comfy_api.latest import io

from ..skyreels_core.errors import InputError
from ..skyreels_core.sampling.guidance import GRAMMAR
from .host.key_frames import KeyFrameRun
from .host.settings import of_fields
from .sockets import SAMPLING


class KeyFrames(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        own = "what the model recommends"
        return io.Schema(
            node_id="SkyReelsAudioKeyFrames",
            display_name="SkyReels-V3 Key-Frame Sampler",
            category=SAMPLING,
            description="Long videos of SkyReels-V3 A2V as it is published to make them: a short pass gives key "
            "frames, then windows follow each other from one to the next.",
            search_aliases=["skyreels v3", "long video", "key frames"],
            inputs=[
                io.Model.Input("model", tooltip="From Load SkyReels-V3 A2V."),
                io.Conditioning.Input("positive", tooltip="From MultiTalk Animation."),
                io.Conditioning.Input("negative", tooltip="From the same node."),
                io.Latent.Input("latent", tooltip="From the same node."),
                io.Int.Input(
                    "seed", default=0, min=0, max=2**64 - 1, control_after_generate=True,
                    tooltip="Random seed of the first pass; each later pass uses the next number.",
                ),
                io.Int.Input("steps", default=0, min=0, max=1000, tooltip=f"Of each pass; 0: {own}."),
                io.Float.Input(
                    "shift", default=0.0, min=0.0, max=100.0, step=0.1,
                    tooltip="Flow-matching timestep shift: higher stays longer at high noise; 0 = that of "
                    f"ModelSamplingSD3 before this node, or {own}.",
                ),
                io.String.Input(
                    "audio_guidance", default="", placeholder="model's own",
                    tooltip=f"Audio CFG scale over the steps; empty = {own}. {GRAMMAR}",
                ),
                io.String.Input(
                    "text_guidance", default="", placeholder="model's own",
                    tooltip=f"Text CFG scale over the steps; empty = {own}. {GRAMMAR}",
                ),
                io.Float.Input(
                    "color_match", default=1.0, min=0.0, max=1.0, step=0.05,
                    tooltip="Share of each window's colour drift from the portrait to remove, 0..1.",
                ),
                io.Conditioning.Input(
                    "connecting", optional=True,
                    tooltip="Text of the windows, from CLIP Text Encode; published is 'a person is talking'. Without "
                    "it, positive.",
                ),
            ],
            outputs=[
                io.Image.Output(display_name="images", tooltip="The frames, as many as the voice has."),
                io.String.Output(display_name="report", tooltip="Settings used and time taken."),
            ],
        )  # fmt: skip

    @classmethod
    def execute(
        cls, model, positive, negative, latent, seed, steps, shift, audio_guidance, text_guidance, color_match,
        connecting=None,
    ) -> io.NodeOutput:  # fmt: skip
        if len(latent["samples"]) > 1:
            raise InputError("Key frames make one video at a time. Give a latent with a batch of 1.")
        fields = of_fields(steps, shift, "", audio_guidance, text_guidance, seed=seed)
        run = KeyFrameRun(model, positive, negative, connecting, fields, color_match)
        return io.NodeOutput(*run.make(latent))


NODES = [KeyFrames]
