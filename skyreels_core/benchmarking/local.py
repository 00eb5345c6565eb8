"""Cells of a model on this machine, through the front door."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, replace
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..api.devices import chosen_devices
from ..api.inputs import FaceMask, as_loras, face_mask
from ..api.model import Model, open_model
from ..api.options import settings_of
from ..api.video import Video, encoding_of
from ..api.weights import FILES, ModelFiles, find_model
from ..errors import InputError, naming
from ..evaluation.metrics.results import stamp
from ..media.footage import open_video
from ..media.picture import read_picture
from ..media.sound import Audio, read_audio
from ..model.adapter import AudioAdapter
from ..model.execution import Execution
from ..pipeline.planning import plan_animation, plan_edit
from ..pipeline.run import Progress
from ..run.plan import RunPlan
from ..run.settings import Settings
from ..version import VERSION
from .cells import Cell
from .fields import stated
from .folder import Folder, Record, digest
from .material import Material
from .reading import CALLS
from .spec import ROPE, Benchmark, Setting

logger = logging.getLogger(__name__)

DEVICES = ("devices", "worker_timeout", "sequence_parallel", "sequence_engine")
Ended = Callable[[Cell, Record], None]
EXECUTION = ("compile", "attention", "weights_dtype", "offload")


class LocalCells:
    """Makes cells one after the other; a model is loaded when its first cell is made, and once."""

    def __init__(self, benchmark: Benchmark, material: Material) -> None:
        """Reads the headers of all models and checks all options. Raises InputError with the setting's name."""
        self.benchmark, self.material = benchmark, material
        check_save(benchmark)
        self.known: dict[str, LoadedModel] = {}
        self.models: dict[str, LoadedModel] = {}  # by setting
        self.settings: dict[str, Settings] = {}
        self.lengths, self.sizes = lru_cache(None)(as_long_as), lru_cache(None)(as_large_as)
        for setting in benchmark.settings:
            with of_setting(benchmark, setting):
                self._choose(setting)

    def _choose(self, setting: Setting) -> None:
        key = json.dumps(setting.model, sort_keys=True, default=str)
        if key not in self.known:
            self.known[key] = LoadedModel(setting.model)
        model = self.known[key]
        calls = CALLS[self.benchmark.task]
        options = {name: value for name, value in setting.options.items() if name not in calls}
        self.models[setting.name] = model
        self.settings[setting.name] = settings_of(Settings.of(model.files.metadata), options)

    def made_from(self, cell: Cell) -> dict[str, Any]:
        """All that decides how the cell's video looks. Raises OSError where an input cannot be read."""
        region, inputs = self.benchmark.region, cell.inputs
        marks = {} if self.benchmark.task == "animate" else {
            **asdict(region), "keypoints": digest(inputs.keypoints), "masks": digest(inputs.mask),
        }  # fmt: skip
        return {
            "task": self.benchmark.task,
            "shown": digest(inputs.shown),
            "voice": digest(inputs.voice),
            "prompt": inputs.prompt,
            "region": marks,
            "settings": asdict(self._settings(cell)),
            "call": self._call(cell),
            "model": self.models[cell.setting.name].stamps,
            "save": dict(self.benchmark.save),
            "version": VERSION,
        }

    def plan(self, cell: Cell) -> RunPlan:
        """What the cell will take, before a model is loaded. Raises InputError for inputs that cannot be used."""
        settings, facts = self._settings(cell), self.models[cell.setting.name].files.facts
        audio = self.lengths(cell.inputs.voice)
        if self.benchmark.task == "edit":
            call = self._call(cell)
            length = call.get("length", "shortest")
            video = open_video(cell.inputs.shown, None if length == "video" else audio.seconds)
            return plan_edit(settings, facts, video, audio, length, call.get("crop"))
        picture = self.sizes(self.material.picture(cell.inputs.shown))
        return plan_animation(settings, facts, audio, picture, self._call(cell).get("fit", "keep_shape"))

    def make(
        self, cells: Iterable[tuple[Cell, Record]], folder: Folder, ended: Ended, progress: Progress
    ) -> None:
        """Of cells with their records as far as they are known; those of one model should follow each other."""
        held: LoadedModel | None = None
        try:
            for cell, known in cells:
                chosen = self.models[cell.setting.name]
                if held is not None and held is not chosen:
                    held.release()
                held = chosen
                ended(cell, self._ended(cell, known, chosen, folder, progress))
        finally:
            if held is not None:
                held.release()

    def _ended(
        self, cell: Cell, known: Record, model: LoadedModel, folder: Folder, progress: Progress
    ) -> Record:
        try:
            return self._made(cell, known, model.model, folder, progress)
        except Exception as error:  # one cell of many: the others are made
            logger.debug("%s", cell.label, exc_info=True)
            return replace(known, problem=stated(error))

    def _made(self, cell: Cell, known: Record, model: Model, folder: Folder, progress: Progress) -> Record:
        began = time.monotonic()
        with self._sampled(cell, model, folder.work(known.id), bool(known.problem), progress) as video:
            video.save(folder.video(known.id), **self.benchmark.save)
        report = video.report
        found = report.continuity
        joins = () if found is None else tuple(round(join.seconds * report.fps) for join in found.joins)
        return replace(
            known, video=folder.video(known.id).name, problem="", seconds=round(time.monotonic() - began, 2),
            frames=report.frames, fps=report.fps, forwards=report.computed, joins=joins,
        )  # fmt: skip

    def _sampled(self, cell: Cell, model: Model, work: Path, restart: bool, progress: Progress) -> Video:
        inputs, options = cell.inputs, {**cell.setting.options, "seed": cell.seed}
        how: dict[str, Any] = {"progress": progress, "work": work, "restart": restart}
        if self.benchmark.task == "animate":
            picture = self.material.picture(inputs.shown)
            return model.animate(picture, inputs.voice, inputs.prompt, **how, **options)
        return model.edit(inputs.shown, inputs.voice, self.mask(cell), inputs.prompt, **how, **options)

    def mask(self, cell: Cell) -> FaceMask | Path:
        """What an edit regenerates. Raises InputError where nothing marks it."""
        region, inputs = self.benchmark.region, cell.inputs
        if inputs.mask is not None:
            return inputs.mask
        if inputs.keypoints is None and region.dwpose is None and region.yunet is None:
            what = "mask" if region.masks else "keypoints"
            raise InputError(f"There is no file with the {what} of {inputs.shown}, of the same name.")
        return face_mask(
            inputs.keypoints, region.dwpose, yunet=region.yunet, face=region.face, gaps=region.gaps
        )

    def _settings(self, cell: Cell) -> Settings:
        return replace(self.settings[cell.setting.name], seed=cell.seed)

    def _call(self, cell: Cell) -> dict[str, Any]:
        options, calls = cell.setting.options, CALLS[self.benchmark.task]
        return {name: options[name] for name in calls if name in options}


