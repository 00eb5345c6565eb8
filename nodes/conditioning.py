"""A picture, or a video, and a voice to the conditioning of the sampler."""

from __future__ import annotations

from comfy_api.latest import io

from .host.payload import empty_latent, with_payload
from .host.reporting import say
from .inputs import BEFORE_FIT, clip_vision_input, fit_input, outputs, shared_inputs, size_inputs
from .payloads import animation_payload, edit_payload
from .sockets import CONDITIONING, Region


def wired(payload, lines: list[str], positive, negative, clip_vision_output) -> io.NodeOutput:
    say("\n".join(lines))
    values = {"clip_vision_output": clip_vision_output}
    conditionings = (with_payload(conditioning, payload, **values) for conditioning in (positive, negative))
    return io.NodeOutput(*conditionings, empty_latent(payload), "\n".join(lines))


class ImageAnimation(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        return io.Schema(
            node_id="SkyReelsAudioImageAnimation",
            display_name="Image Animation",
            category=CONDITIONING,
            description="Animates a portrait with a voice; without a picture, the prompt alone decides the content.",
            search_aliases=["talking head", "talking portrait", "image to video", "lip sync"],
            inputs=[
                *shared_inputs(),
                *size_inputs(),
                io.Image.Input(
                    "picture", optional=True, tooltip="The portrait, scaled to the size according to fit. Optional."
                ),
                clip_vision_input(),
                fit_input(),
            ],
            outputs=outputs(),
        )  # fmt: skip

    @classmethod
    def execute(
        cls, positive, negative, vae, tokens, width, height, picture=None, clip_vision_output=None,
        fit=BEFORE_FIT,
    ) -> io.NodeOutput:  # fmt: skip
        payload, lines = animation_payload(tokens, vae, picture, width, height, fit)
        return wired(payload, lines, positive, negative, clip_vision_output)


class VideoEditLipSync(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        return io.Schema(
            node_id="SkyReelsAudioVideoEdit",
            display_name="Video Edit Lip-Sync",
            category=CONDITIONING,
            description="Re-dubs a video: regenerates only what the mask covers.",
            search_aliases=["lip sync", "dubbing", "video to video"],
            inputs=[
                *shared_inputs(),
                io.MultiType.Input(
                    "video", [io.Image, io.Video],
                    tooltip="The video to edit, at the frame rate of the tokens: frames, or a VIDEO, which is "
                    "streamed from its file, so that memory does not grow with its length.",
                ),
                io.MultiType.Input(
                    "mask", [io.Mask, Region],
                    tooltip="White = regenerate. One mask per frame or one for all, your own or from Face Mask From "
                    "DWPose; the memory of its region does not grow with the length.",
                ),
                io.Float.Input(
                    "hybrid", default=0.2, min=0.0, max=1.0, step=0.05,
                    tooltip="Share of the steps, 0..1, that are conditioned on the whole masked video; the others "
                    "on its first frame. More keeps head and light closer to the video, less gives the mouth more "
                    "freedom.",
                ),
                io.Int.Input(
                    "width", default=0, min=0, max=4096, step=16,
                    tooltip="Pixels at which the model works, rounded to a multiple of 16; 0 = the video's.",
                ),
                io.Int.Input(
                    "height", default=0, min=0, max=4096, step=16,
                    tooltip="Pixels at which the model works, rounded to a multiple of 16; 0 = the video's.",
                ),
                io.Combo.Input(
                    "length", options=["shortest", "voice"], default="shortest", advanced=True, optional=True,
                    tooltip="Length of the result: that of the shorter of voice and video, or of the voice (the "
                    "last frame is repeated).",
                ),
                clip_vision_input(),
            ],
            outputs=outputs(),
        )  # fmt: skip

    @classmethod
    def execute(
        cls, positive, negative, vae, tokens, video, mask, hybrid, width, height, length="shortest",
        clip_vision_output=None,
    ) -> io.NodeOutput:  # fmt: skip
        payload, lines = edit_payload(tokens, vae, video, mask, hybrid, width, height, length)
        return wired(payload, lines, positive, negative, clip_vision_output)


NODES = [ImageAnimation, VideoEditLipSync]
