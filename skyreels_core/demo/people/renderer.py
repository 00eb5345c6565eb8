"""Pictures of a person with OpenGL, on a GPU or in software (Mesa's llvmpipe): one context a process."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from ...errors import InputError
from .actor import Actor, Solid
from .head import EYE, LASH, LOWER_TEETH, PIVOT, SKIN, TONGUE, UPPER_TEETH

SHADERS = Path(__file__).with_name("shaders")
LABELS = {
    "background": 0, "skin": 1, "lips": 2, "cavity": 3, "teeth": 4, "tongue": 5, "eye": 6, "lash": 7, "hair": 8,
    "glasses": 9, "pupil": 10,
}  # fmt: skip


PARTS = (  # program, parts of the head, label
    ("skin", (SKIN,), "skin"), ("eye", (EYE,), "eye"), ("mouth", (UPPER_TEETH, LOWER_TEETH), "teeth"),
    ("mouth", (TONGUE,), "tongue"), ("lash", (LASH,), "lash"),
)  # fmt: skip


@dataclass(frozen=True)
class HeadTurn:
    """degrees; yaw turns to the person's left, pitch nods down, roll leans to the picture's left."""

    yaw: float = 0.0
    pitch: float = 0.0
    roll: float = 0.0

    @property
    def matrix(self) -> np.ndarray:
        (cy, sy), (cp, sp), (cr, sr) = ((np.cos(a), np.sin(a)) for a in np.radians([self.yaw, self.pitch, self.roll]))
        yaw = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
        pitch = np.array([[1, 0, 0], [0, cp, -sp], [0, sp, cp]])
        roll = np.array([[cr, -sr, 0], [sr, cr, 0], [0, 0, 1]])
        return yaw @ pitch @ roll


@dataclass(frozen=True, eq=False)
class FaceState:
    """One instant of a face."""

    pose: np.ndarray  # [55] as person.channels names them
    turn: HeadTurn = HeadTurn()
    gaze: tuple[float, float] = (0.0, 0.0)  # degrees against the head: to the person's left, down
    shift: tuple[float, float] = (0.0, 0.0)  # dm, of the whole person


class Renderer:
    """Draws one actor: `show` an instant, then ask for its picture, labels or places of vertices."""

    def __init__(self, actor: Actor, width: int, height: int, supersampling: int = 2):
        self.actor, self.size, self.supersampling = actor, (width, height), supersampling
        context, head = _context(), actor.person.head
        self.target, self.small = (_framebuffer(width * k, height * k) for k in (supersampling, 1))
        self.positions, self.normals = (context.buffer(reserve=12 * len(head.base), dynamic=True) for _ in range(2))
        columns = [head.base, actor.person.eye_directions(), actor.exposure, actor.paint]
        self.static = context.buffer(np.concatenate(columns, axis=1).astype("f4").tobytes())
        self.parts = [(name, label, self._part(name, parts), self._part("ids", parts)) for name, parts, label in PARTS]
        worn = (("hair", actor.hair), ("glasses", actor.glasses))
        self.solids = [(name, self._solid(name, solid)) for name, solid in worn if solid is not None]
        corners = np.array([-1, -1, 1, -1, -1, 1, 1, 1], "f4")
        self.screen = context.vertex_array(_programs()["background"], [(context.buffer(corners.tobytes()), "2f", "corner")])
        light, lens = actor.identity.light, actor.identity.lens
        self.fixed = {
            **light.uniforms(), **actor.identity.looks.uniforms(), **actor.identity.background.uniforms(),
            "pivot": PIVOT, "viewpoint": lens.viewpoint, "aspect": width / height,
        }  # fmt: skip

    def show(self, state: FaceState) -> None:
        """Move the actor; everything that is asked for later is of this instant."""
        head, lens = self.actor.person.head, self.actor.identity.lens
        self.state, self.moved = state, self.actor.person.deform(state.pose)
        self.positions.write(self.moved.astype("f4").tobytes())
        self.normals.write(head.normals(self.moved).astype("f4").tobytes())
        place = np.eye(4)
        place[:2, 3] = state.shift
        self.camera = lens.matrix(self.size[0] / self.size[1]) @ place
        yaw, pitch = state.gaze
        jaw, narrow = state.pose[head.shapes["jawOpen"]], state.pose[len(head.shapes) + 1]
        self.current = {
            "camera": self.camera, "turn": state.turn.matrix, "gaze": HeadTurn(-yaw, -pitch).matrix,
            "mouth_open": (3 * jaw + 0.4) * (1 - 0.6 * narrow), "drift": (-0.03 * state.shift[0], -0.03 * state.shift[1]),
        }  # fmt: skip

    def picture(self) -> np.ndarray:
        """[h w 3] uint8."""
        self._clear(self.target)
        for name, array in self.solids:  # from front to back: hidden pixels are not computed
            self._draw(array, name, label=0.0)
        for name, label, array, _ in self.parts:
            self._draw(array, name, is_tongue=float(label == "tongue"))
        self._draw(self.screen, "background", triangles=False)
        pixels = _read(self.target)
        return cv2.resize(pixels, self.size, interpolation=cv2.INTER_AREA) if self.supersampling > 1 else pixels

    def labels(self) -> np.ndarray:
        """[h w] uint8: what each pixel shows, numbers as in LABELS."""
        self._clear(self.small)
        for _, label, _, array in self.parts:
            self._draw(array, "ids", label=float(LABELS[label]))
        for name, array in self.solids:
            self._draw(array, name, label=float(LABELS[name]))
        return _read(self.small)[..., 0]

    def places(self, rows: np.ndarray) -> np.ndarray:
        """Pixels (x, y) [k 2] of vertices [k] of the head."""
        turning = self.actor.person.head.turning[rows, None]
        points = self.moved[rows]
        turned = (points - PIVOT) @ self.state.turn.matrix.T + PIVOT
        points = np.concatenate([points * (1 - turning) + turned * turning, np.ones_like(turning)], axis=1)
        clip = points @ self.camera.T
        flat = clip[:, :2] / clip[:, 3:] * [0.5, -0.5] + 0.5
        return (flat * self.size).astype(np.float32)

    def _clear(self, target: Any) -> None:
        target.use()
        target.clear()
        _context().enable(_context().DEPTH_TEST)

    def _part(self, program: str, parts: tuple[int, ...]) -> Any:
        head = [(self.positions, {"position": 3}), (self.normals, {"normal": 3})]
        columns = {"base": 3, "direction": 3, "exposure": 4, "paint": 4}
        return _array(program, [*head, (self.static, columns)], self.actor.faces(*parts))

    def _solid(self, program: str, solid: Solid) -> Any:
        columns = {"position": 3, "normal": 3, "base": 3, "exposure": 4}
        values = np.concatenate([solid.positions, solid.normals, solid.base, solid.exposure], axis=1)
        return _array(program, [(_context().buffer(values.astype("f4").tobytes()), columns)], solid.triangles)

    def _draw(self, array: Any, program: str, triangles: bool = True, **uniforms: Any) -> None:
        _set(_programs()[program], {**self.fixed, **self.current, **uniforms})
        array.render(_context().TRIANGLES if triangles else _context().TRIANGLE_STRIP)


def _array(program: str, content: list[tuple[Any, dict[str, int]]], triangles: np.ndarray) -> Any:
    """A vertex array of buffers with their columns {name: floats}; what the program does not use is skipped."""
    used, known = [], _programs()[program]
    for buffer, columns in content:
        layout = " ".join(f"{n}f" if name in known else f"{4 * n}x" for name, n in columns.items())
        if names := [name for name in columns if name in known]:
            used.append((buffer, layout, *names))
    return _context().vertex_array(known, used, _context().buffer(triangles.astype("i4").tobytes()))


def _framebuffer(width: int, height: int) -> Any:
    context = _context()
    return context.framebuffer([context.renderbuffer((width, height), 4)], context.depth_renderbuffer((width, height)))


def _read(target: Any) -> np.ndarray:
    width, height = target.size
    return np.frombuffer(target.read(components=3, alignment=1), np.uint8).reshape(height, width, 3)[::-1]


def _set(program: Any, values: Mapping[str, Any]) -> None:
    for name, value in values.items():
        if name not in program:
            continue
        array = np.asarray(value, "f4")
        if array.ndim == 2 and array.shape[0] == array.shape[1] and name in ("camera", "turn", "gaze"):
            array = array.T  # OpenGL's matrices are stored by columns
        program[name].write(np.ascontiguousarray(array if name != "shapes" else np.asarray(value, "i4")).tobytes())


@functools.lru_cache(maxsize=1)
def _context() -> Any:
    try:
        import moderngl
    except ImportError as error:
        raise InputError(
            'Drawing the demo\'s people needs moderngl. Install it with: pip install "skyreels-audio[people]"'
        ) from error
    try:
        context = moderngl.create_context(standalone=True, backend="egl")
    except Exception as error:  # moderngl raises plain Exception
        raise InputError(
            f"Drawing the demo's people needs OpenGL 3.3 through EGL, which did not start ({error}). "
            "A GPU's driver brings it, or Mesa in software (Debian: apt-get install libegl1 libgl1-mesa-dri)."
        ) from error
    context.gc_mode = "auto"
    return context


@functools.lru_cache(maxsize=1)
def _programs() -> dict[str, Any]:
    common = (SHADERS / "common.glsl").read_text(encoding="utf-8")

    def source(name: str) -> str:
        return common + (SHADERS / name).read_text(encoding="utf-8")

    pairs = {
        "skin": "head", "eye": "head", "mouth": "head", "lash": "head", "ids": "head", "hair": "hair",
        "glasses": "hair", "background": "background",
    }  # fmt: skip
    return {
        name: _context().program(vertex_shader=source(f"{vertex}.vert"), fragment_shader=source(f"{name}.frag"))
        for name, vertex in pairs.items()
    }
