"""What a registry and an installer read, and that nothing that the nodes import is missing in a host."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from archive import archived, patterns, tracked
from sources import CORE, NODES, PACK, modules, tree

from skyreels_core import __version__

tomllib = pytest.importorskip("tomllib", reason="needs Python 3.11")

# What requirements.txt of ComfyUI 0.20.1 and of 0.33.0 ask for.
HOST = {
    "alembic", "aiohttp", "av", "blake3", "comfy-aimdo", "comfy-kitchen", "comfyui-embedded-docs",
    "comfyui-frontend-package", "comfyui-workflow-templates", "einops", "filelock", "kornia", "numpy",
    "pillow", "psutil", "pydantic", "pydantic-settings", "pyopengl", "pyyaml", "requests", "safetensors",
    "scipy", "sentencepiece", "simpleeval", "spandrel", "sqlalchemy", "tokenizers", "torch", "torchaudio",
    "torchsde", "torchvision", "tqdm", "transformers", "yarl",
}  # fmt: skip
HOST_MODULES = {
    "aiohttp", "comfy", "comfy_api", "comfy_execution", "folder_paths", "latent_preview", "node_helpers", "server",
}  # fmt: skip
# Distributions of modules that are called otherwise.
NAMES = {
    "c2pa": "c2pa-python",
    "cv2": "opencv-python-headless",
    "PIL": "pillow",
    "pillow_heif": "pillow-heif",
    "typing_extensions": "typing-extensions",
    "websocket": "websocket-client",
    "yaml": "pyyaml",
}
# A domain that nobody can register.
PLACEHOLDER = "repository.example"
PUBLISHING = PACK / "docs" / "publishing.md"
COMMAND_LINE_ONLY = {"diffusers", "matplotlib", "accelerate"}
PROJECT = tomllib.loads((PACK / "pyproject.toml").read_text(encoding="utf-8"))


def requirements() -> list[str]:
    lines = (PACK / "requirements.txt").read_text(encoding="utf-8").splitlines()
    return [line.strip() for line in lines if line.strip() and not line.startswith("#")]


def distribution(requirement: str) -> str:
    return re.split(r"[<>=!~;\[ ]", requirement, maxsplit=1)[0].lower()


def reachable() -> set[Path]:
    """The modules that a host imports with the pack, and those that they import from their functions."""
    found, waiting = set(), [PACK / "__init__.py", *modules(NODES)]
    while waiting:
        path = waiting.pop()
        if path not in found:
            found.add(path)
            waiting += [*own_imports(path), *packages_of(path)]
    return found


def packages_of(path: Path) -> Iterator[Path]:
    """The packages around a module, which are imported first."""
    parents = [folder for folder in path.relative_to(PACK).parents if folder != Path()]
    yield from (
        PACK / folder / "__init__.py" for folder in parents if (PACK / folder / "__init__.py").is_file()
    )


def own_imports(path: Path) -> Iterator[Path]:
    module = tree(path)
    unseen = {id(node) for guard in for_types_alone(module) for node in ast.walk(guard)}
    for node in ast.walk(module):
        if isinstance(node, ast.ImportFrom) and node.level and id(node) not in unseen:
            base = path.parents[node.level - 1].joinpath(*(node.module or "").split("."))
            places = [base, *(base / alias.name for alias in node.names)]
            yield from (found for place in places if (found := file_of(place)))


def for_types_alone(module: ast.Module) -> Iterator[ast.If]:
    """What no interpreter imports."""
    for node in ast.walk(module):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            yield node


def file_of(place: Path) -> Path | None:
    return next((file for file in (place.with_suffix(".py"), place / "__init__.py") if file.is_file()), None)


def foreign_imports(path: Path) -> Iterator[tuple[str, bool]]:
    """Top-level names of what a module imports, and whether it does without."""
    module = tree(path)
    optional = {id(node) for guard in guards(module) for node in ast.walk(guard)}
    for node in ast.walk(module):
        if isinstance(node, ast.Import):
            yield from ((alias.name.split(".")[0], id(node) in optional) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            yield node.module.split(".")[0], id(node) in optional


def guards(module: ast.Module) -> Iterator[ast.Try]:
    """Where an import may fail."""
    for node in ast.walk(module):
        if isinstance(node, ast.Try) and any(
            "ImportError" in ast.unparse(handler) for handler in node.handlers
        ):
            yield node


def test_nothing_is_asked_for_that_a_host_has_and_no_version_is_pinned():
    asked = [distribution(requirement) for requirement in requirements()]
    assert not HOST & set(asked)
    assert not [requirement for requirement in requirements() if "==" in requirement]
    assert asked == sorted(set(asked))


def test_every_import_of_the_nodes_is_in_the_host_or_asked_for():
    known = HOST | {distribution(requirement) for requirement in requirements()}
    extras = PROJECT["project"]["optional-dependencies"].values()
    extra = {distribution(requirement) for requirements in extras for requirement in requirements}
    own = {*HOST_MODULES, *sys.stdlib_module_names}
    for path in reachable():
        for name, optional in foreign_imports(path):
            provided = name in own or NAMES.get(name, name) in (known | extra if optional else known)
            assert provided, f"{path.relative_to(PACK)} imports {name}"


def test_every_import_of_the_package_is_declared_in_its_project_file():
    """The nodes' are the host's or in requirements.txt; what installs the package installs these."""
    project = PROJECT["project"]
    needed = {distribution(requirement) for requirement in project["dependencies"]}
    extras = project["optional-dependencies"].values()
    extra = {distribution(requirement) for requirements in extras for requirement in requirements}
    own = {*HOST_MODULES, *sys.stdlib_module_names}
    missing = {
        f"{path.relative_to(PACK)} imports {name}"
        for path in [PACK / "__init__.py", *modules(NODES), *modules(CORE)]
        for name, optional in foreign_imports(path)
        if name not in own and NAMES.get(name, name).lower() not in needed | (extra if optional else set())
    }
    assert missing == set()
    imported = {NAMES.get(name, name).lower() for path in modules(CORE) for name, _ in foreign_imports(path)}
    assert needed - imported == set()


def test_what_is_asked_for_is_imported():
    imported = {NAMES.get(name, name) for path in reachable() for name, _ in foreign_imports(path)}
    assert {distribution(requirement) for requirement in requirements()} <= imported


def test_the_nodes_reach_nothing_that_only_the_command_line_needs():
    found = reachable()
    assert {CORE / "model" / "checkpoint.py", CORE / "timeline.py", NODES / "host" / "guider.py"} <= found
    assert not COMMAND_LINE_ONLY & {name for path in found for name, _ in foreign_imports(path)}
    shared = {"__init__.py", "finish.py", "put_back.py"}  # of the pipeline: how a video is finished
    above = [path for path in found if path.parent == CORE / "pipeline" and path.name not in shared]
    above += [path for path in found if {CORE / "training", CORE / "cli"} & set(path.parents)]
    assert above == []
    assert CORE / "pipeline" / "finish.py" in found


def test_finishing_a_video_imports_nothing_that_only_the_command_line_needs():
    """In a fresh interpreter, with what the imports import themselves."""
    code = "import sys, skyreels_core.pipeline.finish; print(*sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], cwd=PACK, capture_output=True, text=True, check=True)
    assert not {*COMMAND_LINE_ONLY, "transformers"} & set(run.stdout.split())


def test_a_module_of_the_host_is_touched_in_one_place_only():
    """`folder_paths` lists files for the combos; all else stands in nodes/host, and in what a family does there."""
    allowed = {"comfy_api", "folder_paths"}
    for path in reachable():
        if not {NODES / "host", NODES / "families"} & set(path.parents):
            touched = {name for name, _ in foreign_imports(path)} & HOST_MODULES
            assert touched <= (allowed if NODES in path.parents else set()), path.name


def test_the_registry_finds_name_version_and_hosts():
    project, comfy = PROJECT["project"], PROJECT["tool"]["comfy"]
    assert project["name"] == "skyreels-audio" and "comfy" not in project["name"]
    assert project["version"] == __version__ and re.fullmatch(r"\d+\.\d+\.\d+", __version__)
    assert comfy["PublisherId"] and comfy["DisplayName"] == "SkyReels-Audio"
    assert re.fullmatch(r">=\d+\.\d+\.\d+", comfy["requires-comfyui"])
    assert f"\n## {__version__}" in (PACK / "CHANGELOG.md").read_text(encoding="utf-8")


def test_nothing_that_a_host_needs_is_left_out_of_the_archive():
    """Patterns that start with a slash are of the root: `docs/` would take the help pages too."""
    assert all(pattern.startswith("/") for pattern in patterns())
    needed = {"__init__.py", "nodes", "skyreels_core", "locales", "workflows", "requirements.txt", "LICENSE"}
    assert not needed & {pattern.strip("/") for pattern in patterns()}


def test_everything_that_the_nodes_reach_is_in_the_archive():
    files = archived()
    assert {path.relative_to(PACK) for path in reachable()} <= files
    shipped = {file for file in tracked() if file.parts[0] in ("locales", "workflows", "nodes")}
    assets = {file for file in tracked() if file.parts[:2] == ("skyreels_core", "assets")}
    assert shipped | assets <= files


def test_what_a_host_does_not_need_is_left_out_of_the_archive():
    folders = {"training", "benchmarks", "tools", "tests", "docs", ".ci"}
    assert [file for file in archived() if folders & set(file.parts[:2])] == []
    assert len(archived()) < len(tracked())


def test_every_placeholder_is_listed_where_the_publisher_looks():
    guide = PUBLISHING.read_text(encoding="utf-8")
    texts = (file for file in tracked() if file.suffix in (".md", ".toml", ".py", ".json", ".txt", ".js"))
    holding = {str(file) for file in texts if PLACEHOLDER in (PACK / file).read_text(encoding="utf-8")}
    listed = set(re.findall(r"^\| `([^`]+)` \|", guide, re.MULTILINE))
    assert holding - {"docs/publishing.md", "tests/nodes/test_packaging.py"} == listed
    assert f"`{PROJECT['tool']['comfy']['PublisherId']}`" in guide


def test_the_registrys_page_has_its_links():
    urls = PROJECT["project"]["urls"]
    assert {"Repository", "Documentation", "Bug Tracker"} <= urls.keys()
    assert all(url.startswith("https://") for url in urls.values())
    assert urls["Documentation"].startswith(urls["Repository"])
    assert urls["Bug Tracker"].startswith(urls["Repository"])
