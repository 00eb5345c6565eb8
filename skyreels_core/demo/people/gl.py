"""OpenGL for the demo's people, on a GPU or in software (Mesa's llvmpipe): one context a process."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from ...errors import InputError

SHADERS = Path(__file__).with_name("shaders")
VERTEX_SHADERS = {  # of each program, whose fragment shader has its name
    "skin": "head", "cloth": "head", "eye": "head", "mouth": "head", "lash": "head", "ids": "head", "hair": "hair",
    "glasses": "hair", "background": "background", "screen": "screen",
}  # fmt: skip
TRIANGLES, STRIP = 4, 5  # OpenGL's numbers
MATRICES = ("camera", "turn", "gaze")


@functools.lru_cache(maxsize=1)
def context() -> Any:
    """The process's context. Raises InputError where there is no moderngl or no OpenGL."""
    try:
        moderngl = import_module("moderngl")
    except ImportError as error:
        raise InputError(
            'Drawing the demo\'s people needs moderngl. Install it with: pip install "skyreels-audio[people]"'
        ) from error
    try:
        made = moderngl.create_context(standalone=True, backend="egl")
    except Exception as error:  # moderngl raises plain Exception
        raise InputError(
            f"Drawing the demo's people needs OpenGL 3.3 through EGL, which did not start ({error}). "
            "A GPU's driver brings it, or Mesa in software (Debian: apt-get install libegl1 libgl1-mesa-dri)."
        ) from error
    made.gc_mode = "auto"
    return made


@functools.lru_cache(maxsize=64)
def program(name: str, features: tuple[str, ...] = ()) -> Any:
    """A program with some of its optional features compiled in; software OpenGL computes every branch it has."""
    head = "#version 330\n" + "".join(f"#define {feature}\n" for feature in features)
    common = (SHADERS / "common.glsl").read_text(encoding="utf-8")
    vertex, fragment = (
        head + common + (SHADERS / file).read_text(encoding="utf-8")
        for file in (f"{VERTEX_SHADERS[name]}.vert", f"{name}.frag")
    )
    return context().program(vertex_shader=vertex, fragment_shader=fragment)


def vertex_array(used: Any, content: list[tuple[Any, dict[str, int]]], triangles: np.ndarray) -> Any:
    """Buffers with their columns {name: floats} for a program; columns that it does not use are skipped."""
    known = []
    for buffer, columns in content:
        layout = " ".join(f"{n}f" if name in used else f"{4 * n}x" for name, n in columns.items())
        if names := [name for name in columns if name in used]:
            known.append((buffer, layout, *names))
    return context().vertex_array(used, known, context().buffer(triangles.astype("i4").tobytes()))


def framebuffer(width: int, height: int) -> Any:
    colours = context().texture((width, height), 4)
    return context().framebuffer([colours], context().depth_renderbuffer((width, height)))


def read(target: Any) -> np.ndarray:
    """[h w 3] uint8, the first line on top."""
    width, height = target.size
    return np.frombuffer(target.read(components=3, alignment=1), np.uint8).reshape(height, width, 3)[::-1]


def set_uniforms(used: Any, values: Mapping[str, Any]) -> None:
    """Those of `values` that the program knows."""
    for name, value in values.items():
        if name in used:
            array = np.asarray(value, "i4" if used[name].fmt.endswith("i") else "f4")
            array = array.T if name in MATRICES else array  # OpenGL's matrices are stored by columns
            used[name].write(np.ascontiguousarray(array).tobytes())
