"""SkyReels-V3 A2V and InfiniteTalk: loaders, who speaks when and where, and a picture and voices to the
conditioning of the sampler."""

from __future__ import annotations

from dataclasses import replace

import folder_paths
from comfy_api.latest import io

from ....skyreels_core.conditioning.fitting import MODES
from ....skyreels_core.errors import InputError
from ....skyreels_core.families.multitalk import presets
from ....skyreels_core.families.multitalk.features import MultiTalkVoice, speaker_masks
from ....skyreels_core.model.wav2vec import load_wav2vec
from ...host.payload import empty_latent
from ...host.reporting import say
from ...host.wav2vec import Wav2VecAudioEncoder
from ...inputs import (
    BEFORE_FIT,
    clip_vision_input,
    fit_input,
    outputs,
    path_of,
    shared_inputs,
    size_inputs,
    weight_dtype_input,
)
from ...payloads import picture_payload
from ...sockets import AUDIO, CONDITIONING, LOADERS, Speakers
from ...tensors import to_mask
from .layers import apply_infinitetalk, load_v3, with_payload
from .speakers import SPEAKERS, Speaker, conversation, fitted_masks, needed_spoken, one_of, recording


class LoadV3(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        return io.Schema(
            node_id="SkyReelsAudioLoadV3",
            display_name="Load SkyReels-V3 A2V",
            category=LOADERS,
            description="Loads SkyReels-V3 A2V, or SoulX-FlashTalk, which has the same layout, from one file or its "
            "parts, as ComfyUI's own Wan model with audio layers.",
            search_aliases=["skyreels v3", "talking avatar", "a2v", "flashtalk", "soulx"],
            inputs=[
                io.Combo.Input(
                    "model_name",
                    options=folder_paths.get_filename_list("diffusion_models"),
                    tooltip="A SkyReels-V3 A2V or SoulX-FlashTalk file in models/diffusion_models, or any part of "
                    "one that is split.",
                ),
                io.Combo.Input(
                    "preset",
                    options=list(presets.V3),
                    tooltip="Steps, shift, guidance and solver for the sampler's fields that are left at 0 or empty. "
                    "It also says which of the two models the file is.",
                ),
                weight_dtype_input(),
            ],
            outputs=[io.Model.Output(display_name="model", tooltip="The video model with its audio layers.")],
        )

    @classmethod
    def execute(cls, model_name: str, preset: str, weight_dtype: str = "default") -> io.NodeOutput:
        path = path_of("diffusion_models", model_name)
        return io.NodeOutput(load_v3(path, presets.V3[preset], weight_dtype))


class ApplyInfiniteTalk(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        return io.Schema(
            node_id="SkyReelsAudioApplyInfiniteTalk",
            display_name="Apply InfiniteTalk",
            category=LOADERS,
            description="Adds InfiniteTalk or MultiTalk audio conditioning to any loaded Wan 2.1 image-to-video "
            "model, also with LoRA, in fp8 or from GGUF.",
            search_aliases=["infinitetalk", "multitalk", "talking head"],
            inputs=[
                io.Model.Input("model", tooltip="A Wan 2.1 image-to-video 14B model from any loader."),
                io.Combo.Input(
                    "model_patch",
                    options=folder_paths.get_filename_list("model_patches"),
                    tooltip="An InfiniteTalk or MultiTalk file in models/model_patches; the multi file for two "
                    "speakers.",
                ),
                io.Combo.Input(
                    "preset",
                    options=list(presets.INFINITETALK),
                    tooltip="Steps, shift and guidance for the sampler's fields that are left at 0 or empty.",
                ),
            ],
            outputs=[io.Model.Output(display_name="model", tooltip="The model with the audio layers on it.")],
        )

    @classmethod
    def execute(cls, model, model_patch: str, preset: str) -> io.NodeOutput:
        path = path_of("model_patches", model_patch)
        return io.NodeOutput(apply_infinitetalk(model, path, presets.INFINITETALK[preset]))


class LoadWav2Vec(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        return io.Schema(
            node_id="SkyReelsAudioLoadWav2Vec",
            display_name="Load Wav2Vec2 Encoder",
            category=LOADERS,
            description="Loads a wav2vec2 encoder for voices of any length, for SkyReels-V3 A2V and InfiniteTalk.",
            inputs=[
                io.Combo.Input(
                    "name",
                    options=folder_paths.get_filename_list("audio_encoders"),
                    tooltip="wav2vec2-chinese-base_fp16.safetensors in models/audio_encoders; for Wan2.2-S2V "
                    "wav2vec2_large_english_fp16.safetensors.",
                ),
            ],
            outputs=[io.AudioEncoder.Output(display_name="audio_encoder", tooltip="For Audio To Tokens.")],
        )

    @classmethod
    def execute(cls, name: str) -> io.NodeOutput:
        return io.NodeOutput(Wav2VecAudioEncoder(load_wav2vec(path_of("audio_encoders", name))))


class AddSpeaker(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        return io.Schema(
            node_id="SkyReelsAudioSpeaker",
            display_name="Speaker",
            category=AUDIO,
            description="Sets who speaks, when, and where in the picture. Chain two of these for a conversation.",
            inputs=[
                io.AudioEncoderOutput.Input("tokens", tooltip="The speaker's voice, from Audio To Tokens with "
                "a wav2vec2 encoder."),
                io.Float.Input(
                    "start", default=0.0, min=0.0, max=36000.0, step=0.01,
                    tooltip="Seconds into the video at which the voice starts; silence before and after it.",
                ),
                io.Mask.Input(
                    "mask", optional=True, tooltip="White = the speaker's area in the picture, or the face in each "
                    "frame of a video that is edited; needed with two speakers.",
                ),
                Speakers.Input("previous", optional=True, tooltip="The other speaker."),
            ],
            outputs=[Speakers.Output(display_name="speakers", tooltip="For MultiTalk Animation, or for Video Edit "
            "Lip-Sync instead of tokens.")],
        )  # fmt: skip

    @classmethod
    def execute(cls, tokens, start, mask=None, previous=()) -> io.NodeOutput:
        if len(previous) == SPEAKERS:
            raise InputError(f"These models support {SPEAKERS} speakers. Remove the third Speaker node.")
        boxes = None if mask is None else to_mask(mask)
        where = None if boxes is None else boxes[0]
        return io.NodeOutput((*previous, Speaker(needed_spoken(tokens), where, start, boxes)))


class MultiTalkAnimation(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        positive, negative, vae, tokens = shared_inputs()
        tokens.optional = True
        return io.Schema(
            node_id="SkyReelsAudioMultiTalk",
            display_name="MultiTalk Animation",
            category=CONDITIONING,
            description="Animates one or two people in a picture with SkyReels-V3 A2V or InfiniteTalk.",
            search_aliases=["infinitetalk", "multitalk", "skyreels v3", "talking head", "lip sync"],
            inputs=[
                positive,
                negative,
                vae,
                io.Image.Input("picture", tooltip="The picture of the speakers, scaled to the size according "
                "to fit."),
                *size_inputs(),
                tokens,
                Speakers.Input("speakers", optional=True, tooltip="From Speaker, instead of tokens."),
                clip_vision_input(),
                fit_input(),
            ],
            outputs=outputs(),
        )  # fmt: skip

    @classmethod
    def execute(
        cls,
        positive,
        negative,
        vae,
        picture,
        width,
        height,
        tokens=None,
        speakers=None,
        clip_vision_output=None,
        fit=BEFORE_FIT,
    ) -> io.NodeOutput:
        speakers = one_of(tokens, speakers)
        states, timeline = conversation(speakers)
        voice = MultiTalkVoice(states, timeline, audio=recording(speakers, timeline))
        payload, lines = picture_payload(voice, vae, picture, width, height, fit)
        if len(speakers) > 1:
            masks = fitted_masks(speakers, picture.shape[1:3], payload.visual.size, MODES[fit])
            payload = replace(payload, voice=replace(voice, masks=speaker_masks(masks)))
        if clip_vision_output is None:
            lines.append("No clip_vision_output is connected: these models were trained with it.")
        say(report := "\n".join(lines))
        conditionings = (with_payload(c, payload, clip_vision_output) for c in (positive, negative))
        return io.NodeOutput(*conditionings, empty_latent(payload), report)


NODES = [LoadV3, ApplyInfiniteTalk, LoadWav2Vec, AddSpeaker, MultiTalkAnimation]
