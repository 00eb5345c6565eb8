"""What a cropped edit of real footage leaves of the rest: exact before it is encoded, and how near after H.264."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from skyreels_core.media.compositing import FEATHER
from skyreels_core.media.encoding import Encoding
from skyreels_core.media.footage import Footage, TruncatedFrames, collect, open_video
from skyreels_core.media.reading import Video
from skyreels_core.media.region import Region, feather
from skyreels_core.media.writing import to_uint8, write_video
from skyreels_core.pipeline.face_crop import edit_faces
from skyreels_core.pipeline.planning import facts_of, plan_edit

from .crop import MOTIONS
from .material import bundle, shipped
from .real_clips import SCREEN, OnScreen, RealClip, masks, real_clips
from .record import Record

LUMA = torch.tensor([0.2126, 0.7152, 0.0722])
FRAMES, STEPS = 33, 4  # what is outside the mask does not depend on how well the mouth is made
GRAIN = 2 / 255  # of a camera, which enlarging smooths away


@dataclass(frozen=True, eq=False)
class Grainy:
    """Frames with grain of their own, in whole steps of 8 bits as a file has them."""

    frames: OnScreen
    size: tuple[int, int] = SCREEN

    def __len__(self) -> int:
        return len(self.frames)

    def stream(self, first: int = 0) -> Iterator[Tensor]:
        for index, frame in enumerate(self.frames.stream(first), first):
            grain = torch.randn(frame.shape[:2], generator=torch.Generator().manual_seed(index))
            yield ((frame + GRAIN * grain[..., None]).clamp(0, 1) * 255).round() / 255


def run(record: Record) -> None:
    clips = real_clips()
    record["clips"], record["frames"], record["grain"] = len(clips), FRAMES, 255 * GRAIN
    sizes = [clip.video.size for clip in clips]
    record["sizes"] = sorted({f"{width}x{height}" for width, height in sizes})
    own = [(clip.video, masks(clip.points, clip.video.size, clip.video.fps).box_region) for clip in clips]
    record["as_they_are"] = [_measured(clip, *one) for clip, one in zip(clips, own, strict=True)]
    record["1080p"] = [_measured(clips[0], *_on_screen(clips[0], motion)) for motion in ("still", "pan")]


def _on_screen(clip: RealClip, name: str) -> tuple[Grainy, Region]:
    motion = MOTIONS[name]
    region = masks(clip.moved(motion), SCREEN, clip.video.fps).box_region
    return Grainy(OnScreen(clip, motion)), region


def _measured(clip: RealClip, frames: Footage | Grainy, region: Region) -> dict[str, float | bool]:
    source = collect(TruncatedFrames(frames, FRAMES))
    made = _edited(clip, source, TruncatedFrames(region, FRAMES))
    with tempfile.TemporaryDirectory() as folder:
        lossy, exact = Path(folder) / "lossy.mp4", Path(folder) / "exact.mkv"
        write_video(lossy, made, clip.video.fps)
        write_video(exact, made, clip.video.fps, encoding=Encoding(lossless=True))
        files = open_video(lossy).stream(), open_video(exact).stream()
        return _compared(source, made, TruncatedFrames(region, FRAMES), *files)


def _edited(clip: RealClip, source: Tensor, region: Region) -> Tensor:
    voice = clip.video.audio
    assert voice is not None
    video = Video(source, clip.video.fps, voice)
    settings = shipped().override(steps=STEPS)
    plan = plan_edit(settings, facts_of(bundle()), video, voice, "video", "square")
    return edit_faces(bundle(), video, voice, region, "a person", plan=plan).tensor()


def _compared(
    source: Tensor, made: Tensor, region: Region, lossy: Iterator[Tensor], exact: Iterator[Tensor]
) -> dict[str, float | bool]:
    """Beyond the feathered box: of luma as the file has it, and of RGB whose colours 4:2:0 halves."""
    same, kept, errors, changed = True, True, [], 0.0
    pixels = max(1, round(FEATHER * min(source.shape[1:3])))  # no crop's own is wider
    rows = zip(source, made, region.stream(), lossy, exact, strict=True)
    for original, edited, mask, coded, whole in rows:
        outside = feather(mask[None], pixels)[0] == 0
        same &= torch.equal(edited[outside], original[outside])
        kept &= torch.equal(to_uint8(whole[outside]), to_uint8(original[outside]))
        changed = max(changed, float((edited - original).abs().max()))
        errors.append(
            torch.stack([_error(coded @ LUMA, original @ LUMA, outside), _error(coded, original, outside)])
        )
    luma, rgb = (-10 * torch.stack(errors).mean(0).log10()).tolist()
    lowest = float((-10 * torch.stack(errors)[:, 0].log10()).min())
    return {"exact": same and kept, "changed": changed, "luma": luma, "lowest": lowest, "rgb": rgb}


def _error(one: Tensor, other: Tensor, outside: Tensor) -> Tensor:
    return (one - other)[outside].double().square().mean()
