"""python lora_in_host.py FOLDER: the host's Load LoRA on model.safetensors, with each file of `loras`."""

import sys
from pathlib import Path

import torch
from pack_in_host import load_pack
from safetensors.torch import save_file

folder = Path(sys.argv[1])
load_pack()

import comfy.sd  # noqa: E402
import comfy.utils  # noqa: E402

for path in sorted((folder / "loras").iterdir()):
    model = comfy.sd.load_diffusion_model(str(folder / "model.safetensors"), {"dtype": torch.float32})
    lora = comfy.utils.load_torch_file(str(path), safe_load=True)
    patched, _ = comfy.sd.load_lora_for_models(model, None, lora, 0.7, 0)
    patched.patch_model(torch.device("cpu"))
    state = patched.model.diffusion_model.state_dict()
    (folder / "patched").mkdir(exist_ok=True)
    save_file({name: tensor.clone() for name, tensor in state.items()}, folder / "patched" / path.name)
