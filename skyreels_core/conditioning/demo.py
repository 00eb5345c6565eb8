"""The limits of the bundled demo model: it was trained on drawn faces of one size and knows nothing else."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from safetensors import safe_open
from torch import Tensor

from .. import assets
from ..model.adapter import AudioAdapter
from .visual import Animation, VideoEdit

MODEL, FINGERPRINT = "model.safetensors", "audio_proj.fc1.bias"
SIDE = 96  # pixels that it was trained at
LOOKED_AT = 0, 24  # frames of a video; the first alone may be black
NEAR, BIN = 10, 4  # how far a plain area's colours reach, and the grid that they are counted on, of 255
PLACES = torch.tensor([4096, 64, 1])  # of a colour's three bins in one number
ALIKE = 1 / 255  # neighbours that differ by no more, in every channel
# Of drawn faces at least 0.72 as they are painted, 0.38 out of H.264 and 0.3 out of JPEG; of real ones at most 0.27.
DRAWN = 0.3
COLOURED = 0.03  # drawn faces have 0.08 or more, which a black and white photograph has not
KNOWS = f"The demo model was trained on drawn faces only, at {SIDE}x{SIDE}"
REMEDY = (
    "Expect a blurred result. Load HuMo, SkyReels-V3 A2V or InfiniteTalk in ComfyUI, or a model of your own (on "
    "the command line --model)."
)


def beyond_demo(adapter: AudioAdapter, visual: Animation | VideoEdit) -> list[str]:
    """The sentence that a run needs which shows the demo model another size, or pictures that are not drawn; none for
    any other model."""
    if not is_demo(adapter):
        return []
    width, height = visual.size
    if (width, height) != (SIDE, SIDE):
        return [f"{KNOWS}; this video is generated at {width}x{height}. {REMEDY}"]
    if not all(is_drawn(picture) for picture in pictures_of(visual)):
        return [f"{KNOWS}; this looks like a photograph or footage. {REMEDY}"]
    return []


def pictures_of(visual: Animation | VideoEdit) -> Iterator[Tensor]:
    if isinstance(visual, VideoEdit):
        yield from (visual.frame(index) for index in LOOKED_AT)
    elif visual.picture is not None:
        yield visual.picture


def is_demo(adapter: AudioAdapter) -> bool:
    """Whether these audio layers are those of the bundled file, wherever they were loaded from."""
    given = adapter.audio_proj.fc1.bias
    with safe_open(str(assets.model() / MODEL), "pt") as file:
        own = file.get_tensor(FINGERPRINT)
    return given.shape == own.shape and torch.equal(given.detach().cpu(), own.to(given.dtype))


def is_drawn(picture: Tensor) -> bool:
    """Whether a picture [h w 3] consists of plain colours, as those of the training generator do."""
    saturation = float((picture.amax(-1) - picture.amin(-1)).mean())
    return saturation >= COLOURED and plain_share(picture) >= DRAWN


def plain_share(picture: Tensor) -> float:
    """The share of neighbours that are alike, the largest plain area left out: a backdrop is plain in photographs
    too."""
    picture = picture.detach().float().cpu()
    bins = ((255 * picture // BIN).long() * PLACES).sum(-1)
    backdrop = picture[bins == bins.flatten().bincount().argmax()].median(dim=0).values
    beside = (picture - backdrop).abs().amax(-1) > NEAR / 255
    steps = []
    for axis in (0, 1):
        count = picture.shape[axis] - 1
        both = beside.narrow(axis, 0, count) & beside.narrow(axis, 1, count)
        steps.append(picture.diff(dim=axis).abs().amax(-1)[both])
    steps = torch.cat(steps)
    return float((steps <= ALIKE + 1e-6).float().mean()) if len(steps) else 1.0
