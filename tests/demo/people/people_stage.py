"""People in front of a camera, for the tests beside this file."""

from __future__ import annotations

from skyreels_core.demo.people.actor import Actor
from skyreels_core.demo.people.head import Head
from skyreels_core.demo.people.identity import MOODS, Identity
from skyreels_core.demo.people.person import pose
from skyreels_core.demo.people.renderer import FaceState, HeadTurn, Renderer

SIZE = 128
PEOPLE = (2, 3, 11, 14, 19)  # with and without beard, fringe, glasses and grey hair


class Stage:
    """People in front of the camera, each built once."""

    def __init__(self, head: Head):
        self.head, self._renderers = head, {}

    def renderer(self, number: int, width: int = SIZE, height: int = SIZE) -> Renderer:
        key = number, width, height
        if key not in self._renderers:
            self._renderers[key] = Renderer(Actor.of(Identity.draw(number)), width, height)
        return self._renderers[key]

    def show(self, number: int, turn: HeadTurn | None = None, **weights: float) -> Renderer:
        """A person with a facial expression on top of their mood."""
        renderer = self.renderer(number)
        mood = pose(self.head, **MOODS[renderer.actor.identity.mood])
        renderer.show(FaceState(mood + pose(self.head, **weights), turn or HeadTurn()))
        return renderer
