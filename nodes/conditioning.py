"""A picture, or a video, and a voice to the conditioning of the sampler."""

from __future__ import annotations

from comfy_api.latest import io

from .host.editing import EditOptions
from .host.payload import empty_latent, with_payload
from .host.reporting import say
from .inputs import (
    BEFORE_FIT,
    clip_vision_input,
    fit_input,
    outputs,
    prompt_inputs,
    shared_inputs,
    size_inputs,
)
from .payloads import animation_payload, edit_payload
from .sockets import CONDITIONING, Region, Speakers

EDITING = ("model's own", "pinned")


def pinning_inputs() -> list[io.Input]:
    """How a video is edited with a model that was trained without masks."""
    return [
        io.Combo.Input(
            "editing", options=list(EDITING), default=EDITING[0], advanced=True, optional=True,
            tooltip="What keeps the rest of the video: model's own = the masks that the model was trained with, or, "
            "without such, pinning: the video is put back outside the mask at every step; pinned = always that.",
        ),
        io.Float.Input(
            "pinned_steps", default=1.0, min=0.0, max=1.0, step=0.05, advanced=True, optional=True,
            tooltip="With pinning: the share of the steps, from the first, in which the video is put back. In the "
            "others the model is free, and only the finished pixels are put back.",
        ),
        io.Float.Input(
            "denoise", default=1.0, min=0.05, max=1.0, step=0.05, advanced=True, optional=True,
            tooltip="With pinning: below 1, SkyReels Audio Sampler starts from the noised video, which keeps more of "
            "the person's own look, and of the old mouth.",
        ),
        io.ClipVision.Input(
            "clip_vision", optional=True,
            tooltip="From Load CLIP Vision, for Wan image-to-video models: encodes the first frame of each window, "
            "where clip_vision_output has one picture for all.",
        ),
    ]  # fmt: skip


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
            description="Re-dubs a video with any of the models but Wan2.2-S2V: regenerates only what the mask covers.",
            search_aliases=["lip sync", "dubbing", "video to video"],
            inputs=[
                *prompt_inputs(),
                io.MultiType.Input(
                    "tokens", [io.AudioEncoderOutput, Speakers],
                    tooltip="The voice, from Audio To Tokens with the encoder of the model; or speakers, from Speaker.",
                ),
                io.MultiType.Input(
                    "video", [io.Image, io.Video],
                    tooltip="The video to edit, at the frame rate of the tokens: frames, or a VIDEO, which is "
                    "streamed from its file, so that memory does not grow with its length.",
                ),
                io.MultiType.Input(
                    "mask", [io.Mask, Region],
                    tooltip="White = regenerate. One mask per frame or one for all, your own or from Face Mask; the "
                    "memory of its region does not grow with the length.",
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
                *pinning_inputs(),
            ],
            outputs=outputs(),
        )  # fmt: skip

    @classmethod
    def execute(
        cls, positive, negative, vae, tokens, video, mask, hybrid, width, height, length="shortest",
        clip_vision_output=None, editing=EDITING[0], pinned_steps=1.0, denoise=1.0, clip_vision=None,
    ) -> io.NodeOutput:  # fmt: skip
        options = EditOptions(tokens, editing != EDITING[0], pinned_steps, denoise, clip_vision)
        payload, lines = edit_payload(tokens, vae, video, mask, hybrid, width, height, length, options)
        return wired(payload, lines, positive, negative, clip_vision_output)


NODES = [ImageAnimation, VideoEditLipSync]
