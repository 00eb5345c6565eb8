"""The families that the tests run: an entry here, a small model in `families.py`, and every claim is checked of it.

SKYREELS_FAMILY=<folder> checks one folder alone.
"""

from __future__ import annotations

import os
from dataclasses import dataclass


@dataclass(frozen=True)
class Entry:
    """A way to load models of one family.

    folder: the family's, in nodes/families. contract, compiled: False where another entry shows the same already.
    layers_apart: its layers come from a file of their own, so they also go on a model that is compiled before.
    reloads: the pack loads its backbone, so the host may ask for it again without dynamic VRAM. null_picture: its null
    branch can lose the picture. fps: of its videos. edits: Video Edit Lip-Sync takes it.
    """

    folder: str
    contract: bool = True
    compiled: bool = True
    layers_apart: bool = False
    reloads: bool = False
    null_picture: bool = True
    fps: float = 25.0
    edits: bool = True


EVERY = {
    "SkyReels-Audio": Entry("skyreels_audio", compiled=False, reloads=True),
    "audio layers": Entry("skyreels_audio", contract=False, layers_apart=True, reloads=True),
    "InfiniteTalk": Entry("multitalk", layers_apart=True, reloads=True),
    "SkyReels-V3": Entry("multitalk", reloads=True),
    "SkyReels-V3 in fp8": Entry("multitalk", contract=False, compiled=False, reloads=True),
    "HuMo": Entry("humo", null_picture=False),
    "Wan2.2-S2V": Entry("s2v", fps=16.0, edits=False),
    "toy": Entry("toy"),
}
ONLY = os.environ.get("SKYREELS_FAMILY")
FAMILIES = {name: entry for name, entry in EVERY.items() if ONLY in (None, entry.folder)}
CONTRACT = {name: entry for name, entry in FAMILIES.items() if entry.contract}
EDITING = {name: entry for name, entry in CONTRACT.items() if entry.edits}
COMPILED = {name: entry for name, entry in FAMILIES.items() if entry.compiled}
