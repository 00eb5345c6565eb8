"""Runs in ComfyUI's interpreter: its own Wan VAE with the demo's weights, streamed and whole.

python decode_in_host.py LENGTHS, a JSON list of frames. The last line that it prints is what it found, as JSON.
"""

import json
import sys

from pack_in_host import load_pack

lengths = json.loads(sys.argv[1])
load_pack()

import comfy.sd  # noqa: E402
import comfy.utils  # noqa: E402
import torch  # noqa: E402
from comfyui_version import __version__  # noqa: E402
from skyreels_audio_pack.nodes.host.decoding import AT_ONCE, decode_stream  # noqa: E402
from skyreels_audio_pack.skyreels_core import assets  # noqa: E402
from skyreels_audio_pack.skyreels_core.timeline import latent_frames  # noqa: E402

CHUNKED = (lengths[0], lengths[len(lengths) // 4], lengths[-1])  # lengths that are tried in every chunking

vae = comfy.sd.VAE(sd=comfy.utils.load_torch_file(str(assets.model() / "vae.safetensors")))


def latents_of(frames):
    shape = (1, 16, latent_frames(frames), 2, 3)
    return torch.randn(shape, generator=torch.Generator().manual_seed(frames))


def streamed(frames, at_once=AT_ONCE):
    return torch.stack(list(decode_stream(vae, latents_of(frames), at_once)))


def apart(frames, at_once, whole):
    return float((streamed(frames, at_once) - whole).abs().max())


found = {"comfyui": __version__, "host_equal": 0}
differences = []
with torch.inference_mode():
    for frames in lengths:
        whole = vae.decode(latents_of(frames))[0]
        found["host_equal"] += int(torch.equal(streamed(frames), whole))
        if frames in CHUNKED:
            sizes = range(AT_ONCE, latent_frames(frames), 2)
            differences += [apart(frames, at_once, whole) for at_once in sizes]
found["chunkings"], found["chunkings_equal"] = len(differences), differences.count(0.0)
found["chunkings_furthest"] = max(differences)
print(json.dumps(found))
