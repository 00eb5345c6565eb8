"""Models, encoders and the demo that comes with the pack."""

from __future__ import annotations

import json

import folder_paths
import torch
from comfy_api.latest import io

from ..skyreels_core import assets
from ..skyreels_core.media.reading import read_picture, read_video
from ..skyreels_core.media.sound import read_audio
from ..skyreels_core.model.whisper import load_whisper
from .families.skyreels_audio.loading import apply_audio_layers, load_demo, load_voiced_model
from .host.preview import fit_preview_colours
from .host.whisper import WhisperAudioEncoder
from .inputs import path_of, weight_dtype_input
from .sockets import LOADERS, PoseKeypoint, from_audio

VOICES = {
    "voice 1": assets.voice(1), "voice 2": assets.voice(2), "long voice": assets.voice("long"),
    "Ruby": assets.people_voice("Ruby"), "Omar": assets.people_voice("Omar"),
}  # fmt: skip
DRAWN = "drawn faces"


class LoadDemo(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        return io.Schema(
            node_id="SkyReelsAudioLoadDemo",
            display_name="Load SkyReels-Audio Demo",
            category=LOADERS,
            description="The small bundled model of drawn faces: no download, runs on a CPU.",
            search_aliases=["talking portrait", "lip sync", "skyreels"],
            inputs=[],
            outputs=[
                io.Model.Output(display_name="model", tooltip="Video model with its audio layers, 96x96 px."),
                io.Clip.Output(display_name="clip", tooltip="Its text encoder, for CLIP Text Encode."),
                io.Vae.Output(display_name="vae", tooltip="Its video VAE: 8x8 px and 4 frames per latent."),
                io.AudioEncoder.Output(
                    display_name="audio_encoder", tooltip="Its Whisper encoder, for Audio To Tokens."
                ),
            ],
        )

    @classmethod
    def execute(cls) -> io.NodeOutput:
        model, clip, vae, audio_encoder = load_demo(assets.model())
        faces = torch.cat(
            [read_picture(assets.portrait())[None], read_video(assets.video(), 1.0).frames[::12]]
        )
        fit_preview_colours(model, vae, faces)
        return io.NodeOutput(model, clip, vae, audio_encoder)


class DemoInputs(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        return io.Schema(
            node_id="SkyReelsAudioDemoInputs",
            display_name="SkyReels-Audio Demo Inputs",
            category=LOADERS,
            description="A portrait, a short video and voices to try a model with: drawn faces for the demo model, "
            "rendered people for the others. For your own files, use Load Image, Load Video and Load Audio.",
            inputs=[
                io.Combo.Input(
                    "voice",
                    options=list(VOICES),
                    tooltip="The recording: 4.9, 3.8, 10.8, 4.0 or 3.8 seconds long.",
                ),
                io.Combo.Input(
                    "people",
                    options=[DRAWN, *assets.people()],
                    default=DRAWN,
                    optional=True,
                    tooltip="Who is shown: drawn faces of 96x96 px, as the demo model needs them, or rendered people: "
                    "Ruby or Omar, 512x512 px, or two in a call, 832x480 px.",
                ),
            ],
            outputs=[
                io.Image.Output(display_name="portrait", tooltip="The face, or both faces."),
                io.String.Output(display_name="caption", tooltip="A prompt that describes the portrait."),
                io.Audio.Output(display_name="voice", tooltip="The chosen voice."),
                io.Image.Output(
                    display_name="video",
                    tooltip="A talking face, 4.4 or 3.4 s; both faces of the call, 4.1 s.",
                ),
                io.Float.Output(display_name="fps", tooltip="Frames per second of the video."),
                PoseKeypoint.Output(
                    display_name="keypoints",
                    tooltip="The landmarks of the faces in the video, one set per frame.",
                ),
            ],
        )

    @classmethod
    def execute(cls, voice: str, people: str = DRAWN) -> io.NodeOutput:
        shown = assets.drawn_face() if people == DRAWN else assets.people()[people]
        video = read_video(shown.video)
        still = shown.portrait == shown.video
        return io.NodeOutput(
            video.frames[:1] if still else read_picture(shown.portrait)[None],
            shown.caption,
            from_audio(read_audio(VOICES[voice])),
            video.frames,
            video.fps,
            json.loads(shown.keypoints.read_text(encoding="utf-8")),
        )


class LoadModel(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        return io.Schema(
            node_id="SkyReelsAudioLoadModel",
            display_name="Load SkyReels-Audio Model",
            category=LOADERS,
            description="Loads a video model and its audio layers from one file.",
            inputs=[
                io.Combo.Input(
                    "model_name",
                    options=folder_paths.get_filename_list("diffusion_models"),
                    tooltip="A SkyReels-Audio file in models/diffusion_models. For a plain Wan 2.1 or SkyReels-V2 "
                    "file use Load Diffusion Model and Apply SkyReels Audio Layers.",
                ),
                weight_dtype_input(),
            ],
            outputs=[io.Model.Output(display_name="model", tooltip="The video model with its audio layers.")],
        )

    @classmethod
    def execute(cls, model_name: str, weight_dtype: str = "default") -> io.NodeOutput:
        return io.NodeOutput(load_voiced_model(path_of("diffusion_models", model_name), weight_dtype))


class ApplyLayers(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        return io.Schema(
            node_id="SkyReelsAudioApplyLayers",
            display_name="Apply SkyReels Audio Layers",
            category=LOADERS,
            description="Adds audio conditioning to any loaded Wan 2.1 or SkyReels-V2 model, also with LoRA, in fp8 "
            "or from GGUF.",
            inputs=[
                io.Model.Input("model", tooltip="A Wan 2.1 or SkyReels-V2 model from any loader."),
                io.Combo.Input(
                    "audio_layers",
                    options=folder_paths.get_filename_list("model_patches"),
                    tooltip="The audio layers that were trained on this model, a file in models/model_patches.",
                ),
            ],
            outputs=[io.Model.Output(display_name="model", tooltip="The model with the audio layers on it.")],
        )

    @classmethod
    def execute(cls, model, audio_layers: str) -> io.NodeOutput:
        return io.NodeOutput(apply_audio_layers(model, path_of("model_patches", audio_layers)))


class LoadWhisper(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        return io.Schema(
            node_id="SkyReelsAudioLoadWhisper",
            display_name="Load Whisper Encoder",
            category=LOADERS,
            description="Loads a Whisper encoder of any size, for voices of any length.",
            inputs=[
                io.Combo.Input(
                    "name",
                    options=folder_paths.get_filename_list("audio_encoders"),
                    tooltip="A Whisper file (.safetensors) in models/audio_encoders, of the size that the model was "
                    "trained with.",
                ),
            ],
            outputs=[io.AudioEncoder.Output(display_name="audio_encoder", tooltip="For Audio To Tokens.")],
        )

    @classmethod
    def execute(cls, name: str) -> io.NodeOutput:
        return io.NodeOutput(WhisperAudioEncoder(load_whisper(path_of("audio_encoders", name))))


NODES = [LoadDemo, DemoInputs, LoadModel, ApplyLayers, LoadWhisper]
