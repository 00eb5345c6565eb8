"""From noise to the latents of the whole video."""

from __future__ import annotations

from comfy_api.latest import io

from ..skyreels_core.sampling.cache import NO_CACHE
from ..skyreels_core.sampling.solvers import SOLVERS
from ..skyreels_core.windows import MODES
from .families import find_family
from .host.guider import AudioGuider
from .host.presets import recommended
from .host.reporting import SamplingProgress
from .host.run import run_sampler
from .host.settings import of_fields, of_sockets
from .inputs import guidance_inputs, seed_input, shift_input
from .sockets import SAMPLING, Guidance, TeaCache, Windows


def conditioning_inputs() -> list[io.Input]:
    return [
        io.Model.Input("model", tooltip="A video model with audio layers on it."),
        io.Conditioning.Input("positive", tooltip="From Image Animation or Video Edit Lip-Sync."),
        io.Conditioning.Input("negative", tooltip="From the same node."),
    ]


def settings_inputs(instead: str) -> list[io.Input]:
    return [
        Windows.Input("windows", optional=True, tooltip=f"From Windows. {instead}"),
        Guidance.Input("guidance", optional=True, tooltip=f"From CFG Scheduler. {instead}"),
        TeaCache.Input(
            "teacache",
            optional=True,
            tooltip="From TeaCache or MagCache. Without it, every step is computed.",
        ),
    ]


def null_image_input() -> io.Input:
    return io.Boolean.Input(
        "null_image", default=False, advanced=True, optional=True,
        tooltip="Drop the picture, too, in the unconditional branch, as in Eq. 3 of the paper.",
    )  # fmt: skip


def keep_state_input(what: str) -> io.Boolean.Input:
    return io.Boolean.Input(
        "keep_state", default=True, advanced=True, optional=True,
        tooltip=f"{what}, in output/skyreels-audio-work: after a crash or a cancel, the same graph resumes "
        "from it. Save Talking Video deletes it; otherwise the states of the last runs stay.",
    )  # fmt: skip


class Guider(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        return io.Schema(
            node_id="SkyReelsAudioGuider",
            display_name="SkyReels Audio Guider",
            category=SAMPLING,
            description="Audio and text CFG over windows, for SamplerCustomAdvanced with any sampler.",
            inputs=[
                *conditioning_inputs(),
                *settings_inputs("Without it, what the model's file recommends."),
                io.Sigmas.Input(
                    "full_sigmas", optional=True, advanced=True,
                    tooltip="The whole schedule. Needed if the sampler gets only a part of it (Split Sigmas, "
                    "denoise below 1) and the scheduler is not simple.",
                ),
                null_image_input(),
                keep_state_input("Saves the finished latents"),
            ],
            outputs=[io.Guider.Output(display_name="guider", tooltip="For SamplerCustomAdvanced.")],
        )  # fmt: skip

    @classmethod
    def execute(
        cls, model, positive, negative, windows=None, guidance=None, teacache=None, full_sigmas=None,
        null_image=False, keep_state=True,
    ) -> io.NodeOutput:  # fmt: skip
        given, family = of_sockets(windows, guidance, teacache or NO_CACHE), find_family(model)
        settings = recommended(family, model).override(**given, null_image=null_image)
        progress = SamplingProgress(bar=False)
        return io.NodeOutput(
            AudioGuider(
                family, model, positive, negative, settings, progress, full_sigmas, keeps_state=keep_state
            )
        )


class Sampler(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        own = "what the model's file recommends"
        return io.Schema(
            node_id="SkyReelsAudioSampler",
            display_name="SkyReels Audio Sampler",
            category=SAMPLING,
            description="Windows, guidance, cache and solver in one node. Fields left at 0 or empty take the value "
            "from the model's file; the report lists them.",
            inputs=[
                *conditioning_inputs(),
                io.Latent.Input("latent", tooltip="The latent, from the same node as the conditioning."),
                seed_input("Random seed. Change it for a different take."),
                io.Int.Input("steps", default=0, min=0, max=1000, tooltip=f"Denoising steps; 0 = {own}."),
                shift_input(own),
                io.Combo.Input("solver", options=["model's own", *SOLVERS], tooltip="ODE solver."),
                *guidance_inputs(own),
                io.Int.Input(
                    "window", default=0, min=0, max=1000,
                    tooltip=f"Latent frames per window, 4 frames each; 0 = {own}.",
                ),
                io.Int.Input(
                    "overlap", default=-1, min=-1, max=999,
                    tooltip=f"Latent frames that neighbouring windows share; -1 = {own}.",
                ),
                io.Combo.Input(
                    "fusion", options=list(MODES), advanced=True, optional=True,
                    tooltip="How overlapping windows are blended.",
                ),
                io.Float.Input(
                    "tea_cache", default=-1.0, min=-1.0, max=2.0, step=0.01,
                    tooltip="TeaCache threshold: 0.1 is careful, 0.3 fast, 0.05 for the demo model; 0 computes every "
                    f"step; -1 = {own}.",
                ),
                *settings_inputs("It overrides the fields of this node."),
                null_image_input(),
                keep_state_input("Saves the state after each step"),
            ],
            outputs=[
                io.Latent.Output(display_name="latent", tooltip="The latent of the whole video, for VAE Decode."),
                io.String.Output(display_name="report", tooltip="Settings used and time taken."),
            ],
        )  # fmt: skip

    @classmethod
    def execute(
        cls, model, positive, negative, latent, seed, steps, shift, solver, audio_guidance, text_guidance,
        window, overlap, tea_cache, fusion="bidirectional", windows=None, guidance=None, teacache=None,
        null_image=False, keep_state=True,
    ) -> io.NodeOutput:  # fmt: skip
        fields = of_fields(
            steps, shift, solver, audio_guidance, text_guidance, window, overlap, tea_cache, seed=seed, fusion=fusion,
            null_image=null_image,
        )  # fmt: skip
        sockets, family = of_sockets(windows, guidance, teacache), find_family(model)
        return io.NodeOutput(
            *run_sampler(family, model, positive, negative, latent, fields, sockets, keep_state)
        )


NODES = [Guider, Sampler]
