"""Runs in the host's interpreter: what is said about memory and disk, and what is refused.

python resources_in_host.py FOLDER. Writes what it found to found.json there.
"""

import json
import sys
from collections import namedtuple
from pathlib import Path

from pack_in_host import load_pack

folder = Path(sys.argv[1])
load_pack()

import folder_paths  # noqa: E402
import torch  # noqa: E402
from skyreels_audio_pack.nodes.audio import AudioToTokens  # noqa: E402
from skyreels_audio_pack.nodes.conditioning import ImageAnimation  # noqa: E402
from skyreels_audio_pack.nodes.families.skyreels_audio.loading import load_demo  # noqa: E402
from skyreels_audio_pack.nodes.host import resources as host_resources  # noqa: E402
from skyreels_audio_pack.nodes.host.payload import payload_of  # noqa: E402
from skyreels_audio_pack.nodes.host.solver import core_sampler  # noqa: E402
from skyreels_audio_pack.nodes.sampling import Guider  # noqa: E402
from skyreels_audio_pack.skyreels_core import assets  # noqa: E402
from skyreels_audio_pack.skyreels_core.errors import InputError  # noqa: E402
from skyreels_audio_pack.skyreels_core.run import resources  # noqa: E402
from skyreels_audio_pack.skyreels_core.windows import WindowSettings  # noqa: E402

import nodes  # noqa: E402

SIZE, WINDOWS = 64, WindowSettings(3, 1)
Usage = namedtuple("Usage", "total used free")


def scene():
    """Conditionings that nothing has been encoded for."""
    texts = (nodes.CLIPTextEncode().encode(clip, text)[0] for text in ("a person", ""))
    return ImageAnimation.execute(*texts, vae, tokens, SIZE, SIZE, picture).args[:2]


def refused(conditioning, keep=False):
    try:
        Guider.execute(model, *conditioning, WINDOWS, keep_state=keep)
    except InputError as error:
        return {"said": str(error), "encoded": len(payload_of(conditioning[0]).encoded)}


def sampled(keep):
    guider = Guider.execute(model, *scene(), WINDOWS, keep_state=keep).args[0]
    noise = torch.randn(1, 16, 4, SIZE // 8, SIZE // 8, generator=torch.Generator().manual_seed(1))
    sigmas = torch.tensor([1.0, 0.5, 0.0])
    guider.sample(noise, torch.zeros_like(noise), core_sampler("euler"), sigmas, disable_pbar=True)
    return guider.report


def with_free(memory=None, disk=None, **options):
    own = host_resources.free_memory, resources.shutil.disk_usage
    if memory is not None:
        host_resources.free_memory = lambda: memory
    if disk is not None:
        resources.shutil.disk_usage = lambda path: Usage(disk, 0, disk)
    try:
        return refused(scene(), **options)
    finally:
        host_resources.free_memory, resources.shutil.disk_usage = own


folder_paths.set_output_directory(str(folder / "output"))
with torch.inference_mode():
    model, clip, vae, whisper = load_demo(assets.model())
    picture = torch.rand(1, SIZE, SIZE, 3, generator=torch.Generator().manual_seed(6))
    sound = {"waveform": torch.rand(1, 1, 8000) - 0.5, "sample_rate": 16000}
    tokens = AudioToTokens.execute(whisper, sound, 25.0, 0.0, 0.0, False).args[0]
    found = {
        "memory": with_free(memory=1000),
        "disk": with_free(disk=1000, keep=True),
        "disk without state": with_free(disk=1000, keep=False),
        "enough": with_free(),
        "kept": sampled(keep=True),
        "not kept": sampled(keep=False),
    }
(folder / "found.json").write_text(json.dumps(found), encoding="utf-8")
