"""What a command imports: nothing heavy before it runs, and nothing that it does not use."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

HEAVY = {
    "accelerate", "av", "cv2", "diffusers", "matplotlib", "numpy", "onnxruntime", "pyloudnorm", "requests", "scipy",
    "sentencepiece", "soundfile", "torch", "tqdm", "transformers", "websocket",
}  # fmt: skip
SHOWN = "import json, sys; print(json.dumps(sorted({name.split('.')[0] for name in sys.modules})))"


def imported(code: str) -> set[str]:
    """Of HEAVY, in a process of its own."""
    ran = subprocess.run(
        [sys.executable, "-c", f"{code}\n{SHOWN}"], stdout=subprocess.PIPE, text=True, check=True
    )
    return HEAVY & set(json.loads(ran.stdout.splitlines()[-1]))


HELP = """
from contextlib import suppress
from skyreels_core.cli import main
with suppress(SystemExit):
    main({words})
"""


@pytest.mark.parametrize("words", [["--help"], ["animate", "--help"]])
def test_help_imports_nothing_heavy(words):
    assert imported(HELP.format(words=words)) == set()


def test_the_public_names_import_nothing_heavy():
    assert imported("import skyreels_core") == set()


@pytest.mark.parametrize(
    "module, needed",
    [("queue", {"requests", "websocket"}), ("inspect", {"numpy", "torch"})],
)
def test_a_command_imports_what_it_uses(module, needed):
    assert imported(f"import skyreels_core.cli.{module}") <= needed | {"tqdm"}


def test_animate_imports_nothing_of_other_commands():
    """CLIP reads the pictures of few models."""
    others = (
        "transformers.models.clip.modeling_clip",
        "skyreels_core.training.recipe",
        "skyreels_core.cli.demo",
    )
    code = "\n".join(f"assert {name!r} not in sys.modules, {name!r}" for name in others)
    found = imported(f"import skyreels_core.cli.commands, sys\n{code}")
    assert not found & {"matplotlib", "onnxruntime", "pyloudnorm", "websocket"}
