"""Runs in the host's interpreter: everything that the pack loads, with the host's dynamic VRAM and without.

python dynamic_vram_in_host.py FOLDER. Writes what it found to found.json there. The flag is on while networks are
built and filled; the rest of dynamic VRAM needs an NVIDIA GPU, and so does its way to read a file.
"""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

from pack_in_host import load_pack

folder = Path(sys.argv[1])
load_pack()

import comfy.memory_management  # noqa: E402
import comfy.utils  # noqa: E402
import torch  # noqa: E402
from families import families, sampled, tokens_of, write_files  # noqa: E402
from family_list import FAMILIES  # noqa: E402
from safetensors import safe_open  # noqa: E402
from skyreels_audio_pack.nodes.families.skyreels_audio.loading import load_demo  # noqa: E402
from skyreels_audio_pack.nodes.host.identity import model_identity, weights_of  # noqa: E402
from skyreels_audio_pack.skyreels_core import assets  # noqa: E402

LATENT_FRAMES = 8  # two windows
facts = {"differ": {}, "weights": {}, "identity": {}, "reloaded": {}}


def read(path):
    with safe_open(path, "pt") as file:
        return {name: file.get_tensor(name) for name in file.keys()}, file.metadata()  # noqa: SIM118


comfy.utils.load_safetensors = read


@contextmanager
def dynamic_vram(on: bool) -> Iterator[None]:
    comfy.memory_management.aimdo_enabled = on
    try:
        yield
    finally:
        comfy.memory_management.aimdo_enabled = False


def all_weights(model) -> list[dict]:
    return [weights_of(patcher) for patcher in (model, *model.model_patches_models())]


def differing(ours: list[dict], theirs: list[dict]) -> list[str]:
    assert [part.keys() for part in ours] == [part.keys() for part in theirs]
    return [
        name
        for mine, other in zip(ours, theirs, strict=True)
        for name, weight in mine.items()
        if not torch.equal(weight.float(), other[name].float())  # dynamic VRAM keeps the file's type
    ]


def loaded(load, on):
    with dynamic_vram(on):
        return load()


def while_loaded(model):
    """Its identity while dynamic VRAM has a small weight in another type, as its `force_load_param` puts it there."""
    name = "diffusion_model.head.modulation"
    whole = comfy.utils.get_attr(model.model, name)
    model.backup[name] = SimpleNamespace(weight=whole)
    comfy.utils.set_attr_param(model.model, name, whole.double())
    try:
        return model_identity(model)
    finally:
        comfy.utils.set_attr_param(model.model, name, model.backup.pop(name).weight)


def casting(patcher) -> None:
    """Weights keep the file's type, and modules cast them, as the host's ModelPatcherDynamic tells them to."""
    for module in patcher.model.modules():
        if hasattr(module, "comfy_cast_weights"):
            module.comfy_cast_weights = True


def family(name, kind):
    models = [loaded(kind.load, on) for on in (False, True)]
    for patcher in (models[1], *models[1].model_patches_models()):
        casting(patcher)
    encoders = [loaded(kind.encoder, on) for on in (False, True)]
    facts["weights"][name] = differing(*map(all_weights, models)) + differing(
        *([weights_of(encoder.patcher)] for encoder in encoders)
    )
    facts["identity"][name] = model_identity(models[1]) == while_loaded(models[1])
    made = [
        sampled(
            model, kind.told(vae, tokens_of(encoder, LATENT_FRAMES, fps=kind.fps)), LATENT_FRAMES, ("2", "3")
        )
        for model, encoder in zip(models, encoders, strict=True)
    ]
    assert made[0].std() > 0.05
    facts["differ"][name] = float((made[0] - made[1]).abs().max())
    if FAMILIES[name].reloads:
        function, arguments = models[1].cached_patcher_init
        again = loaded(lambda: function(*arguments, disable_dynamic=True), True)
        facts["reloaded"][name] = differing([weights_of(models[0])], [weights_of(again)])


with torch.inference_mode():
    write_files(folder)
    demo = [loaded(lambda: load_demo(assets.model()), on) for on in (False, True)]
    vae = demo[0][2]
    casting(demo[1][1].patcher)
    facts["weights"]["the demo's CLIP"] = differing(*([weights_of(clip.patcher)] for _, clip, _, _ in demo))
    facts["weights"]["the demo's VAE"] = differing(*([weights_of(vae.patcher)] for _, _, vae, _ in demo))
    facts["differ"]["text"] = float(
        torch.stack([clip.encode_from_tokens(clip.tokenize("a face")) for _, clip, _, _ in demo])
        .diff(dim=0)
        .abs()
        .max()
    )
    for name, kind in families(folder).items():
        family(name, kind)
(folder / "found.json").write_text(json.dumps(facts))
