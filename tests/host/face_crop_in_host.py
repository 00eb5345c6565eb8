"""Runs in the host's interpreter: latents of a face crop's shots, as a sampler leaves them, become one video.

python face_crop_in_host.py FOLDER. Writes what it found to found.json there.
"""

import json
import sys
from pathlib import Path

from pack_in_host import load_pack

folder = Path(sys.argv[1])
load_pack()

import comfy.sd  # noqa: E402
import comfy.utils  # noqa: E402
import numpy as np  # noqa: E402
import torch  # noqa: E402
from skyreels_audio_pack.nodes.cropped import finish_crops  # noqa: E402
from skyreels_audio_pack.nodes.finishing import Inputs  # noqa: E402
from skyreels_audio_pack.nodes.host.made import MADE, Made  # noqa: E402
from skyreels_audio_pack.skyreels_core import assets  # noqa: E402
from skyreels_audio_pack.skyreels_core.conditioning.visual import Footing, VideoEdit  # noqa: E402
from skyreels_audio_pack.skyreels_core.errors import InputError  # noqa: E402
from skyreels_audio_pack.skyreels_core.media.cropping import CropPath, CroppedFrames, CroppedRegion  # noqa: E402
from skyreels_audio_pack.skyreels_core.media.footage import InMemoryFrames, TruncatedFrames  # noqa: E402
from skyreels_audio_pack.skyreels_core.media.sound import Audio  # noqa: E402
from skyreels_audio_pack.skyreels_core.run.resume import digest  # noqa: E402
from skyreels_audio_pack.skyreels_core.timeline import Timeline  # noqa: E402
from skyreels_audio_pack.skyreels_core.windows import WindowPlan  # noqa: E402

torch.set_grad_enabled(False)
FPS, SIDE = 25.0, 32
vae = comfy.sd.VAE(sd=comfy.utils.load_torch_file(str(assets.model() / "vae.safetensors")))
SOURCE = InMemoryFrames(torch.rand(30, 48, 64, 3, generator=torch.Generator().manual_seed(1)))
MASKS = torch.zeros(1, 48, 64)
MASKS[:, 16:28, 18:30] = 1
REGION = InMemoryFrames(MASKS)
VOICE = Audio(torch.rand(1, round(30 / FPS * 16000)) - 0.5, 16000)


def shot(first, frames, audio, pinned=False, fps=FPS):
    """The LATENT of a shot; above 30 fps it was generated at 25."""
    path = CropPath(np.array([[8, 8]] * frames), (SIDE, SIDE), (SIDE, SIDE))
    crop, region = CroppedFrames(SOURCE, first, path, fps, audio), CroppedRegion(REGION, first, path)
    shown = Timeline(frames, fps)
    own = shown if fps <= 30 else Timeline.from_seconds(shown.seconds, 25.0)
    visual = VideoEdit(TruncatedFrames(crop, frames), region, (SIDE, SIDE))
    if own != shown:
        visual = VideoEdit.at_rate(own, Footing(visual.source, visual.region, shown), (SIDE, SIDE), 0.2)
    generator = torch.Generator().manual_seed(first)
    samples = torch.randn(1, 16, own.latent_frames, SIDE // 8, SIDE // 8, generator=generator)
    plan = WindowPlan.plan(own.latent_frames, 3, 1)
    return {"samples": samples, MADE: Made(digest(samples), plan, own, VOICE, visual, None, pinned)}


def finished(shots, audio=None, fps=None, reference=None, source=None, mask=None):
    """Its frames and its report; the sentence where it is refused."""
    try:
        video = finish_crops(shots, vae, Inputs(audio, fps, reference, source, mask), -1, 1.0)
    except InputError as error:
        return {"refused": str(error)}
    frames, continuity = torch.stack(list(video.frames)), video.continuity()
    spans = [[round(window.start * video.timeline.fps), round(window.end * video.timeline.fps)]
             for window in continuity.windows]  # fmt: skip
    return {
        "digest": digest(frames),
        "report": video.report(),
        "spans": spans,
        "joins": len(continuity.joins),
    }


two = [shot(0, 9, VOICE), shot(15, 9, VOICE)]
found = {
    "both": finished(two),
    "voice at the end": finished(two, audio=VOICE),
    "voiceless": finished([shot(0, 9, None), shot(15, 9, None)], audio=VOICE),
    "a later shot alone": finished([shot(15, 9, None)], audio=VOICE),
    "the first shot": finished([shot(0, 9, None)]),
    "the first shot with its voice": finished([shot(0, 9, None)], audio=VOICE),
    "pinned": finished([shot(0, 9, VOICE, True), shot(15, 9, VOICE, True)]),
    "faster": finished([shot(2, 20, VOICE, fps=60.0)]),
    "connected": finished(two, fps=24.0, reference=torch.zeros(1, 96, 64, 3), source=SOURCE.frames, mask=MASKS),
    "portrait": finished(two, reference=torch.zeros(1, 96, 64, 3)),
}  # fmt: skip
(folder / "found.json").write_text(json.dumps(found))