def as_long_as(voice: Path) -> Audio:
    """Silence of its length, in no memory."""
    whole = read_audio(voice)
    return Audio(torch.zeros(1, 1).expand(1, whole.samples.shape[1]), whole.sample_rate)


def as_large_as(picture: Path) -> Tensor:
    """Black of its size, in no memory."""
    return torch.zeros(1, 1, 1).expand(read_picture(picture).shape)


class LoadedModel:
    """A model of settings, loaded when it is first asked for."""

    def __init__(self, fields: Mapping[str, Any]) -> None:
        self.fields = fields
        self.files = files_of(fields)
        if not self.keeps_rope and self.files.devices is not None:
            raise InputError(
                f"{ROPE}: false and devices were given; workers load the model as it is. Leave one out."
            )
        self.loaded: Model | None = None

    @property
    def keeps_rope(self) -> bool:
        return self.fields.get(ROPE, True)

    @cached_property
    def stamps(self) -> dict[str, Any]:
        files = {part: stamp(path) for part, path in self.files.files.items() if path.exists()}
        execution = {name: self.fields[name] for name in EXECUTION if name in self.fields}
        loras = [[stamp(lora.path), lora.strength] for lora in self.files.loras]
        added = {"lora": loras} if loras else {}
        return {**files, **execution, **added, "dtype": str(self.files.facts.dtype), ROPE: self.keeps_rope}

    @property
    def model(self) -> Model:
        if self.loaded is None:
            self.loaded = open_model(self.files)
            if not self.keeps_rope:
                switch_rope_off(self.loaded.bundle.adapter)
        return self.loaded

    def release(self) -> None:
        if self.loaded is not None:
            self.loaded.close()
        self.loaded = None


def files_of(fields: Mapping[str, Any]) -> ModelFiles:
    """As `skyreels_core.load` finds them."""
    files = {part: fields[part] for part in FILES if part in fields}
    devices = chosen_devices(*(fields.get(name) for name in DEVICES))
    execution = Execution(**{name: fields[name] for name in EXECUTION if name in fields})
    loras = as_loras(fields.get("lora"))
    return find_model(
        fields.get("model"), files, fields.get("device"), fields.get("dtype"), devices, execution, loras
    )


def switch_rope_off(adapter: AudioAdapter | None) -> None:
    """From now on it attends to the voice without positions. Raises InputError where there are no audio layers."""
    if adapter is None:
        raise InputError(f"The model has no audio layers, so {ROPE}: false has nothing to switch off.")
    adapter.config = replace(adapter.config, rope=False)


def check_save(benchmark: Benchmark) -> None:
    """Raises InputError for options of the video files that cannot be used."""
    given = {"crf": None, "codec": None, "lossless": False, **benchmark.save}
    with naming(benchmark.file):
        encoding_of(**given).encoder(Path("video.mp4"))


@contextmanager
def of_setting(benchmark: Benchmark, setting: Setting) -> Iterator[None]:
    """Errors name the file and the setting."""
    try:
        yield
    except InputError as error:
        raise InputError(f"{benchmark.file}: in the setting {setting.name!r}: {error}") from error
