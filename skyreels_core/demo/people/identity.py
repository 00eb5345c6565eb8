"""A whole person: build, looks, mood and scene from one seed, and the caption that describes them."""

from __future__ import annotations

import random
from dataclasses import dataclass

from .build import Build
from .looks import SKIN_WORDS, Looks
from .scene import Background, Lens, Light, draw_background
from .styles import STYLES

MOODS = {  # the expression under everything a person does; never quite neutral, which looks stern
    "happy": {"mouthSmile": 0.48, "cheekSquint": 0.25, "browOuterUp": 0.15, "eyeWide": 0.12, "browInnerUp": 0.05},
    "friendly": {"mouthSmile": 0.34, "cheekSquint": 0.14, "browOuterUp": 0.15, "eyeWide": 0.18, "browInnerUp": 0.06},
    "calm": {"mouthSmile": 0.24, "cheekSquint": 0.06, "eyeWide": 0.12, "browOuterUp": 0.1, "browInnerUp": 0.06},
    "serious": {"mouthSmile": 0.13, "eyeWide": 0.08, "browDown": 0.2, "browOuterUp": 0.08},
    "curious": {"mouthSmile": 0.28, "cheekSquint": 0.08, "eyeWide": 0.32, "browInnerUp": 0.28, "browOuterUp": 0.45},
}  # fmt: skip
MOOD_WEIGHTS = (3, 3, 2, 1, 1)
SKIN_BY_RACE = (5.2, 1.9, 0.8)  # place in SKINS, mean of each
CAST = {"Ruby": 35, "Omar": 43, "Ines": 28, "Henry": 21, "Nora": 39, "Felix": 5, "Grace": 53, "Mei": 32}


@dataclass(frozen=True)
class Identity:
    build: Build
    looks: Looks
    mood: str
    light: Light
    lens: Lens
    background: Background

    @classmethod
    def draw(cls, seed: int) -> Identity:
        """The person of a number: the same one each time."""
        rng = random.Random(f"person {seed}")
        is_man = rng.random() < 0.5
        gender = rng.uniform(0.88, 1) if is_man else rng.uniform(0, 0.12)
        age = min(max(rng.gauss(0.51, 0.09), 0.43), 0.69)
        race = _race(rng)
        skin = sum(r * s for r, s in zip(race, SKIN_BY_RACE, strict=True)) + rng.gauss(0, 0.6)
        skin = min(max(skin, 0.0), 6.0)
        build, looks = Build.draw(rng, gender, age, race), Looks.draw(rng, is_man, age, skin)
        mood = rng.choices(list(MOODS), MOOD_WEIGHTS)[0]
        return cls(build, looks, mood, Light.draw(rng), Lens.draw(rng), draw_background(rng))

    @property
    def caption(self) -> str:
        """One sentence about what is seen."""
        looks, age = self.looks, self.build.age
        noun = "man" if self.build.gender > 0.5 else "woman"
        word = "older " if age > 0.6 else "young " if age < 0.5 else ""
        hair = STYLES[looks.style].caption.format(looks.hair)
        parts = [f"with {SKIN_WORDS[round(looks.skin)]} skin, {hair}"]
        if looks.beard:
            parts.append(f"a {looks.beard}" if looks.beard != "stubble" else "stubble")
        if looks.glasses:
            parts.append(f"{looks.glasses[0]} {looks.glasses[1]} glasses")
        listed = ", ".join(parts[:-1]) + " and " + parts[-1] if len(parts) > 1 else parts[0]
        striped = f" with {looks.stripes} stripes" if looks.stripes else ""
        wears = f"a {looks.shirt} {looks.collar} shirt{striped}"
        article = "an" if (self.mood + word)[0] in "aeiou" else "a"
        return f"{article} {self.mood} {word}{noun} {listed} and {looks.iris} eyes, in {wears}, {self._place}"

    @property
    def _place(self) -> str:
        article = "an" if self.background.caption[0] in "aeiou" else "a"
        return f"in front of {article} {self.background.caption}"


def _race(rng: random.Random) -> tuple[float, float, float]:
    """A mixture in which one part mostly prevails."""
    shares = [rng.gammavariate(0.5, 1) + 1e-3 for _ in SKIN_BY_RACE]
    african, asian, caucasian = (share / sum(shares) for share in shares)
    return african, asian, caucasian
