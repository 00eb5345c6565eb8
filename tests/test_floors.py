"""Imports go down the floors only, between folders as between files; docs/architecture.md draws them."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

PACK = Path(__file__).parents[1]
# From the lowest floor up. What stands on one line is a folder or a file of the core; none imports a later one.
FLOORS = (
    "moved", "errors", "version", "files", "typed", "timeline", "windows", "assets", "media", "audio", "weights",
    "model", "sampling", "parallel", "conditioning", "run.resume", "run", "families", "evaluation", "pipeline", "api",
    "data", "training", "demo", "queueing", "verification", "benchmarking",
    "cli",
)  # fmt: skip
FRONT_DOOR = "skyreels_core"
# The same within the nodes. Beside these are the steps of a graph, one file each, which lie above them all.
NODE_FLOORS = ("tensors", "host", "sockets", "inputs", "payloads", "families")
STEPS = len(NODE_FLOORS)
FAMILIES = "nodes.families."


def modules(root: Path) -> dict[str, Path]:
    found = {}
    for folder in ("skyreels_core", "nodes"):
        for path in sorted((root / folder).rglob("*.py")):
            found[".".join(path.relative_to(root).with_suffix("").parts).removesuffix(".__init__")] = path
    return found


def imports(name: str, path: Path, known: dict[str, Path]) -> Iterator[str]:
    """The project's own modules that a module names, wherever in it."""
    package = ["root", *name.split(".")][: None if path.name == "__init__.py" else -1]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in known)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ["root"]
            module = (
                ".".join([*base, *(node.module or "").split(".")]).strip(".").removeprefix("root").strip(".")
            )
            for alias in node.names:
                inner = f"{module}.{alias.name}".strip(".")
                if inner in known or module in known:
                    yield inner if inner in known else module


def arrows(root: Path) -> dict[str, set[str]]:
    known = modules(root)
    return {name: set(imports(name, path, known)) - {name} for name, path in known.items()}


def floor(module: str) -> int | None:
    """Its place in FLOORS; None for the front door and the nodes."""
    inner = module.removeprefix("skyreels_core.")
    places = [place for place, name in enumerate(FLOORS) if inner == name or inner.startswith(f"{name}.")]
    return max(places, key=lambda place: len(FLOORS[place]), default=None)


def node_floor(module: str) -> int | None:
    """Its place in NODE_FLOORS, or above; None for the core."""
    package, _, inner = module.partition(".")
    if package != "nodes":
        return None
    return next((place for place, name in enumerate(NODE_FLOORS) if inner.split(".")[0] == name), STEPS)


def upward_in_nodes(found: dict[str, set[str]]) -> list[str]:
    return [
        f"{module} -> {other}"
        for module, needed in found.items()
        if (here := node_floor(module)) is not None
        for other in sorted(needed)
        if (node_floor(other) or 0) > here
    ]


def family(module: str) -> str | None:
    """The family that a module is of; None for what is of no family."""
    return module.removeprefix(FAMILIES).split(".")[0] if module.startswith(FAMILIES) else None


def upward(found: dict[str, set[str]]) -> list[str]:
    """Arrows of the core that end on a floor above their own, or above all floors but at the front door."""
    return [
        f"{module} -> {other}"
        for module, needed in found.items()
        if (here := floor(module)) is not None
        for other in sorted(needed)
        if (floor(other) or 0) > here or (floor(other) is None and other != FRONT_DOOR)
    ]


def circle(found: dict[str, set[str]]) -> list[str]:
    """One circle of arrows, empty where there is none."""
    try:
        TopologicalSorter(found).prepare()
    except CycleError as error:
        return error.args[1]
    return []


def folders(found: dict[str, set[str]]) -> dict[str, set[str]]:
    """The same arrows between folders; a file beside folders stands for itself."""
    packages = {name for name, path in modules(PACK).items() if path.name == "__init__.py"}

    def folder(module: str) -> str:
        parent = module.rpartition(".")[0]
        return module if module in packages or parent in ("skyreels_core", "nodes", "") else parent

    joined: dict[str, set[str]] = {}
    for module, needed in found.items():
        here = folder(module)
        joined.setdefault(here, set()).update({folder(other) for other in needed} - {here})
    return joined


@pytest.fixture(scope="module")
def found() -> dict[str, set[str]]:
    return {name: needed for name, needed in arrows(PACK).items() if name.startswith("skyreels_core")}


@pytest.fixture(scope="module")
def of_nodes() -> dict[str, set[str]]:
    found = arrows(PACK)
    return {
        name: {other for other in needed if other.startswith("nodes")}
        for name, needed in found.items()
        if name.startswith("nodes")
    }


def test_every_module_of_the_core_has_a_floor(found):
    assert [name for name in found if name.startswith("skyreels_core.") and floor(name) is None] == []


def test_no_import_of_the_core_runs_up(found):
    assert upward(found) == []


def test_no_modules_import_each_other_in_a_circle(found):
    assert circle(found) == []


def test_no_folders_import_each_other_in_a_circle(found):
    assert circle(folders(found)) == []


def test_the_core_knows_no_host(found):
    assert [
        name for name, needed in found.items() if any(other.startswith("nodes") for other in needed)
    ] == []


def test_no_import_of_the_nodes_runs_up(of_nodes):
    assert upward_in_nodes(of_nodes) == []


def test_no_modules_or_folders_of_the_nodes_import_each_other_in_a_circle(of_nodes):
    assert circle(of_nodes) == [] and circle(folders(of_nodes)) == []


def test_no_family_knows_another(of_nodes):
    assert [
        f"{module} -> {other}"
        for module, needed in of_nodes.items()
        for other in needed
        if family(module) and family(other) not in (None, family(module))
    ] == []


def test_an_arrow_of_the_nodes_that_runs_up_is_found(of_nodes):
    with_arrow = of_nodes | {"nodes.host.guider": {"nodes.host.checks", "nodes.families.humo.family"}}
    assert upward_in_nodes(with_arrow) == ["nodes.host.guider -> nodes.families.humo.family"]


def test_an_arrow_that_runs_up_is_found(found):
    with_arrow = found | {"skyreels_core.timeline": {"skyreels_core.errors", "skyreels_core.media.video"}}
    assert upward(with_arrow) == ["skyreels_core.timeline -> skyreels_core.media.video"]


def test_a_circle_between_folders_is_found(found):
    assert circle(folders(found | {"skyreels_core.audio.gate": {"skyreels_core.model.whisper"}})) != []
