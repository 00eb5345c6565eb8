"""Faces that are small in the frame: a box around them for each shot, and the shots as one latent."""

from __future__ import annotations

from comfy_api.latest import io

from ..skyreels_core.audio.reading import span_of
from ..skyreels_core.conditioning.crop import SHAPES, Shot, crop_size, face_crops
from ..skyreels_core.errors import InputError
from ..skyreels_core.media.cropping import CroppedFrames, CroppedRegion
from ..skyreels_core.media.footage import following
from ..skyreels_core.media.region import check_edit
from ..skyreels_core.media.sound import Audio
from ..skyreels_core.timeline import Timeline
from .host.crop_video import CropVideo
from .host.footage import ask_to_go_on, footage_of
from .host.made import join
from .host.reporting import say
from .sockets import MASKS, Region, from_audio, to_audio
from .tensors import to_region


class FaceCrop(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        return io.Schema(
            node_id="SkyReelsAudioFaceCrop",
            display_name="Face Crop",
            category=MASKS,
            description="Cuts a steady box around the face out of each shot of a video, for faces that are small in "
            "the frame. Save Talking Video puts what was generated back into the whole frame.",
            search_aliases=["crop face", "zoom", "small face", "uncrop"],
            inputs=[
                io.MultiType.Input(
                    "video", [io.Image, io.Video],
                    tooltip="The video to edit: its frames, or a VIDEO, which is streamed from its file.",
                ),
                io.MultiType.Input(
                    "mask", [io.Mask, Region],
                    tooltip="White = regenerate: the region of Face Mask, or any mask of the mouth. The "
                    "box is placed around it.",
                ),
                io.Audio.Input(
                    "audio", optional=True,
                    tooltip="The new voice of the whole video. Each shot gets its own span of it.",
                ),
                io.Float.Input(
                    "fps", default=25.0, min=1.0, max=120.0, step=0.001, round=False,
                    tooltip="Frames per second of the frames; a VIDEO has its own.",
                ),
                io.Combo.Input(
                    "shape", options=list(SHAPES), default="square",
                    tooltip="Shape of the box: a square, or a portrait of 4:5.",
                ),
                io.Int.Input(
                    "size", default=640, min=32, max=2048, step=16,
                    tooltip="Pixels of a square's side, to which the box is scaled for the model; 4:5 has the same "
                    "area. 480 to 640 suits models trained at 480p.",
                ),
            ],
            outputs=[
                io.Video.Output(
                    display_name="video", is_output_list=True,
                    tooltip="The box of each shot with a face, for Video Edit Lip-Sync; the graph after it runs once "
                    "for each shot.",
                ),
                Region.Output(display_name="mask", is_output_list=True, tooltip="The mask of each box."),
                io.Audio.Output(
                    display_name="audio", is_output_list=True, tooltip="The span of the voice of each shot."
                ),
                io.String.Output(
                    display_name="report",
                    tooltip="Each shot: its frames, and where its box is, or that it has no face.",
                ),
            ],
        )  # fmt: skip

    @classmethod
    def execute(cls, video, mask, fps=25.0, shape="square", size=640, audio=None) -> io.NodeOutput:
        source = footage_of(video)
        region, fps = following(to_region(mask), source), getattr(source, "fps", fps)
        check_edit(source, region)
        shots = face_crops(source, region, fps, crop_size(shape, size, size), ask_to_go_on)
        voice = None if audio is None else to_audio(audio)
        report = "\n".join(map(str, shots))
        say(report)
        faces = [shot for shot in _spoken(shots, voice, fps) if shot.path is not None]
        videos = [CropVideo(CroppedFrames(source, shot.first, shot.path, fps, voice)) for shot in faces]
        regions = [CroppedRegion(region, shot.first, shot.path) for shot in faces]
        return io.NodeOutput(videos, regions, [_voice_of(shot, voice, fps) for shot in faces], report)


def _spoken(shots: tuple[Shot, ...], voice: Audio | None, fps: float) -> list[Shot]:
    """Those that begin before the voice ends. Raises InputError where no face is among them."""
    end = None if voice is None else Timeline.from_seconds(voice.seconds, fps).frames
    spoken = [shot for shot in shots if end is None or shot.first < end]
    if all(shot.path is None for shot in spoken):
        raise InputError(
            f"The voice ends after {voice.seconds:.1f} s, before the first shot with a face. Give a voice that is as "
            "long as the video, with silence where nobody speaks."
        )
    return spoken


def _voice_of(shot: Shot, voice: Audio | None, fps: float):
    if voice is None:
        return None
    end = min(shot.last, Timeline.from_seconds(voice.seconds, fps).frames)
    return from_audio(span_of(voice, shot.first, Timeline(end - shot.first, fps)))


class JoinShots(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        return io.Schema(
            node_id="SkyReelsAudioJoinShots",
            display_name="Join Shots",
            category=MASKS,
            description="Joins the latents of the shots of Face Crop, so that Save Talking Video writes one video.",
            search_aliases=["face crop", "combine latents", "shots"],
            is_input_list=True,
            inputs=[
                io.Latent.Input(
                    "latent", tooltip="From the sampler, unchanged: one latent for each shot of one Face Crop."
                )
            ],
            outputs=[
                io.Latent.Output(
                    display_name="latent",
                    tooltip="All shots in one latent, for Save Talking Video. VAE Decode would blend the shots into "
                    "each other.",
                )
            ],
        )  # fmt: skip

    @classmethod
    def execute(cls, latent) -> io.NodeOutput:
        return io.NodeOutput(join(latent))


NODES = [FaceCrop, JoinShots]
