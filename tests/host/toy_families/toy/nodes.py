"""Its loader, and a picture and a voice to what the sampler is given."""

from __future__ import annotations

from comfy_api.latest import io

from ...host.payload import empty_latent, with_payload
from ...inputs import fit_input, outputs, shared_inputs, size_inputs
from ...payloads import picture_payload
from ...sockets import CONDITIONING, LOADERS
from .layers import KEY, add_layers, loudness_of


class ApplyToy(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        return io.Schema(
            node_id="SkyReelsAudioApplyToy",
            display_name="Apply Toy",
            category=LOADERS,
            description="Adds the toy's audio conditioning to a Wan 2.1 model.",
            inputs=[io.Model.Input("model", tooltip="A Wan 2.1 model without audio layers.")],
            outputs=[io.Model.Output(display_name="model", tooltip="The model with the toy's layers.")],
        )

    @classmethod
    def execute(cls, model) -> io.NodeOutput:
        return io.NodeOutput(add_layers(model))


class ToyAnimation(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        return io.Schema(
            node_id="SkyReelsAudioToy",
            display_name="Toy Animation",
            category=CONDITIONING,
            description="Animates a portrait with the toy.",
            inputs=[
                *shared_inputs(),
                *size_inputs(),
                io.Image.Input("picture", tooltip="The portrait; from a batch, the first one."),
                fit_input(),
            ],
            outputs=outputs(),
        )

    @classmethod
    def execute(cls, positive, negative, vae, tokens, width, height, picture, fit="crop") -> io.NodeOutput:
        voice = loudness_of(tokens.samples, tokens.timeline, tokens.audio)
        payload, lines = picture_payload(voice, vae, picture, width, height, fit)
        positive, negative = (
            with_payload(conditioning, payload, KEY) for conditioning in (positive, negative)
        )
        return io.NodeOutput(positive, negative, empty_latent(payload), "\n".join(lines))


NODES = [ApplyToy, ToyAnimation]
