"""Windows, guidance over the steps, and the cache."""

from __future__ import annotations

from comfy_api.latest import io, ui

from ..skyreels_core.sampling.cache import CACHE_MEMORY, CacheSettings
from ..skyreels_core.sampling.guidance import (
    AUDIO_SCHEDULE,
    GRAMMAR,
    RULES,
    TEXT_SCHEDULE,
    GuidanceSettings,
    parse_schedule,
)
from ..skyreels_core.timeline import window_latents
from ..skyreels_core.windows import MODES, WindowSettings
from .host.cache import preview_plan
from .host.reporting import say
from .plot import draw_schedules
from .sockets import GUIDANCE, Guidance, TeaCache, Windows


class WindowsNode(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        return io.Schema(
            node_id="SkyReelsAudioWindows",
            display_name="Windows",
            category=GUIDANCE,
            description="How a video of any length is cut into windows that are fused into one take.",
            search_aliases=["context windows", "long video", "sliding window"],
            inputs=[
                io.Combo.Input(
                    "unit", options=["frames", "seconds"], tooltip="What length and overlap are given in."
                ),
                io.Float.Input(
                    "length", default=81.0, min=0.1, max=100000.0, step=0.1,
                    tooltip="Of a window, in the unit; snapped to 1 + 4k frames. Wan was trained on 81 frames.",
                ),
                io.Float.Input(
                    "overlap", default=17.0, min=0.0, max=100000.0, step=0.1,
                    tooltip="That neighbouring windows share at least, in the unit; snapped to 1 + 4k frames. 0: none.",
                ),
                io.Combo.Input(
                    "fusion", options=list(MODES),
                    tooltip="bidirectional: both windows of an overlap count, by ramps. forward and none are there to "
                    "compare with.",
                ),
                io.Float.Input(
                    "fps", default=25.0, min=1.0, max=120.0, step=0.001, round=False,
                    tooltip="Frames per second, for the unit seconds.",
                ),
                io.Boolean.Input(
                    "fuse_first_step", default=True, advanced=True, optional=True,
                    tooltip="Off: the first step is not fused and the last window wins, as the paper prints it.",
                ),
                io.Latent.Input(
                    "latent", optional=True, tooltip="From the conditioning node, to see the plan for its length."
                ),
            ],
            outputs=[
                Windows.Output(display_name="windows", tooltip="For SkyReels Audio Guider or Sampler."),
                io.String.Output(display_name="report", tooltip="The plan in words."),
            ],
        )  # fmt: skip

    @classmethod
    def execute(cls, unit, length, overlap, fusion, fps, fuse_first_step=True, latent=None) -> io.NodeOutput:
        scale = 1.0 if unit == "frames" else fps
        latents = window_latents(length * scale), window_latents(overlap * scale) if overlap else 0
        settings = WindowSettings(*latents, fusion, fuse_first_step)
        report = str(settings)
        if latent is not None:
            report += f" {settings.plan(latent['samples'].shape[2])}"
        say(report)
        return io.NodeOutput(settings, report)


class CFGScheduler(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        return io.Schema(
            node_id="SkyReelsAudioCFGScheduler",
            display_name="CFG Scheduler",
            category=GUIDANCE,
            description="How strongly voice and text lead, each on its own curve over the steps.",
            search_aliases=["guidance schedule", "audio cfg"],
            inputs=[
                io.String.Input(
                    "audio", default=AUDIO_SCHEDULE,
                    tooltip=f"Weight of the voice; 1 is no guidance, more moves the mouth more. {GRAMMAR}",
                ),
                io.String.Input(
                    "text", default=TEXT_SCHEDULE,
                    tooltip=f"Weight of the text; at 1 a forward per step is saved. {GRAMMAR}",
                ),
                io.Combo.Input(
                    "rule", options=["model's own", *RULES], advanced=True, optional=True,
                    tooltip="How the branches join: as the model's family publishes it, or Eq. 3 of the paper (eq3), "
                    "or as MultiTalk does.",
                ),
            ],
            outputs=[
                Guidance.Output(display_name="guidance", tooltip="For SkyReels Audio Guider or Sampler."),
                io.Image.Output(display_name="plot", tooltip="Both curves over the steps."),
            ],
            has_intermediate_output=True,
        )  # fmt: skip

    @classmethod
    def execute(cls, audio: str, text: str, rule: str = "model's own") -> io.NodeOutput:
        settings = GuidanceSettings(audio, text, rule if rule in RULES else None)
        plot = draw_schedules({"audio": parse_schedule(audio), "text": parse_schedule(text)})
        return io.NodeOutput(settings, plot, ui=ui.PreviewImage(plot, cls=cls))


class TeaCacheNode(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        return io.Schema(
            node_id="SkyReelsAudioTeaCache",
            display_name="TeaCache",
            category=GUIDANCE,
            description="Reuses steps whose prediction hardly changes; says which before the run.",
            inputs=[
                io.Model.Input("model", tooltip="The model that is sampled; its timestep embedding decides."),
                io.Boolean.Input("enabled", default=True, tooltip="Off: every step is computed."),
                io.Float.Input(
                    "threshold", default=0.2, min=0.001, max=2.0, step=0.01,
                    tooltip="Change that may add up before a step is computed again, no unit. 0.1 careful, 0.3 fast; "
                    "the demo model: 0.05.",
                ),
                io.Sigmas.Input(
                    "sigmas", optional=True,
                    tooltip="The schedule that is sampled, to see its plan. Without it, the model's own.",
                ),
                io.Float.Input(
                    "memory", default=CACHE_MEMORY, min=0.1, max=1024.0, step=0.5, advanced=True, optional=True,
                    tooltip="GiB that may be held; windows that do not fit are computed at every step.",
                ),
            ],
            outputs=[
                TeaCache.Output(display_name="teacache", tooltip="For SkyReels Audio Guider or Sampler."),
                io.String.Output(display_name="report", tooltip="Which steps are reused and what that saves."),
            ],
        )  # fmt: skip

    @classmethod
    def execute(
        cls, model, enabled: bool, threshold: float, sigmas=None, memory: float = CACHE_MEMORY
    ) -> io.NodeOutput:
        report = (
            preview_plan(model, threshold, sigmas) if enabled else "TeaCache is off: every step is computed."
        )
        say(report)
        return io.NodeOutput(CacheSettings(threshold if enabled else 0.0, memory), report)


NODES = [WindowsNode, CFGScheduler, TeaCacheNode]
