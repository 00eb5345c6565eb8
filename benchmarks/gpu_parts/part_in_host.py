"""Runs in ComfyUI's interpreter: seconds of a forward pass of its own Wan I2V 14B with random weights in fp16, bare and
with the layers of SkyReels-Audio; with --cpu on tiny networks, and then a step of every family too.

python part_in_host.py [--cpu]. The last line that it prints is what it found, as JSON.
"""

import json
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from statistics import median

from pack_in_host import load_pack

toy = "--cpu" in sys.argv
load_pack(arguments=("--cpu",) if toy else ())

import comfy.model_management  # noqa: E402
import comfy.sd  # noqa: E402
import torch  # noqa: E402
from comfyui_version import __version__  # noqa: E402
from skyreels_audio_pack.nodes.families.skyreels_audio.layers import (  # noqa: E402
    KEY,
    AudioLayers,
    add_audio_layers,
)
from skyreels_audio_pack.skyreels_core.model.config import CONFIGS, AudioConfig  # noqa: E402
from skyreels_audio_pack.skyreels_core.model.sizes import expected_shapes  # noqa: E402
from skyreels_audio_pack.skyreels_core.run.settings import WAN  # noqa: E402

LARGE = CONFIGS["i2v-14b"]
# a model, and latent frames, rows and columns of a window
REAL = LARGE, (21, 60, 104)
TOY = replace(LARGE, dim=256, num_heads=2, ffn_dim=64, num_layers=2), (3, 6, 8)
REPEATS = 3


def seconds(compute, repeats):
    times = []
    for _ in range(repeats + 1):
        started = time.perf_counter()
        compute()
        if not toy:
            torch.cuda.synchronize()
        times.append(time.perf_counter() - started)
    return median(times[1:])


def tiny():
    from families import families, sampled, tokens_of, write_files
    from skyreels_audio_pack.nodes.families.skyreels_audio.loading import load_demo
    from skyreels_audio_pack.skyreels_core import assets

    folder, vae = Path(tempfile.mkdtemp()), load_demo(assets.model())[2]
    write_files(folder)
    found = {}
    for name, kind in families(folder).items():
        model, told = kind.load(), kind.told(vae, tokens_of(kind.encoder(), 5, fps=kind.fps))
        found[name] = seconds(lambda model=model, told=told: sampled(model, told, 5, ("1", "1"), 1), 1)
    return found


def drawn(shapes):
    """Weights in fp16 of which few are drawn."""
    numbers = torch.randn(2**22)
    state = {}
    for name, shape in shapes.items():
        weight = torch.empty(shape, dtype=torch.float16)
        size = 0.02 if len(shape) == 1 else weight[0].numel() ** -0.5
        for piece in weight.view(-1).split(len(numbers)):
            piece.copy_(numbers[: len(piece)] * size)
        state[name] = weight
    return state


def wan(config, latent):
    """Its own Wan by itself, and with the audio layers of SkyReels-Audio."""
    patcher = comfy.sd.load_diffusion_model_state_dict(drawn(expected_shapes(config, None)))
    voice = AudioConfig(64, config.dim, config.num_heads, config.num_layers, 1e-6, True)
    layers = AudioLayers(drawn(expected_shapes(None, voice)), voice, WAN, patcher)
    voiced = add_audio_layers(patcher, layers)
    comfy.model_management.load_models_gpu([voiced, layers.patcher])
    device, dtype = comfy.model_management.get_torch_device(), voiced.model.get_dtype()
    shapes = (1, 36, *latent), (1, 512, config.text_dim), (1, 257, 1280), (1, 170, 64)
    x, text, clip, tokens = (torch.randn(*shape, device=device, dtype=dtype) for shape in shapes)
    timestep = torch.full((1,), 500.0, device=device)
    heard = layers.adapter.prepare(tokens, torch.arange(170.0).double(), 8 * torch.arange(latent[0]).double())

    def forward(options):
        return lambda: voiced.model.diffusion_model(
            x, timestep, text, clip_fea=clip, transformer_options=options
        )

    options = voiced.model_options["transformer_options"]
    return {
        "bare": seconds(forward({}), REPEATS),
        "with_audio_layers": seconds(forward({**options, KEY: heard}), REPEATS),
    }


with torch.inference_mode():
    found = {"comfyui": __version__, **wan(*(TOY if toy else REAL)), **(tiny() if toy else {})}
print(json.dumps(found))
