"""Runs in the host's interpreter: the host's MultiGPU clones of every family's model, as it makes them, on CPUs.

python multigpu_in_host.py FOLDER. Writes what it found to found.json there. `cpu:0` is another device than `cpu` to the
host, which lends each its own thread; the weights of a clone are its own.
"""

import json
import sys
import threading
from collections import Counter
from pathlib import Path

from pack_in_host import load_pack

folder = Path(sys.argv[1])
load_pack()

import comfy.model_management  # noqa: E402
import comfy.samplers  # noqa: E402
import torch  # noqa: E402
from comfy_extras.nodes_multigpu import MultiGPUCFGSplitNode  # noqa: E402
from families import OVERLAP, SIZE, WINDOW, drawn, families, sampled, tokens_of, write_files  # noqa: E402
from family_list import CONTRACT  # noqa: E402
from skyreels_audio_pack.nodes.families.skyreels_audio.loading import load_demo  # noqa: E402
from skyreels_audio_pack.nodes.host.identity import model_identity  # noqa: E402
from skyreels_audio_pack.nodes.host.patches import AudioPatch  # noqa: E402
from skyreels_audio_pack.nodes.host.solver import core_sampler  # noqa: E402
from skyreels_audio_pack.nodes.sampling import Guider  # noqa: E402
from skyreels_audio_pack.skyreels_core import assets  # noqa: E402
from skyreels_audio_pack.skyreels_core.sampling.guidance import GuidanceSettings  # noqa: E402
from skyreels_audio_pack.skyreels_core.sampling.schedule import flow_sigmas  # noqa: E402
from skyreels_audio_pack.skyreels_core.windows import WindowSettings  # noqa: E402

LONG, THREE = 17, ("2", "3")  # latent frames: five windows; scales of three branches
DEVICES = [torch.device("cpu"), torch.device("cpu", 0)]
facts = {"differ": {}, "threads": {}, "own_layers": {}, "same_identity": {}}

comfy.model_management.get_all_torch_devices = lambda exclude_current=False: DEVICES
ran = Counter()
single, together = comfy.samplers.calc_cond_batch, comfy.samplers.can_concat_cond


def counted(*args):
    ran[threading.current_thread().name] += 1
    return single(*args)


comfy.samplers.calc_cond_batch = counted


def layers_on(model):
    return [patch for patch in model.model_options["transformer_options"].get("patches", {}).get("attn2_patch", [])
            if isinstance(patch, AudioPatch)]  # fmt: skip


def split(model):
    comfy.model_management.cleanup_models()  # of models that are gone, over which the host's node stumbles
    return MultiGPUCFGSplitNode.execute(model, 2).args[0]


def family(name, kind):
    model, encoder = kind.load(), kind.encoder()
    told = kind.told(vae, tokens_of(encoder, LONG, fps=kind.fps))
    clones = split(model)
    facts["same_identity"][name] = model_identity(model) == model_identity(clones)
    ran.clear()
    ours = sampled(clones, told, LONG, THREE)
    facts["threads"][name] = sorted(ran.values())
    for way, batches in (("one by one", lambda one, other: one is other), ("as it comes", together)):
        comfy.samplers.can_concat_cond = batches
        expected = sampled(model, told, LONG, THREE)
        assert expected.std() > 0.05
        facts["differ"][f"{name}, {way}"] = float((ours - expected).abs().max())
    (clone,) = clones.get_additional_models_with_key("multigpu")
    pairs = list(zip(layers_on(model), layers_on(clone), strict=True))
    facts["own_layers"][name] = [one is not other for one, other in pairs if hasattr(one, "models")]


def guided(model, told):
    guider = Guider.execute(
        model, *told, WindowSettings(WINDOW, OVERLAP), GuidanceSettings(*THREE), keep_state=False
    ).args[0]
    noise = drawn(5, 1, 16, LONG, SIZE // 8, SIZE // 8)
    guider.sample(
        noise, torch.zeros_like(noise), core_sampler("euler"), flow_sigmas(2, 5.0).float(), disable_pbar=True
    )
    return guider.report


def interrupted(model, told):
    """In the middle of a step; the next run works."""
    calls = []

    def interrupting(*args):
        calls.append(1)
        if len(calls) == 4:
            comfy.model_management.interrupt_current_processing()
        return single(*args)

    comfy.samplers.calc_cond_batch = interrupting
    try:
        guided(model, told)
    except comfy.model_management.InterruptProcessingException:
        facts["interrupted_after"] = len(calls)
    comfy.samplers.calc_cond_batch = counted
    guided(model, told)
    facts["threads_left"] = sum("worker_loop" in thread.name for thread in threading.enumerate())


with torch.inference_mode():
    write_files(folder)
    vae = load_demo(assets.model())[2]
    found = families(folder)
    for name in CONTRACT:
        family(name, found[name])
    first = next(iter(CONTRACT))
    model = split(found[first].load())
    told = found[first].told(vae, tokens_of(found[first].encoder(), LONG, fps=found[first].fps))
    facts["report"] = guided(model, told)
    interrupted(model, told)
(folder / "found.json").write_text(json.dumps(facts))
