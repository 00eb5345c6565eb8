"""Long videos as the models of the MultiTalk family are published to make them: in passes instead of fused windows."""

from __future__ import annotations

from comfy_api.latest import io

from ...host.checks import check_one_video
from ...host.settings import of_fields
from ...inputs import guidance_inputs, seed_input, shift_input
from ...sockets import SAMPLING
from .key_frames import KeyFrameRun
from .motion_frames import MotionFrameRun


def pass_inputs() -> list[io.Input]:
    return [
        io.Conditioning.Input("positive", tooltip="From MultiTalk Animation."),
        io.Conditioning.Input("negative", tooltip="From the same node."),
        io.Latent.Input("latent", tooltip="From the same node."),
        seed_input("Random seed of the first pass; each later pass uses the next number."),
        io.Int.Input(
            "steps", default=0, min=0, max=1000,
            tooltip="Denoising steps of each pass; 0 = what the model recommends.",
        ),
        shift_input("what the model recommends"),
        *guidance_inputs("what the model recommends"),
        io.Float.Input(
            "color_match", default=1.0, min=0.0, max=1.0, step=0.05,
            tooltip="Share of each window's colour drift from the portrait to remove, 0..1.",
        ),
    ]  # fmt: skip


def pass_outputs() -> list[io.Output]:
    return [
        io.Image.Output(display_name="images", tooltip="The frames, as many as the voice has."),
        io.String.Output(display_name="report", tooltip="Settings used and time taken."),
    ]


class KeyFrames(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        return io.Schema(
            node_id="SkyReelsAudioKeyFrames",
            display_name="SkyReels-V3 Key-Frame Sampler",
            category=SAMPLING,
            description="Generates long videos with the published method of SkyReels-V3 A2V: a short pass "
            "gives key frames, then each window leads to the next key frame.",
            search_aliases=["skyreels v3", "long video", "key frames"],
            inputs=[
                io.Model.Input("model", tooltip="From Load SkyReels-V3 A2V."),
                *pass_inputs(),
                io.Conditioning.Input(
                    "connecting", optional=True,
                    tooltip="Prompt of the windows, from CLIP Text Encode; the published one is 'a person is "
                    "talking'. Without it, positive is used.",
                ),
            ],
            outputs=pass_outputs(),
        )  # fmt: skip

    @classmethod
    def execute(
        cls, model, positive, negative, latent, seed, steps, shift, audio_guidance, text_guidance, color_match,
        connecting=None,
    ) -> io.NodeOutput:  # fmt: skip
        check_one_video(latent, "Key-frame sampling")
        fields = of_fields(steps, shift, "", audio_guidance, text_guidance, seed=seed)
        run = KeyFrameRun(model, positive, negative, connecting, fields, color_match)
        return io.NodeOutput(*run.make(latent))


class MotionFrames(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        return io.Schema(
            node_id="SkyReelsAudioMotionFrames",
            display_name="Motion-Frame Sampler",
            category=SAMPLING,
            description="Generates long videos with the published method of InfiniteTalk and SoulX-FlashTalk: chunk "
            "after chunk, each from the last frames of the one before.",
            search_aliases=["infinitetalk", "flashtalk", "long video", "motion frames", "streaming"],
            inputs=[
                io.Model.Input(
                    "model", tooltip="From Apply InfiniteTalk, or from Load SkyReels-V3 A2V with the preset of "
                    "SoulX-FlashTalk.",
                ),
                *pass_inputs(),
                io.Int.Input(
                    "motion_frames", default=0, min=0, max=77, step=1, optional=True, advanced=True,
                    tooltip="Frames of each chunk that come from the one before, 4n + 1; 0 = as trained: 9 of 81 for "
                    "InfiniteTalk, 5 of 33 for SoulX-FlashTalk.",
                ),
            ],
            outputs=pass_outputs(),
        )  # fmt: skip

    @classmethod
    def execute(
        cls, model, positive, negative, latent, seed, steps, shift, audio_guidance, text_guidance, color_match,
        motion_frames=0,
    ) -> io.NodeOutput:  # fmt: skip
        check_one_video(latent, "Motion-frame sampling")
        fields = of_fields(steps, shift, "", audio_guidance, text_guidance, seed=seed)
        run = MotionFrameRun(model, positive, negative, fields, color_match, motion_frames)
        return io.NodeOutput(*run.make(latent))


NODES = [KeyFrames, MotionFrames]
