"""Runs in the host's interpreter: the host's TorchCompileModel before and behind the layers of every family.

python compile_in_host.py FOLDER. Writes what it found to found.json there. With PyTorch's attention, as on a GPU: the
host's own for a CPU cannot be compiled.
"""

import json
import sys
from pathlib import Path

from pack_in_host import load_pack

folder = Path(sys.argv[1])
load_pack()

from comfy.cli_args import args  # noqa: E402

args.use_pytorch_cross_attention = True

import comfy.samplers  # noqa: E402
import comfy.sd  # noqa: E402
import torch  # noqa: E402
from comfy_extras.nodes_torch_compile import TorchCompileModel  # noqa: E402
from families import SIZE, drawn, families, sampled, text, tokens_of, write_files  # noqa: E402
from family_list import COMPILED  # noqa: E402
from skyreels_audio_pack.nodes.families.multitalk import layers as multitalk  # noqa: E402
from skyreels_audio_pack.nodes.families.skyreels_audio import loading as loaders  # noqa: E402
from skyreels_audio_pack.nodes.families.skyreels_audio.loading import load_demo  # noqa: E402
from skyreels_audio_pack.nodes.host.solver import core_sampler  # noqa: E402
from skyreels_audio_pack.skyreels_core import assets  # noqa: E402
from skyreels_audio_pack.skyreels_core.families.multitalk.presets import INFINITETALK  # noqa: E402
from skyreels_audio_pack.skyreels_core.sampling.schedule import flow_sigmas  # noqa: E402
from torch._dynamo.utils import counters  # noqa: E402

ONE, THREE = ("1", "1"), ("2", "3")  # audio and text scales of so many branches
SHORT, LONG = 8, 17  # latent frames: two windows, and five
facts = {"differ": {}, "graphs": {}}


def compiled(model):
    return TorchCompileModel.execute(model, "inductor").args[0]


def plain():
    return comfy.sd.load_diffusion_model(str(folder / "wan.safetensors"))


def before(name):
    """The family's layers on a model that is compiled already; None where both come from one file."""
    if name == "audio layers":
        path = assets.model() / "model.safetensors"
        return loaders.apply_audio_layers(compiled(comfy.sd.load_diffusion_model(str(path))), path)
    if name == "InfiniteTalk":
        preset = next(iter(INFINITETALK.values()))
        return multitalk.apply_infinitetalk(compiled(plain()), folder / "infinitetalk.safetensors", preset)
    return None


def by_host(model):
    noise, guider = drawn(5, 1, 16, 5, SIZE // 8, SIZE // 8), comfy.samplers.CFGGuider(model)
    guider.set_conds(text(1), text(2))
    guider.set_cfg(3.0)
    return guider.sample(
        noise,
        torch.zeros_like(noise),
        core_sampler("euler"),
        flow_sigmas(2, 5.0).float(),
        disable_pbar=True,
    )


def compare(name, ours, expected):
    assert expected.std() > 0.05
    facts["differ"][name] = float((ours - expected).abs().max())
    facts["graphs"][name] = counters["stats"]["unique_graphs"]


def family(name, kind):
    model, encoder = kind.load(), kind.encoder()
    told = kind.told(vae, tokens_of(encoder, SHORT, fps=kind.fps))
    behind, ahead = compiled(model), before(name)
    for scales, branches in ((ONE, "one branch"), (THREE, "three branches")):
        expected = sampled(model, told, SHORT, scales)
        compare(f"{name}, {branches}", sampled(behind, told, SHORT, scales), expected)
        if ahead is not None:
            compare(f"{name}, {branches}, node before", sampled(ahead, told, SHORT, scales), expected)
    told = kind.told(vae, tokens_of(encoder, LONG, fps=kind.fps))
    expected = sampled(model, told, LONG, THREE)
    compare(f"{name}, five windows", sampled(behind, told, LONG, THREE), expected)


with torch.inference_mode():
    write_files(folder)
    vae = load_demo(assets.model())[2]
    compare("plain, before", by_host(compiled(plain())), by_host(plain()))
    found = families(folder)
    for name in COMPILED:
        family(name, found[name])
    compare("plain, after", by_host(compiled(plain())), by_host(plain()))
(folder / "found.json").write_text(json.dumps(facts))
