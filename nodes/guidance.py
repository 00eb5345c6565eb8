"""Windows, guidance over the steps, and the cache."""

from __future__ import annotations

from comfy_api.latest import io, ui

from ..skyreels_core.sampling.cache import CACHE_MEMORY, CACHES, CacheSettings
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
from .families import find_family
from .host.cache import preview_plan
from .host.presets import recommended
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
            description="Splits a video of any length into overlapping windows that are blended into one "
            "continuous video.",
            search_aliases=["context windows", "long video", "sliding window"],
            inputs=[
                io.Combo.Input(
                    "unit", options=["frames", "seconds"], tooltip="Unit of length and overlap."
                ),
                io.Float.Input(
                    "length", default=81.0, min=0.1, max=100000.0, step=0.1,
                    tooltip="Length of a window, in the unit; rounded to 1 + 4k frames. Wan was trained on 81 "
                    "frames.",
                ),
                io.Float.Input(
                    "overlap", default=17.0, min=0.0, max=100000.0, step=0.1,
                    tooltip="Minimum overlap of neighbouring windows, in the unit; rounded to 1 + 4k frames. 0 "
                    "= none.",
                ),
                io.Combo.Input(
                    "fusion", options=list(MODES),
                    tooltip="How overlapping windows are blended. bidirectional: both, with linear ramps. forward "
                    "and none: for comparison.",
                ),
                io.Float.Input(
                    "fps", default=25.0, min=1.0, max=120.0, step=0.001, round=False,
                    tooltip="Frames per second, if the unit is seconds.",
                ),
                io.Boolean.Input(
                    "fuse_first_step", default=True, advanced=True, optional=True,
                    tooltip="Off: the first step is not fused and the last window is used, as printed in the paper.",
                ),
                io.Latent.Input(
                    "latent", optional=True, tooltip="From the conditioning node, to show the windows for its "
                    "length."
                ),
            ],
            outputs=[
                Windows.Output(display_name="windows", tooltip="For SkyReels Audio Guider or Sampler."),
                io.String.Output(display_name="report", tooltip="The windows as text."),
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
            description="Audio and text CFG scales over the steps.",
            search_aliases=["guidance schedule", "audio cfg"],
            inputs=[
                io.String.Input(
                    "audio", default=AUDIO_SCHEDULE,
                    tooltip=f"Audio CFG scale; 1 = no guidance, more moves the mouth more. {GRAMMAR}",
                ),
                io.String.Input(
                    "text", default=TEXT_SCHEDULE,
                    tooltip=f"Text CFG scale; 1 = no guidance, which saves a forward pass per step. {GRAMMAR}",
                ),
                io.Combo.Input(
                    "rule", options=["model's own", *RULES], advanced=True, optional=True,
                    tooltip="How the CFG branches are combined: as published for the model's family, as Eq. 3 of "
                    "the paper (eq3), or as in MultiTalk.",
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


def cache_inputs() -> list[io.Input]:
    return [
        io.Sigmas.Input(
            "sigmas", optional=True,
            tooltip="The sigmas to sample, to show their plan. Without them, the model's own.",
        ),
        io.Float.Input(
            "memory", default=CACHE_MEMORY, min=0.1, max=1024.0, step=0.5, advanced=True, optional=True,
            tooltip="Memory limit in GiB; windows that do not fit are computed at every step.",
        ),
    ]  # fmt: skip


def cache_outputs(name: str) -> list[io.Output]:
    return [
        TeaCache.Output(display_name=name, tooltip="For SkyReels Audio Guider or Sampler."),
        io.String.Output(display_name="report", tooltip="The reused steps and the time saved."),
    ]


class TeaCacheNode(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        return io.Schema(
            node_id="SkyReelsAudioTeaCache",
            display_name="TeaCache",
            category=GUIDANCE,
            description="Reuses steps whose prediction hardly changes; the report lists them before the run.",
            inputs=[
                io.Model.Input("model", tooltip="The model to sample; its timestep embedding decides."),
                io.Boolean.Input("enabled", default=True, tooltip="Off: compute every step."),
                io.Float.Input(
                    "threshold", default=0.2, min=0.001, max=2.0, step=0.01,
                    tooltip="Accumulated change at which a step is computed again. 0.1 is careful, 0.3 fast; for "
                    "the demo model 0.05.",
                ),
                *cache_inputs(),
            ],
            outputs=cache_outputs("teacache"),
        )  # fmt: skip

    @classmethod
    def execute(
        cls, model, enabled: bool, threshold: float, sigmas=None, memory: float = CACHE_MEMORY
    ) -> io.NodeOutput:
        return chosen(model, CacheSettings(threshold if enabled else 0.0, memory), sigmas)


class MagCacheNode(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        return io.Schema(
            node_id="SkyReelsAudioMagCache",
            display_name="MagCache",
            category=GUIDANCE,
            description="Reuses steps whose prediction hardly changes in size; the report lists them before the run.",
            search_aliases=["step cache", "skip steps"],
            inputs=[
                io.Model.Input("model", tooltip="The model to sample; its magnitude curve decides."),
                io.Boolean.Input("enabled", default=True, tooltip="Off: compute every step."),
                io.Float.Input(
                    "threshold", default=0.24, min=0.0001, max=2.0, step=0.01, round=0.0001,
                    tooltip="Accumulated error at which a step is computed again. As published: 0.24 for 14B, 0.12 "
                    "for 1.3B models.",
                ),
                io.Int.Input(
                    "max_skips", default=0, min=0, max=100,
                    tooltip="Steps in a row that are reused at most; 0 = as published, 6 for 14B and 4 for smaller "
                    "models.",
                ),
                *cache_inputs(),
            ],
            outputs=cache_outputs("magcache"),
        )  # fmt: skip

    @classmethod
    def execute(
        cls, model, enabled: bool, threshold: float, max_skips: int, sigmas=None, memory: float = CACHE_MEMORY
    ) -> io.NodeOutput:
        cache = CacheSettings(threshold if enabled else 0.0, memory, "magcache", max_skips or None)
        return chosen(model, cache, sigmas)


def chosen(model, cache: CacheSettings, sigmas) -> io.NodeOutput:
    """The cache for the sampler, and its plan."""
    report = f"{CACHES[cache.method]} is off: every step is computed."
    if cache.threshold:
        report = preview_plan(model, recommended(find_family(model), model), cache, sigmas)
    say(report)
    return io.NodeOutput(cache, report)


NODES = [WindowsNode, CFGScheduler, TeaCacheNode, MagCacheNode]
