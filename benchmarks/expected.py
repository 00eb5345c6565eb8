"""What a window of the large models takes on a GPU, estimated from their sizes: python -m benchmarks.expected

Writes the table of docs/weights.md. Nothing here is measured: a forward's arithmetic over the share of a GPU's
dense bf16 peak that large matrix products usually reach.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from skyreels_core.model.config import CONFIGS, PATCH_SIZE, WanConfig
from skyreels_core.timeline import SPATIAL, latent_frames

PAGE = Path(__file__).parents[1] / "docs" / "weights.md"
START, END = "<!-- estimated -->\n", "<!-- /estimated -->"
WIDTH, HEIGHT, FRAMES = 832, 480, 81
# Share of the peak that is reached.
REACHED = 0.45
# Dense bf16 with float32 accumulation, TFLOP/s, by their data sheets.
GPUS = {
    "RTX 3090, 24 GB": 71,
    "RTX 4090, 24 GB": 165,
    "RTX 5090, 32 GB": 210,
    "A100, 80 GB": 312,
    "H100, 80 GB": 989,
}


@dataclass(frozen=True)
class Way:
    """A model and a preset: how many forwards a window takes."""

    name: str
    config: WanConfig
    steps: int
    branches: float  # forwards a step; 2.4: the text's guidance ends after 40 % of the steps

    @property
    def forwards(self) -> float:
        return self.steps * self.branches


SMALL, LARGE = CONFIGS["t2v-1.3b"], CONFIGS["i2v-14b"]
WAYS = (
    Way("SkyReels-Audio layers on Wan 1.3B, 50 steps", SMALL, 50, 2.4),
    Way("SkyReels-Audio layers on Wan 14B, 50 steps", LARGE, 50, 2.4),
    Way("HuMo 17B, 50 steps", LARGE, 50, 3),
    Way("SkyReels-V3 A2V, 4 steps as published", LARGE, 4, 1),
    Way("SkyReels-V3 A2V or InfiniteTalk, 40 steps", LARGE, 40, 3),
    Way("InfiniteTalk, 8 steps with a distillation LoRA", LARGE, 8, 2),
    Way("InfiniteTalk or HuMo 17B, 6 steps with the lightx2v LoRA", LARGE, 6, 1),
)


def tokens() -> int:
    grid = latent_frames(FRAMES), HEIGHT // SPATIAL, WIDTH // SPATIAL
    return grid[0] * grid[1] * grid[2] // (PATCH_SIZE[1] * PATCH_SIZE[2])


def operations(config: WanConfig, count: int) -> float:
    """Multiplications and additions of one forward over `count` tokens, audio attention counted as the text's."""
    attention = 8 * count * config.dim**2 + 4 * count**2 * config.dim
    cross = 2 * (4 * count * config.dim**2 + 4 * count * config.text_len * config.dim)
    return config.num_layers * (attention + cross + 4 * count * config.dim * config.ffn_dim)


def table() -> str:
    rows = [["model and preset", "forward passes", *GPUS], ["---"] * (2 + len(GPUS))]
    for way in WAYS:
        work = way.forwards * operations(way.config, tokens())
        times = [clock(work / (peak * 1e12 * REACHED)) for peak in GPUS.values()]
        rows.append([way.name, f"{way.forwards:.0f}", *times])
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def clock(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"


def main() -> None:
    before, rest = PAGE.read_text(encoding="utf-8").split(START)
    PAGE.write_text(before + START + table() + END + rest.split(END)[1], encoding="utf-8")


if __name__ == "__main__":
    main()
