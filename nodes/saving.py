"""Latents and voice to a video file, in one pass: frames are decoded, finished and written a few at a time."""

from __future__ import annotations

from pathlib import Path

from comfy_api.latest import InputImpl, io

from ..skyreels_core.evaluation.drift_plot import draw_drift
from ..skyreels_core.evaluation.plots import to_image
from ..skyreels_core.media.encoding import CODECS, Encoding
from ..skyreels_core.media.writing import write_video
from ..skyreels_core.timeline import Timeline
from .cropped import finish_crops
from .finishing import Finished, Inputs, finish_latent, ticking
from .host.decoding import check_decoder
from .host.made import cropped_latents, forget_run, made_of
from .host.output import OutputFile, metadata, new_output
from .host.progress import progress
from .host.reporting import say
from .host.signing import origin_of, server_signer
from .sockets import VIDEO, Region, to_audio


class SaveTalkingVideo(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        return io.Schema(
            node_id="SkyReelsAudioSaveVideo",
            display_name="Save Talking Video",
            category=VIDEO,
            description="Decodes, finishes and saves a video of any length a few frames at a time, in the memory of a "
            "short one.",
            search_aliases=["vae decode", "save video", "export video", "long video", "stream"],
            inputs=[
                io.Latent.Input("latent", tooltip="The latent of one video, from the sampler."),
                io.Vae.Input("vae", tooltip="The VAE that the conditioning was encoded with: Wan 2.1's, or the "
                "demo's."),
                io.Audio.Input(
                    "audio", optional=True,
                    tooltip="The voice; from a batch, the first one. The video is as long as the shorter of "
                    "voice and latent. Without it, the voice that the latent was sampled with.",
                ),
                io.Float.Input(
                    "fps", default=0.0, min=0.0, max=120.0, step=0.001, round=False,
                    tooltip="Frames per second, as in Audio To Tokens; 0 = the rate that the latent was "
                    "sampled for.",
                ),
                io.String.Input(
                    "filename_prefix", default="video/skyreels",
                    tooltip="Name in the output folder, with folders before it; a number is added. %year%, %month%, "
                    "%day%, %width% and %height% are replaced.",
                ),
                io.Combo.Input(
                    "codec", options=list(CODECS), default="h264",
                    tooltip="h264 plays everywhere; h265, av1 and vp9 make smaller files. The first two come in .mp4, "
                    "the others in .webm.",
                ),
                io.Int.Input(
                    "quality", default=0, min=0, max=63,
                    tooltip="Constant rate factor: lower is better and larger; up to 51 for h264 and h265, 63 for av1 "
                    "and vp9. 0 takes the codec's default, 10 or 12.",
                ),
                io.Float.Input(
                    "colour_strength", default=1.0, min=0.0, max=1.0, step=0.05,
                    tooltip="Share of the colour drift to remove, 0..1; 0 = none.",
                ),
                io.Boolean.Input(
                    "lossless", default=False, advanced=True, optional=True,
                    tooltip="Every pixel exactly, as RGB: large, and few players show it. Not for av1.",
                ),
                io.Int.Input(
                    "feather", default=-1, min=-1, max=512, advanced=True, optional=True,
                    tooltip="Pixels of the source over which the mask's edge is blended, outwards; 0 is a hard edge, "
                    "-1 is 1/32 of the shorter side.",
                ),
                io.Image.Input(
                    "reference", optional=True,
                    tooltip="The colours to keep, such as the portrait. Without it, those of the source, or "
                    "else of the first frame; without audio or fps, those of the portrait that the latent was "
                    "sampled with.",
                ),
                io.MultiType.Input(
                    "source", [io.Image, io.Video], optional=True,
                    tooltip="In a lip-sync, the video that was edited: outside the mask every pixel is copied "
                    "from it. A VIDEO is streamed from its file. Without audio or fps, the one that the latent "
                    "was sampled with.",
                ),
                io.MultiType.Input(
                    "mask", [io.Mask, Region], optional=True,
                    tooltip="White = regenerated. The size of the source, one mask per frame or one for all; "
                    "or the region of Face Mask. Without audio or fps, the one that the latent was "
                    "sampled with.",
                ),
                io.Boolean.Input(
                    "sign", default=False, advanced=True, optional=True,
                    tooltip="Sign Content Credentials (C2PA) into the .mp4: made by a trained model, with hashes of "
                    "voice and picture. The server names the certificate and the key.",
                ),
            ],
            outputs=[
                io.Video.Output(display_name="video", tooltip="The saved file."),
                io.String.Output(
                    display_name="report",
                    tooltip="Length, size, trimmed frames, changes outside the mask, and visual consistency "
                    "over time.",
                ),
                io.Image.Output(
                    display_name="plot",
                    tooltip="Over the video's time: colours and likeness of each window against the reference, and "
                    "the change at each join.",
                ),
            ],
            hidden=[io.Hidden.prompt, io.Hidden.extra_pnginfo],
            is_output_node=True,
        )  # fmt: skip

    @classmethod
    def execute(
        cls, latent, vae, fps, filename_prefix, codec, quality, colour_strength, audio=None, lossless=False, feather=-1,
        reference=None, source=None, mask=None, sign=False,
    ) -> io.NodeOutput:  # fmt: skip
        encoding = Encoding(codec, quality or None, lossless)
        signer = server_signer(encoding.suffix) if sign else None
        check_decoder(vae, latent["samples"])
        given = Inputs(None if audio is None else to_audio(audio), fps or None, reference, source, mask)
        shots = cropped_latents(latent)
        finished = finish(latent, shots, vae, given, feather, colour_strength)
        output = new_output(filename_prefix, encoding.suffix, finished.size)
        runs = [made_of(each)[0] for each in shots or (latent,)]

        def signed(path: Path) -> None:
            signer.sign(path, origin_of(runs[0], finished.voice, finished.shown), output.name)

        frames = ticking(finished.frames, progress(finished.timeline.frames))
        write_video(
            output.path, frames, finished.timeline.fps, finished.voice, encoding, metadata=metadata(cls.hidden),
            sign=None if signer is None else signed,
        )  # fmt: skip
        for made in runs:
            forget_run(made)
        found = finished.continuity()
        report = "\n".join([file_line(output, finished.timeline), *finished.report(), str(found)])
        say(report)
        plot = to_image(draw_drift(found))
        return io.NodeOutput(InputImpl.VideoFromFile(str(output.path)), report, plot, ui=output.preview)


def finish(latent, shots, vae, given: Inputs, feather: int, strength: float) -> Finished:
    """What is made of a latent, or of those of the shots of a face crop."""
    if shots:
        return finish_crops(shots, vae, given, feather, strength)
    made, stale = made_of(latent)
    return finish_latent(latent, made, stale, vae, given, feather, strength)


def file_line(output: OutputFile, timeline: Timeline) -> str:
    size = output.path.stat().st_size
    return (
        f"{timeline.frames} frame{'s' * (timeline.frames != 1)} at {timeline.fps:g} fps, {timeline.seconds:.2f} s, in "
        f"{output.display_name}, {f'{size / 1e6:.1f} MB' if size >= 1e6 else f'{size / 1e3:.0f} kB'}."
    )


NODES = [SaveTalkingVideo]
