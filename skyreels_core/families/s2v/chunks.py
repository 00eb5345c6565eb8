"""The plan of a long video as Wan2.2-S2V is published to make it: chunks of latent frames follow each other, each shown
the last ones of what was made before.

The first chunk gives 77 frames, each later one 80: a latent frame is four frames wherever one comes before it.
"""

from __future__ import annotations

from dataclasses import dataclass

CHUNK = 20  # latent frames
MOTION = 19  # latent frames of what was made before, 73 frames


@dataclass(frozen=True)
class Chunk:
    start: int  # latent frame of the video that is its first
    length: int  # latent frames that are generated
    kept: int  # latent frames of it that the video has


def plan_chunks(latent_frames: int, length: int = CHUNK) -> tuple[Chunk, ...]:
    """All are of one length, the model's own; the last one is trimmed to the video."""
    return tuple(
        Chunk(start, length, min(length, latent_frames - start)) for start in range(0, latent_frames, length)
    )
