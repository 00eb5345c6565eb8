"""The families of models: each folder here is one, and nothing else lists them.

`family.py` holds its class under FAMILY, `nodes.py` its own nodes under NODES, where it has any; so does any other file
whose name ends so.
"""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules
from typing import Any

from ...skyreels_core.errors import InputError
from ..host.family import Family


def names() -> list[str]:
    return sorted(module.name for module in iter_modules(__path__) if module.ispkg)


def families() -> list[type[Family]]:
    return [import_module(f"{__name__}.{name}.family").FAMILY for name in names()]


def family_nodes() -> list[type]:
    """The nodes that only one family needs."""
    packages = (import_module(f"{__name__}.{name}") for name in names())
    files = (
        f"{package.__name__}.{module.name}"
        for package in packages
        for module in iter_modules(package.__path__)
        if module.name.endswith("nodes")
    )
    return [node for file in files for node in import_module(file).NODES]


def find_family(model: Any) -> type[Family]:
    """Raises InputError for a MODEL of no family, saying which there are."""
    known = families()
    found = next((family for family in known if family.claims(model)), None)
    if found is None:
        needed = sorted({family.models for family in known}, key=str.casefold)
        raise InputError(
            f"The model is of type {type(model.model).__name__}. SkyReels-Audio needs {', or '.join(needed)}: use "
            "Load SkyReels-Audio Model, or Load Diffusion Model and Apply SkyReels Audio Layers."
        )
    return found
