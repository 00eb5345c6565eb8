"""Prompts that change over time."""

from __future__ import annotations

from comfy_api.latest import io

from ..skyreels_core.conditioning.prompts import GRAMMAR, PromptSchedule
from .host.prompts import encode_texts
from .sockets import CONDITIONING


class PromptScheduleNode(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        return io.Schema(
            node_id="SkyReelsAudioPromptSchedule",
            display_name="Prompt Schedule",
            category=CONDITIONING,
            description="Prompts that change over time: each window uses the prompt at its middle.",
            search_aliases=["prompt travel", "text over time", "timed prompts"],
            inputs=[
                io.Clip.Input("clip", tooltip="The model's text encoder."),
                io.String.Input(
                    "text", multiline=True, dynamic_prompts=True, default="0 a person smiles\n5 a person frowns",
                    tooltip=f"Prompts over time. {GRAMMAR}",
                ),
            ],
            outputs=[
                io.Conditioning.Output(
                    display_name="conditioning",
                    tooltip="For positive of Image Animation, Video Edit Lip-Sync, HuMo Animation or MultiTalk "
                    "Animation. Other samplers use only the first prompt.",
                )
            ],
        )  # fmt: skip

    @classmethod
    def execute(cls, clip, text: str) -> io.NodeOutput:
        return io.NodeOutput(encode_texts(clip, PromptSchedule.parse(text)))


NODES = [PromptScheduleNode]
