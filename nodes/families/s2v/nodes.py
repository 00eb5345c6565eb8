"""A picture and a voice to the conditioning of the sampler, for Wan2.2-S2V, and long videos as it is published."""

from __future__ import annotations

from dataclasses import replace

from comfy_api.latest import io

from ....skyreels_core.conditioning.visual import Animation
from ....skyreels_core.errors import InputError
from ....skyreels_core.families.s2v.chunks import CHUNK
from ....skyreels_core.families.s2v.features import check_fps, s2v_features
from ...host.checks import check_one_video
from ...host.payload import empty_latent
from ...host.reference import reference_latent
from ...host.reporting import say
from ...host.settings import of_fields
from ...host.wav2vec import SpokenAudio
from ...inputs import (
    BEFORE_FIT,
    fit_input,
    guidance_inputs,
    outputs,
    seed_input,
    shared_inputs,
    shift_input,
    size_inputs,
)
from ...payloads import picture_payload
from ...sockets import CONDITIONING, SAMPLING
from .conditions import S2VVoice, pose_of, with_voice
from .motion_latents import MotionLatentRun


class S2VAnimation(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        return io.Schema(
            node_id="SkyReelsAudioS2V",
            display_name="S2V Animation",
            category=CONDITIONING,
            description="Animates a picture with Wan2.2-S2V 14B, for as long as the voice lasts.",
            search_aliases=["wan 2.2 s2v", "sound to video", "speech to video", "talking head", "lip sync"],
            inputs=[
                *shared_inputs(),
                *size_inputs(),
                io.Image.Input(
                    "picture", optional=True, tooltip="The speaker, used as a reference; scaled to the size according "
                    "to fit. Optional.",
                ),
                io.Image.Input(
                    "pose_video", optional=True, tooltip="Frames of drawn poses, 16 a second, that the video follows; "
                    "scaled and cropped to the size. Optional.",
                ),
                fit_input(),
            ],
            outputs=outputs(),
        )  # fmt: skip

    @classmethod
    def execute(
        cls, positive, negative, vae, tokens, width, height, picture=None, pose_video=None, fit=BEFORE_FIT
    ) -> io.NodeOutput:
        voice = voice_of(tokens)
        payload, lines = picture_payload(voice, vae, picture, width, height, fit)
        # the reference is no frame of the video, so that its colours say nothing of theirs
        unseen = replace(payload, visual=Animation(None, *payload.visual.size))
        shown = payload.visual.picture if picture is None or fit == "pad" else picture[0]
        reference = reference_latent(vae, None if shown is None else shown[None], payload.visual.size)
        pose = None if pose_video is None else pose_of(pose_video, vae, payload.visual.size)
        voice = replace(voice, payload=unseen, pose=pose)
        say(report := "\n".join(lines))
        return io.NodeOutput(*with_voice(positive, negative, voice, reference), empty_latent(payload), report)


class MotionLatents(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        own = "what the model recommends"
        return io.Schema(
            node_id="SkyReelsAudioS2VSampler",
            display_name="S2V Motion-Latent Sampler",
            category=SAMPLING,
            description="Generates long videos with the published method of Wan2.2-S2V: chunk after chunk, each shown "
            "the latents before it.",
            search_aliases=["wan 2.2 s2v", "long video", "extend", "motion frames"],
            inputs=[
                io.Model.Input("model", tooltip="A Wan2.2-S2V model, from Load Diffusion Model."),
                io.Conditioning.Input("positive", tooltip="From S2V Animation."),
                io.Conditioning.Input("negative", tooltip="From the same node."),
                io.Latent.Input("latent", tooltip="From the same node."),
                seed_input("Random seed of the first chunk; each later chunk uses the next number."),
                io.Int.Input(
                    "steps", default=0, min=0, max=1000, tooltip=f"Denoising steps of each chunk; 0 = {own}.",
                ),
                shift_input(own),
                *guidance_inputs(own),
                io.Int.Input(
                    "chunk", default=CHUNK, min=19, max=200, optional=True, advanced=True,
                    tooltip="Latent frames of each chunk, 4 frames each; the model was trained with 20.",
                ),
            ],
            outputs=[
                io.Latent.Output(display_name="latent", tooltip="The latent of the whole video, for VAE Decode."),
                io.String.Output(display_name="report", tooltip="Settings used and time taken."),
            ],
        )  # fmt: skip

    @classmethod
    def execute(
        cls, model, positive, negative, latent, seed, steps, shift, audio_guidance, text_guidance, chunk=CHUNK
    ) -> io.NodeOutput:
        check_one_video(latent, "Motion-latent sampling")
        fields = of_fields(steps, shift, "", audio_guidance, text_guidance, seed=seed)
        return io.NodeOutput(*MotionLatentRun(model, positive, negative, fields, chunk).make(latent))


def voice_of(tokens) -> S2VVoice:
    if not isinstance(tokens, SpokenAudio) or tokens.timeline is None:
        raise InputError(
            "These tokens are not from a wav2vec2 encoder, which Wan2.2-S2V needs. Give Audio To Tokens the encoder of "
            "Load Wav2Vec2 Encoder: wav2vec2_large_english_fp16.safetensors in models/audio_encoders."
        )
    check_fps(tokens.timeline.fps)
    latent_frames = tokens.timeline.latent_frames
    features = tokens.once(
        f"s2v {latent_frames}", lambda speech, samples: s2v_features(speech, samples, latent_frames)
    )
    return S2VVoice(features, tokens.timeline, audio=tokens.audio)


NODES = [S2VAnimation, MotionLatents]
