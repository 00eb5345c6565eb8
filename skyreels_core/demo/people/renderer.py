"""Pictures of an actor, and where everything is in them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from . import gl
from .actor import Actor, Solid
from .head import EYE, LASH, LOWER_TEETH, PIVOT, TONGUE, UPPER_TEETH

LABELS = {
    "background": 0, "skin": 1, "lips": 2, "cavity": 3, "teeth": 4, "tongue": 5, "eye": 6, "lash": 7, "hair": 8,
    "glasses": 9, "pupil": 10, "shirt": 11,
}  # fmt: skip
MOUTH = ("lips", "cavity", "teeth", "tongue")
PARTS = (  # program, parts of the head, label
    ("eye", (EYE,), "eye"), ("mouth", (UPPER_TEETH, LOWER_TEETH), "teeth"), ("mouth", (TONGUE,), "tongue"),
    ("lash", (LASH,), "lash"),
)  # fmt: skip


@dataclass(frozen=True)
class HeadTurn:
    """degrees; yaw turns to the person's left, pitch nods down, roll leans to the picture's left."""

    yaw: float = 0.0
    pitch: float = 0.0
    roll: float = 0.0

    @property
    def matrix(self) -> np.ndarray:
        (cy, sy), (cp, sp), (cr, sr) = (
            (np.cos(a), np.sin(a)) for a in np.radians([self.yaw, self.pitch, self.roll])
        )
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
        self.actor, self.size = actor, (width, height)
        self.target, self.small = (gl.framebuffer(width * k, height * k) for k in (supersampling, 1))
        light, lens, aspect = actor.identity.light, actor.identity.lens, width / height
        self.fixed = {
            **light.uniforms(),
            **actor.identity.looks.uniforms(),
            "pivot": PIVOT,
            "viewpoint": lens.viewpoint,
        }
        self.lens_matrix = lens.matrix(aspect)
        self._load_head()
        worn = (("hair", actor.hair), ("glasses", actor.glasses))
        self.solids = [(*self._solid(name, solid), name) for name, solid in worn if solid is not None]
        self.screen = self._screen(aspect)

    def show(self, state: FaceState) -> None:
        """Move the actor; everything that is asked for later is of this instant."""
        head = self.actor.person.head
        self.state, self.moved = state, self.actor.person.deform(state.pose)
        self.positions.write(self.moved.astype("f4").tobytes())
        self.normals.write(head.normals(self.moved).astype("f4").tobytes())
        place = np.eye(4)
        place[:2, 3] = state.shift
        self.camera = self.lens_matrix @ place
        jaw, narrow = state.pose[head.shapes["jawOpen"]], state.pose[len(head.shapes) + 1]
        self.current = {
            "camera": self.camera, "turn": state.turn.matrix, "gaze": HeadTurn(-state.gaze[0], -state.gaze[1]).matrix,
            "mouth_open": (3 * jaw + 0.4) * (1 - 0.6 * narrow), "drift": -0.03 * np.array(state.shift),
        }  # fmt: skip

    def picture(self) -> np.ndarray:
        """[h w 3] uint8."""
        self._begin(self.target)
        self._draw_solids(lambda label: 0.0)  # from front to back: hidden pixels are not computed
        for used, array, _, label in self.parts:
            self._draw(used, array, is_tongue=float(label == "tongue"))
        self.scenery.use()
        self._draw(gl.program("screen"), self.screen, gl.STRIP)
        pixels = gl.read(self.target)
        return cv2.resize(pixels, self.size, interpolation=cv2.INTER_AREA)

    def labels(self) -> np.ndarray:
        """[h w] uint8: what each pixel shows, numbers as in LABELS."""
        self._begin(self.small)
        self._draw_solids(lambda label: float(LABELS[label]))
        for _, _, array, label in self.parts:
            self._draw(gl.program("ids"), array, label=float(LABELS[label]))
        return gl.read(self.small)[..., 0]

    def mouth(self) -> np.ndarray:
        """[h w] bool: the lips and everything between them, from the face around them alone, which is faster."""
        self._begin(self.small)
        self._draw(gl.program("ids"), self.around_mouth, label=float(LABELS["skin"]))
        for _, _, array, label in self.parts:
            if label in MOUTH:
                self._draw(gl.program("ids"), array, label=float(LABELS[label]))
        return np.isin(gl.read(self.small)[..., 0], [LABELS[name] for name in MOUTH])

    def places(self, rows: np.ndarray) -> np.ndarray:
        """Pixels (x, y) [k 2] of vertices [k] of the head."""
        turning, points = self.actor.person.head.turning[rows, None], self.moved[rows]
        turned = (points - PIVOT) @ self.state.turn.matrix.T + PIVOT
        points = np.concatenate([points * (1 - turning) + turned * turning, np.ones_like(turning)], axis=1)
        clip = points @ self.camera.T
        flat = clip[:, :2] / clip[:, 3:] * [0.5, -0.5] + 0.5
        return (flat * self.size).astype(np.float32)

    def _load_head(self) -> None:
        actor, head = self.actor, self.actor.person.head
        self.positions, self.normals = (
            gl.context().buffer(reserve=12 * len(head.base), dynamic=True) for _ in range(2)
        )
        values = [head.base, actor.person.eye_directions(), actor.exposure, actor.paint]
        static = gl.context().buffer(np.concatenate(values, axis=1).astype("f4").tobytes())
        columns = {"base": 3, "direction": 3, "exposure": 4, "paint": 4}
        content = [(self.positions, {"position": 3}), (self.normals, {"normal": 3}), (static, columns)]
        skin, cloth = actor.skin_and_cloth()
        meshes = [
            ("skin", skin, "skin"),
            *((name, actor.triangles(*parts), label) for name, parts, label in PARTS),
        ]
        self.parts = []
        for name, triangles, label in (*meshes, ("cloth", cloth, "shirt")):
            used = gl.program(name, actor.identity.looks.features if name == "skin" else ())
            arrays = (gl.vertex_array(p, content, triangles) for p in (used, gl.program("ids")))
            self.parts.append((used, *arrays, label))
        x, y, z = head.base.T
        around = ((np.abs(x) < 0.75) & (np.abs(y - 6.7) < 0.65) & (z > 0.8)) | (head.cavity > 0)
        self.around_mouth = gl.vertex_array(gl.program("ids"), content, skin[around[skin].all(1)])

    def _solid(self, name: str, solid: Solid) -> tuple[Any, Any]:
        values = np.concatenate([solid.positions, solid.normals, solid.base, solid.exposure], axis=1)
        columns = {"position": 3, "normal": 3, "base": 3, "exposure": 4}
        used = gl.program(name, self.actor.identity.looks.hair_features if name == "hair" else ())
        buffer = gl.context().buffer(values.astype("f4").tobytes())
        return used, gl.vertex_array(used, [(buffer, columns)], solid.triangles)

    def _screen(self, aspect: float) -> Any:
        """A rectangle with the background, which is drawn here once."""
        corners = gl.context().buffer(np.array([-1, -1, 1, -1, -1, 1, 1, 1], "f4").tobytes())
        scenery = gl.framebuffer(*self.size)
        self._begin(scenery)
        array = gl.context().vertex_array(gl.program("background"), [(corners, "2f", "corner")])
        gl.set_uniforms(
            gl.program("background"), {**self.actor.identity.background.uniforms(), "aspect": aspect}
        )
        array.render(gl.STRIP)
        self.scenery = scenery.color_attachments[0]
        self.scenery.repeat_x = self.scenery.repeat_y = False
        return gl.context().vertex_array(gl.program("screen"), [(corners, "2f", "corner")])

    def _begin(self, target: Any) -> None:
        target.use()
        target.clear()
        gl.context().enable(gl.context().DEPTH_TEST | gl.context().CULL_FACE)

    def _draw_solids(self, number: Callable[[str], float]) -> None:
        """Their back sides too: through a gap at the ear one sees the inside of hair, not the wall."""
        gl.context().disable(gl.context().CULL_FACE)
        for used, array, label in self.solids:
            self._draw(used, array, label=number(label))
        gl.context().enable(gl.context().CULL_FACE)

    def _draw(self, used: Any, array: Any, mode: int = gl.TRIANGLES, **uniforms: Any) -> None:
        gl.set_uniforms(used, {**self.fixed, **self.current, **uniforms})
        array.render(mode)
