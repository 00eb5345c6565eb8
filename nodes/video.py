"""Frames to the finished video: colours, what lies outside the mask, and the voice."""

from __future__ import annotations

from comfy_api.latest import InputImpl, Types, io

from ..skyreels_core.audio.reading import cut_voice
from ..skyreels_core.media.colour import PASSES, SMOOTHING_SECONDS, unify_clip
from ..skyreels_core.media.compositing import composite_clip
from ..skyreels_core.media.muxing import even, mono_or_stereo
from ..skyreels_core.media.reading import fit
from ..skyreels_core.media.writing import frame_rate
from ..skyreels_core.timeline import Timeline
from .host.progress import progress
from .host.reporting import say
from .sockets import VIDEO, from_audio, to_audio
from .tensors import to_frames, to_mask


def fps_input(tooltip: str) -> io.Float.Input:
    return io.Float.Input("fps", default=25.0, min=1.0, max=120.0, step=0.001, round=False, tooltip=tooltip)


class ColorUnify(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        return io.Schema(
            node_id="SkyReelsAudioColorUnify",
            display_name="Color Unify",
            category=VIDEO,
            description="Removes the slow colour drift of a long video, against a reference.",
            search_aliases=["color match", "color correction", "color drift"],
            inputs=[
                io.Image.Input("images", tooltip="The frames of one video, values 0..1."),
                io.Image.Input(
                    "reference",
                    tooltip="The colours to keep: the portrait, or the video's first frame or frames. Scaled and "
                    "cropped to the images' size, unless it has a mask of its own.",
                ),
                fps_input("Frames per second of the images, for the smoothing."),
                io.Float.Input(
                    "strength", default=1.0, min=0.0, max=1.0, step=0.05,
                    tooltip="Share of the drift to remove, 0..1; 0 = none.",
                ),
                io.Float.Input(
                    "smoothing", default=SMOOTHING_SECONDS, min=0.0, max=30.0, step=0.1,
                    tooltip="Seconds over which the correction is smoothed in time; 0 corrects each frame by itself "
                    "and may flicker.",
                ),
                io.Mask.Input(
                    "mask", optional=True,
                    tooltip="White = the area to measure, such as the face; one mask per image or one for all. "
                    "Without it, whole frames are compared position by position.",
                ),
                io.Mask.Input(
                    "reference_mask", optional=True,
                    tooltip="The same area in the reference. Without it, the reference is treated as the start "
                    "of the video and uses its masks.",
                ),
            ],
            outputs=[
                io.Image.Output(display_name="images", tooltip="The frames, corrected to the colours of the "
                "reference."),
                io.String.Output(
                    display_name="report",
                    tooltip="Drift over the clip before and after: lightness in % of the reference's, a and b in "
                    "units of CIELAB.",
                ),
            ],
        )  # fmt: skip

    @classmethod
    def execute(
        cls, images, reference, fps, strength=1.0, smoothing=SMOOTHING_SECONDS, mask=None, reference_mask=None
    ) -> io.NodeOutput:
        frames, reference, lines = to_frames(images), to_frames(reference), []
        mask, reference_mask = (None if m is None else to_mask(m) for m in (mask, reference_mask))
        if reference_mask is None and reference.shape[1:] != frames.shape[1:]:
            reference, done = fit(reference, frames.shape[2], frames.shape[1])
            lines = [f"Reference: {done}."]
        tick = progress(PASSES * len(frames))
        unified = unify_clip(frames, reference, fps, mask, reference_mask, strength, smoothing, tick)
        report = "\n".join([*lines, str(unified)])
        say(report)
        return io.NodeOutput(unified.frames, report)


class CompositeOutsideMask(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        return io.Schema(
            node_id="SkyReelsAudioComposite",
            display_name="Composite Outside Mask",
            category=VIDEO,
            description="Puts an edit back into its video: beyond the feathered mask every pixel stays as it was.",
            search_aliases=["paste back", "blend", "feather"],
            inputs=[
                # The first of its type is what a bypassed node passes on.
                io.Image.Input("generated", tooltip="The edit, scaled to the source's size. Sets the length."),
                io.Image.Input(
                    "source",
                    tooltip="The video that was edited. Sets the size. It is trimmed to the generated frames; "
                    "if it is shorter, its last frame is repeated.",
                ),
                io.Mask.Input(
                    "mask", tooltip="White = generated. The size of the source, one mask per frame or one for all."
                ),
                io.Int.Input(
                    "feather", default=-1, min=-1, max=512,
                    tooltip="Pixels of the source over which the edge is blended, outwards; 0 is a hard edge, -1 is "
                    "1/32 of the shorter side.",
                ),
            ],
            outputs=[
                io.Image.Output(display_name="images", tooltip="The source with the edit inside the mask."),
                io.String.Output(
                    display_name="report",
                    tooltip="What changed outside the mask: largest difference (0..1) and PSNR in dB.",
                ),
            ],
        )  # fmt: skip

    @classmethod
    def execute(cls, generated, source, mask, feather=-1) -> io.NodeOutput:
        source, generated = to_frames(source), to_frames(generated)
        pixels = None if feather < 0 else feather
        done = composite_clip(generated, source, to_mask(mask), pixels, progress(len(generated)))
        say(str(done))
        return io.NodeOutput(done.frames, str(done))


class CreateTalkingVideo(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        return io.Schema(
            node_id="SkyReelsAudioCreateVideo",
            display_name="Create Talking Video",
            category=VIDEO,
            description="Combines frames and voice into a video as long as the shorter of the two.",
            search_aliases=["images to video", "mux", "combine audio"],
            inputs=[
                io.Image.Input(
                    "images",
                    tooltip="The frames. The model generates 1 + 4k frames; those after the end of the voice "
                    "are trimmed.",
                ),
                io.Audio.Input(
                    "audio",
                    tooltip="The voice; from a batch, the first one. Trimmed if the frames end before it.",
                ),
                fps_input("Frames per second, as in Audio To Tokens."),
            ],
            outputs=[
                io.Video.Output(
                    display_name="video",
                    tooltip="For Save Video. An odd side is padded by one line, and more than two channels of sound "
                    "are mixed down to stereo.",
                ),
                io.Image.Output(display_name="images", tooltip="The frames that are in the video."),
            ],
        )

    @classmethod
    def execute(cls, images, audio, fps) -> io.NodeOutput:
        voice = to_audio(audio)
        spoken = Timeline.from_seconds(voice.seconds, fps).frames
        frames = to_frames(images)[:spoken]
        voice = mono_or_stereo(cut_voice(voice, Timeline(len(frames), fps)))
        components = Types.VideoComponents(
            images=even(frames), audio=from_audio(voice), frame_rate=frame_rate(fps)
        )
        return io.NodeOutput(InputImpl.VideoFromComponents(components), frames)


NODES = [ColorUnify, CompositeOutsideMask, CreateTalkingVideo]
