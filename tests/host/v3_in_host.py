"""Runs in the host's interpreter: a small SkyReels-V3 A2V network, its file split and driven, beside what the
published network computes.

python v3_in_host.py FIXTURE RESULT. FIXTURE holds a2v_tiny.safetensors, a2v_tiny_io.safetensors, a2v_tiny.json.
"""

import json
import sys
from pathlib import Path

folder, result = Path(sys.argv[1]), Path(sys.argv[2])

from pack_in_host import load_pack  # noqa: E402

load_pack()

import comfy.model_management  # noqa: E402
import torch  # noqa: E402
from safetensors.torch import load_file  # noqa: E402
from skyreels_audio_pack.nodes.families.multitalk import layers as multitalk  # noqa: E402
from skyreels_audio_pack.skyreels_core.families.multitalk.features import features_of_frames  # noqa: E402
from skyreels_audio_pack.skyreels_core.run.settings import WAN  # noqa: E402

described = json.loads((folder / "a2v_tiny.json").read_text())
given = load_file(folder / "a2v_tiny_io.safetensors")


def spoken(model, case):
    """What the frames of a case hear, through the projection."""
    frames = described["cases"][case]["pixel_frames"]
    heard = features_of_frames(given[f"audio_full_{frames}"], 0, frames)[None]
    if "zero" in case:
        heard = torch.zeros_like(heard)
    elif frames == 17:
        facts["windows_differ"] = float((heard - given["audio_windowed_17"]).abs().max())
    return multitalk.find_layers(model).project(heard[None])


def velocity(model, case):
    context = given[described["cases"][case]["context"]][None]
    patches = model.model_options["transformer_options"]["patches"]
    options = {"patches": patches, "wrappers": model.wrappers}
    entries = {multitalk.EMBEDS: spoken(model, case), multitalk.BRANCH: "full"}
    x = torch.cat([given[f"{case}.x"][None], given[f"{case}.y"]], dim=1)
    return model.model.diffusion_model(
        x, given[f"{case}.t"], context, clip_fea=given["clip_fea"], transformer_options=options, **entries
    )[0]


facts = {}
with torch.inference_mode():
    model = multitalk.load_v3(folder / "a2v_tiny.safetensors", WAN)
    comfy.model_management.load_models_gpu([model, *multitalk.find_layers(model).models()])
    facts["differ"] = {
        case: float((velocity(model, case) - given[f"{case}.out"]).abs().max()) for case in described["cases"]
    }
    facts["largest"] = {case: float(given[f"{case}.out"].abs().max()) for case in described["cases"]}
result.write_text(json.dumps(facts))
