"""python -m benchmarks.crop_run SECONDS FOLDER: one cropped edit of 1080p footage, whose frames are read and let go.

So that a CPU does it in minutes: the backbone has one narrow layer, the VAE averages and repeats pixels (latents have
their real size, 16 channels at an eighth), and the footage is drawn instead of decoded. None of the three changes what
grows with the length.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace

import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool3d, interpolate

from skyreels_core.conditioning.faces import face_masks
from skyreels_core.conditioning.pose import Keypoints
from skyreels_core.demo.faces import draw_face
from skyreels_core.media.sound import Audio
from skyreels_core.model.adapter import AudioAdapter
from skyreels_core.model.backbone import WanModel
from skyreels_core.model.bundle import DEMO_AUDIO, Bundle
from skyreels_core.model.config import CONFIGS, LATENT_CHANNELS
from skyreels_core.model.vae import VideoVAE
from skyreels_core.pipeline.face_crop import edit_faces
from skyreels_core.pipeline.planning import facts_of, plan_edit
from skyreels_core.run.resume import WorkFolder

from .long_material import DrawnSpeaker
from .material import FPS, bundle, shipped

CROP, METHOD, STEPS = 640, "pinned", 2
TURN, FACE, CORNER, SCREEN = (
    4,
    288,
    (800, 300),
    (1920, 1080),
)  # seconds that are drawn, forwards and backwards
WIDTH = {"dim": 64, "num_heads": 2, "num_layers": 1}


class Averages(nn.Module):
    """In place of the VAE's network: blocks of 4 frames and 8 x 8 pixels."""

    device, dtype = torch.device("cpu"), torch.float32

    def __init__(self) -> None:
        super().__init__()
        zeros, ones = [0.0] * LATENT_CHANNELS, [1.0] * LATENT_CHANNELS
        self.config = {"z_dim": LATENT_CHANNELS, "latents_mean": zeros, "latents_std": ones, "base_dim": 1}
        self.post_quant_conv, self.decoder = nn.Conv3d(LATENT_CHANNELS, LATENT_CHANNELS, 1), Repeats()

    def encode(self, video: Tensor) -> tuple[SimpleNamespace]:
        first, rest = avg_pool3d(video[:, :, :1], (1, 8, 8)), avg_pool3d(video[:, :, 1:], (4, 8, 8))
        channels = torch.cat([first, rest], dim=2).repeat(1, LATENT_CHANNELS // 3 + 1, 1, 1, 1)
        return (SimpleNamespace(mean=channels[:, :LATENT_CHANNELS]),)


class Repeats(nn.Module):
    def forward(self, hidden: Tensor, feat_cache: list, feat_idx: list[int], first_chunk: bool) -> Tensor:
        return interpolate(hidden[:, :3], scale_factor=(1 if first_chunk else 4, 8, 8))


@dataclass(frozen=True, eq=False)
class Drawn:
    """A small face in a large frame, that speaks forwards and backwards."""

    faces: Tensor  # [f h w 3] of half a turn
    length: int
    size: tuple[int, int] = SCREEN
    fps: float = FPS
    audio: None = None

    def __len__(self) -> int:
        return self.length

    def stream(self, first: int = 0) -> Iterator[Tensor]:
        for index in range(first, self.length):
            frame = torch.full((*self.size[::-1], 3), 0.4)
            frame[CORNER[1] : CORNER[1] + FACE, CORNER[0] : CORNER[0] + FACE] = self.faces[self.place(index)]
            yield frame

    def place(self, index: int) -> int:
        half = len(self.faces)
        turn = index % (2 * half)
        return turn if turn < half else 2 * half - 1 - turn


def tiny() -> Bundle:
    torch.manual_seed(0)
    model = WanModel(replace(CONFIGS["demo"], ffn_dim=64, **WIDTH)).eval()
    adapter = AudioAdapter(replace(DEMO_AUDIO, **WIDTH)).eval()
    vae = VideoVAE(Averages())  # pyright: ignore[reportArgumentType]
    return replace(bundle(), model=model, adapter=adapter, vae=vae)


def main(seconds: float, folder: Path) -> None:
    half = round(TURN * FPS)
    speaker = DrawnSpeaker.draw(0, TURN)
    face = draw_face(speaker.who, speaker.motion.slice(0, half), speaker.curves.slice(0, half), FACE)
    video = Drawn(face.frames, round(seconds * FPS))
    places = torch.stack([face.landmarks[video.place(index)] for index in range(len(video))])
    found = Keypoints.of_one_face(places + torch.tensor(CORNER), *SCREEN)
    region = face_masks(found, FPS).box_region
    voice = Audio(speaker.samples.repeat(round(seconds / TURN) + 1)[None, : round(seconds * 16000)], 16000)
    settings = shipped().override(
        width=CROP, height=CROP, steps=STEPS, window=3, overlap=1, method=METHOD, audio_guidance="1",
        text_guidance="1", cache_threshold=0,
    )  # fmt: skip
    models = tiny()
    plan = plan_edit(settings, facts_of(models), video, voice, "video", "square")
    with torch.no_grad(), WorkFolder(folder / "work") as work:
        result = edit_faces(models, video, voice, region, plan=plan, progress=_bars, work=work)
        assert sum(1 for _ in result.frames) == len(video)
        work.finish()


def _bars(stage: str, done: int, planned: int, what: str) -> None:
    if done % 20 == 0:
        sys.stderr.write(f"\r{stage}: {100 * done // planned}%")


if __name__ == "__main__":
    main(float(sys.argv[1]), Path(sys.argv[2]))
