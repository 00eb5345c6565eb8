"""A model that makes videos."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import torch
from typing_extensions import Unpack

from ..conditioning.crop import CropShape
from ..conditioning.fitting import Length, Shape
from ..conditioning.prompts import PromptSchedule
from ..errors import InputError
from ..media.footage import Footage
from ..media.region import checked_region
from ..media.sound import Audio
from ..model.bundle import Bundle
from ..model.execution import Execution
from ..pipeline.animate import animate
from ..pipeline.dealt import Workers
from ..pipeline.edit import edit
from ..pipeline.face_crop import edit_faces
from ..pipeline.planning import facts_of, plan_animation, plan_edit
from ..pipeline.run import Progress
from ..run.plan import ModelFacts, RunPlan
from ..run.resume import WorkFolder
from ..run.settings import Settings
from .devices import chosen_devices
from .inputs import (
    FaceMask,
    File,
    LoraFile,
    as_audio,
    as_footage,
    as_loras,
    as_mask,
    as_path,
    as_picture,
    as_prompt,
    naming_of,
    path_of,
)
from .options import Options, settings_of, value_of
from .origin import of_animation, of_edit
from .running import Control, check_plan
from .video import Cancel, Video
from .weights import FILES, ModelFiles, find_model


def load(
    model: File | None = None,
    *,
    backbone: File | None = None,
    audio_layers: File | None = None,
    vae: File | None = None,
    text_encoder: File | None = None,
    whisper: File | None = None,
    clip_vision: File | None = None,
    lora: LoraFile | Sequence[LoraFile] | None = None,
    device: str | torch.device | None = None,
    dtype: str | torch.dtype | None = None,
    devices: str | Sequence[str | int] | None = None,
    worker_timeout: float | None = None,
    sequence_parallel: str | int | None = None,
    sequence_engine: str | None = None,
    compile: bool = False,
    attention: str = "auto",
    weights_dtype: str | None = None,
    offload: str = "none",
) -> Model:
    """Load a model: the bundled demo of drawn faces, a folder with all parts, or single files.

    Args:
        model: a folder with model.safetensors, vae.safetensors, text_encoder.safetensors, whisper.safetensors and,
            where the backbone reads it, clip_vision/. Without it and without files: the demo.
        backbone, vae, text_encoder, whisper: instead of a folder, all four files: a Wan 2.1 or SkyReels-V2 video model
            with audio layers, a Wan 2.1 VAE, UMT5, and a Whisper encoder.
        audio_layers: a file with audio layers, where the backbone has none.
        clip_vision: a CLIP vision folder, for image-to-video backbones that read it.
        lora: LoRA files to add to the backbone's weights: a file, "style.safetensors:0.8", (file, 0.8), or a list.
        device: such as "cuda" or "cpu"; None is the GPU, if there is one.
        dtype: "float32", "bfloat16" or "float16"; None is bfloat16 on a GPU, else float32.
        devices: instead of device, several that share the forward passes: "0,1", or ["cuda:0", "cuda:1"]. A process
            for each loads the model; `Model.close` ends them.
        worker_timeout: seconds that such a process may take to load, or for one forward pass, before the run ends with
            an error; None is 600.
        sequence_parallel: how many of the devices may also share one forward pass: 2, or "2x2" for Ulysses and ring.
        sequence_engine: what splits it: "own", "diffusers" or "xfuser"; None is "own".
        compile: True: compile the blocks (torch.compile) when they are first called; where that is not possible, the
            log says why, and the model runs uncompiled.
        attention: "auto" is PyTorch's own choice; "cudnn", "flash" (FlashAttention 3 or 2) or "sage" (SageAttention),
            where their packages are installed, or "math". Each is first compared with math.
        weights_dtype: "fp8" keeps the weights of the blocks in 8 bits; None: as in the file.
        offload: "group": the weights of the blocks wait in system memory, two blocks at a time are on the GPU.

    Raises InputError for files that are missing, damaged or something else, and for a device or an attention that
    cannot be used.
    """
    given = dict(zip(FILES, (backbone, audio_layers, vae, text_encoder, whisper, clip_vision), strict=True))
    files = {part: as_path(file, part) for part, file in given.items() if file is not None}
    chosen = chosen_devices(devices, worker_timeout, sequence_parallel, sequence_engine)
    execution = Execution(compile, attention, weights_dtype, offload)
    loras = as_loras(lora)
    return open_model(find_model(path_of(model, "model"), files, device, dtype, chosen, execution, loras))


def open_model(files: ModelFiles) -> Model:
    """Load what `find_model` found, in workers too where there are any."""
    workers = files.start_workers()
    try:
        bundle = files.load()
        if workers is not None:
            workers.pool.wait()
    except BaseException:
        if workers is not None:
            workers.close()
        raise
    return Model(bundle, workers)


class Model:
    """A model ready to make videos; `load` gives it.

    Options of `animate` and `edit`, each by name; the default is what the model's file recommends:

        seed: random seed, 0 to 2**64 - 1; change it for a different take.
        steps: denoising steps; fewer are faster.
        width, height: pixels, rounded to 16. Where the picture's aspect ratio is kept, they are an area.
        fps: frames per second of an animation. An edit keeps its video's and refuses another.
        audio_guidance, text_guidance: CFG scales over the steps: 4.5, "linear:5->1", "cosine:5->1@0.4",
            "interval:4.5@0.2-0.8" or "piecewise:0=5,1=1" (arXiv 2506.00830, Eq. 3).
        shift: flow-matching timestep shift.
        solver: "euler", "dpmpp_2m", or "lcm" for models distilled to a few steps.
        window, overlap: latent frames (4 frames each) of a window, and shared by neighbours (section 3.4).
        fusion: how overlapping windows are blended: "bidirectional", "forward" or "none".
        method: how an edit keeps what it does not regenerate: "masks" that the model was trained with, or "pinned",
            which needs no training: the video is put back outside the region at every step.
        hybrid: share of the steps, 0..1, in which an edit sees the whole masked video (Eq. 4), or pins it; a pinned
            edit pins at every step unless told otherwise.
        denoise: strength above 0 and up to 1 of a pinned edit: below 1 it begins from the noised video, which keeps
            more of the person's own look.
        negative_prompt: text prompt of the unguided branch.
        null_image: True: the unguided branch loses the picture too, as Eq. 3 is printed.
        tea_cache, mag_cache: threshold of TeaCache (0.2) or MagCache (0.12), which reuse steps; 0 is off.
        tea_cache_memory: GiB that either may hold.
        colour_strength: 0..1, share of the colour drift that is removed.
        composite: False: an edit shows what the model made, also outside the mask.
        loudness: LUFS to which the voice is levelled for the model, such as -23.
        voice_gate: dB below loud speech from which noise in pauses is silence for the model, such as -45.
    """

    def __init__(self, bundle: Bundle, workers: Workers | None = None) -> None:
        self.bundle, self.workers = bundle, workers

    def close(self) -> None:
        """End the processes of `devices`; the next run starts them again. Without them there is nothing to end."""
        if self.workers is not None:
            self.workers.close()

    def __enter__(self) -> Model:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    @property
    def facts(self) -> ModelFacts:
        """What a plan needs to know of it."""
        return facts_of(self.bundle)

    def __repr__(self) -> str:
        config, dtype = self.facts.config, str(self.facts.dtype).removeprefix("torch.")
        network = self.bundle.model
        place = next(network.parameters()).device if self.workers is None else self.workers.devices
        size = sum(weight.numel() for weight in network.parameters()) / 1e6
        inputs = "picture and voice" if config.takes_picture else "voice"
        return (
            f"<Model: Wan backbone ({config.model_type}) for {inputs}, {config.num_layers} blocks of width "
            f"{config.dim}, {size:,.1f} million parameters, {dtype} on {place}>"
        )

    def _settings(self, options: Mapping[str, Any]) -> Settings:
        return settings_of(Settings.of(self.bundle.metadata), options)

    def animate(
        self,
        picture: Any,
        voice: File | Audio | tuple[Any, int],
        prompt: str | PromptSchedule | Mapping[float, str] = "",
        *,
        fit: Shape = "keep_shape",
        progress: Progress | None = None,
        cancel: Cancel | None = None,
        work: File | WorkFolder | None = None,
        restart: bool = False,
        plan: RunPlan | None = None,
        **options: Unpack[Options],
    ) -> Video:
        """Make a portrait talk. The video is as long as the voice, rounded up to a whole frame.

        Args:
            picture: a file, or pixels [h w 3] in 0..1 or uint8; None: the video follows prompt and voice alone.
            voice: an audio or video file, what `read_audio` gives, or (samples [c n] in -1..1, rate in Hz).
            prompt: a text, or texts by the seconds from which they apply, such as {0: "a person smiles", 12.5: "a
                person frowns"}.
            fit: for a picture of another aspect ratio than width x height: "keep_shape" gives the video the picture's
                aspect ratio at that area, "crop" and "pad" keep to the size.
            progress: called as (stage, done, planned, detail); the stages are "conditions", "sampling" and
                "decoding".
            cancel: called between forward passes of the model and between frames; if it returns True, `Cancelled` is
                raised.
            work: a folder in which the run keeps its state after each step. The same call resumes an interrupted run
                there, to the same bytes; `Video.save` removes it.
            restart: True: discard what is in `work`.
            plan: of `pipeline.planning`, where the run was planned before the model was loaded; the options are then
                not used.
            options: as listed in `help(skyreels_core.Model)`.

        It returns when the latents are sampled. Raises InputError for what cannot be used: it says what was given, what
        is needed, and how to fix it.
        """
        control = Control(progress, cancel, work, restart)
        check_plan(plan, "animation")
        audio, pixels, text = as_audio(voice), as_picture(picture), as_prompt(prompt)
        plan = plan or plan_animation(self._settings(options), self.facts, audio, pixels, fit)
        return control.run(
            partial(animate, self.bundle, audio, pixels, text, fit=fit, plan=plan, workers=self.workers),
            of_animation(self.bundle, self.workers, audio, pixels),
        )

    def edit(
        self,
        video: File | Footage | tuple[Any, float],
        voice: File | Audio | tuple[Any, int],
        mask: FaceMask | File | Any,
        prompt: str | PromptSchedule | Mapping[float, str] = "",
        *,
        length: Length = "shortest",
        crop: CropShape | None = None,
        progress: Progress | None = None,
        cancel: Cancel | None = None,
        work: File | WorkFolder | None = None,
        restart: bool = False,
        plan: RunPlan | None = None,
        **options: Unpack[Options],
    ) -> Video:
        """Re-dub a video: what the mask covers is regenerated, every other pixel stays as it was.

        Args:
            video: a file, or (frames [f h w 3] in 0..1 or uint8, frames per second). Its size and rate are kept.
            voice: an audio or video file, what `read_audio` gives, or (samples [c n] in -1..1, rate in Hz).
            mask: of `face_mask`; a picture or video file in which white is regenerated; or masks [h w] or [f h w] of 0
                and 1 at the video's size.
            prompt: a text, or texts by the seconds from which they apply, such as {0: "a person smiles", 12.5: "a
                person frowns"}.
            length: how long it is: "shortest" of video and voice, as the "voice" (the last frame is repeated), or as
                the "video" (silence follows the voice).
            crop: "square" or "4:5": the model edits a box of that shape around the face, shot by shot, which is put
                back into the video at its full size; shots without a face stay as they were. None: it edits the whole
                frame.
            progress: called as (stage, done, planned, detail); the stages are "faces" where these are
                detected, "conditions", "sampling" and "decoding".
            cancel: called between forward passes of the model and between frames; if it returns True, `Cancelled` is
                raised.
            work: a folder in which the run keeps its state after each step. The same call resumes an interrupted run
                there, to the same bytes; `Video.save` removes it.
            restart: True: discard what is in `work`.
            plan: of `pipeline.planning`, where the run was planned before the model was loaded; the options are then
                not used.
            options: as listed in `help(skyreels_core.Model)`.

        It returns when the latents are sampled. Raises InputError for what cannot be used: it says what was given, what
        is needed, and how to fix it.
        """
        control = Control(progress, cancel, work, restart)
        check_plan(plan, "edit")
        settings = plan.settings if plan else self._settings(options)
        audio, text = as_audio(voice), as_prompt(prompt)
        footage = as_footage(video, None if length == "video" else audio.seconds)
        check_rate(options, footage)
        plan = plan or plan_edit(settings, self.facts, footage, audio, length, crop)
        region = as_mask(mask, footage, progress)
        with naming_of(mask):
            region = checked_region(footage, region)
        make = edit if crop is None else edit_faces
        return control.run(
            partial(make, self.bundle, footage, audio, region, text, plan=plan, workers=self.workers),
            of_edit(self.bundle, self.workers, audio, footage),
        )


def check_rate(options: Mapping[str, Any], video: Footage) -> None:
    """Raises InputError for a rate that an edit of the video does not have."""
    fps = value_of("fps", options.get("fps"))
    if fps is not None and not math.isclose(fps, video.fps, rel_tol=1e-4):  # 29.97 is 30000/1001
        raise InputError(
            f"The option fps is {fps:g} and the video has {float(video.fps):g} frames per second, which an edit keeps. "
            "Leave fps out, or convert the video first."
        )
