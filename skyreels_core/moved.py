"""Import paths of version 0.1: they keep working until 0.3, with a deprecation warning that names the new one."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Sequence
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

# Old name to new one, below the package.
MOVED = {
    "audio.hearing": "audio.preprocessing",
    "audio.humo": "families.humo.features",
    "audio.multitalk": "families.multitalk.features",
    "audio.wav2vec": "model.wav2vec",
    "audio.whisper": "model.whisper",
    "cli.values": "cli.options.values",
    "conditioning.key_frames": "families.multitalk.between_frames",
    "conditioning.region": "media.region",
    "conditioning.shots": "conditioning.visual",
    "model.folders": "weights.folders",
    "model.formats": "weights.formats",
    "model.header": "weights.header",
    "model.multitalk_presets": "families.multitalk.presets",
    "model.parts": "weights.parts",
    "model.signatures": "weights.signatures",
    "model.weights": "weights.loading",
    "sampling.estimate": "run.resources",
    "sampling.fusion": "windows",
    "sampling.key_frames": "families.multitalk.key_frames",
    "training.autoencoder": "demo.autoencoder",
    "training.curves": "demo.curves",
    "training.drawing": "demo.drawing",
    "training.faces": "demo.faces",
    "training.speech": "demo.speech",
    "training.voices": "demo.voices",
    "training.whole_sequence": "demo.whole_sequence",
    "video": "media",
    "video.colour": "media.colour",
    "video.compositing": "media.compositing",
    "video.continuity": "evaluation.continuity",
    "video.cuts": "media.cuts",
    "video.drift_plot": "evaluation.drift_plot",
    "video.encoding": "media.encoding",
    "video.finishing": "media.unify",
    "video.footage": "media.footage",
    "video.likeness": "evaluation.likeness",
    "video.mouth": "evaluation.mouth",
    "video.muxing": "media.muxing",
    "video.plots": "evaluation.plots",
    "video.reading": "media.reading",
    "video.seams": "evaluation.seams",
    "video.sheets": "evaluation.sheets",
    "video.writing": "media.writing",
    "work": "run.resume",
    "work.fingerprint": "run.resume.fingerprint",
    "work.folder": "run.resume.folder",
    "work.resuming": "run.resume.resuming",
}


# What left a module that is still there: old module and name to new module.
MOVED_NAMES = {("training.recipe", "train"): "training.train"}


class OldPaths(MetaPathFinder, Loader):
    """Asked only for modules that are not where they were looked for."""

    def __init__(self, package: str) -> None:
        self.prefix = f"{package}."

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname.removeprefix(self.prefix) not in MOVED or not fullname.startswith(self.prefix):
            return None
        return ModuleSpec(fullname, self, is_package=fullname.count(".") == self.prefix.count("."))

    def create_module(self, spec: ModuleSpec) -> None:
        return None

    def exec_module(self, module: ModuleType) -> None:
        new = self.prefix + MOVED[module.__name__.removeprefix(self.prefix)]
        _warn(module.__name__, new)
        public = {
            name: value for name, value in vars(import_module(new)).items() if not name.startswith("__")
        }
        module.__dict__.update(public)


def moved_name(module: str, name: str) -> Any:
    """What `name` in a module is now, for its `__getattr__`. Raises AttributeError where there never was one."""
    package, _, below = module.partition(".")
    new = MOVED_NAMES.get((below, name))
    if new is None:
        raise AttributeError(f"module {module!r} has no attribute {name!r}")
    _warn(f"{module}.{name}", f"{package}.{new}.{name}")
    return getattr(import_module(f"{package}.{new}"), name)


def _warn(old: str, new: str) -> None:
    warnings.warn(f"{old} is {new} now; the old path ends with 0.3.", DeprecationWarning, stacklevel=3)


def keep_old_paths(package: str) -> None:
    """Let `package` be imported by its old paths too."""
    sys.meta_path.append(OldPaths(package))
