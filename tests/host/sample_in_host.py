"""Runs in the host's interpreter: load a bundle's files with stock loaders, sample and decode.

python sample_in_host.py BUNDLE REQUEST RESPONSE. Request and response are safetensors files: tensors, and
"settings" and "facts" in the metadata.
"""

import json
import sys
from pathlib import Path
from types import SimpleNamespace

folder, request, response = (Path(argument) for argument in sys.argv[1:])
sys.argv[1:] = ["--cpu"]

import comfy.options  # noqa: E402

comfy.options.enable_args_parsing()

import comfy.samplers  # noqa: E402
import comfy.sd  # noqa: E402
import comfy.text_encoders.wan as wan  # noqa: E402
import comfy.utils  # noqa: E402
import folder_paths  # noqa: E402
import torch  # noqa: E402
from comfy_extras.nodes_model_advanced import ModelSamplingSD3  # noqa: E402
from safetensors.torch import save_file  # noqa: E402

import nodes  # noqa: E402


def load_text_encoder(path, config):
    """The stock loader knows UMT5 by its full size alone; the same classes take a small configuration."""
    state = comfy.utils.load_torch_file(str(path))
    dtype = state["encoder.final_layer_norm.weight"].dtype
    target = SimpleNamespace(params={}, clip=wan.te(dtype_t5=dtype), tokenizer=wan.WanT5Tokenizer)
    return comfy.sd.CLIP(
        target,
        tokenizer_data={"spiece_model": state["spiece_model"]},
        state_dict=[state],
        model_options={"umt5xxl_model_config": config},
    )


for kind in ("diffusion_models", "vae"):
    folder_paths.add_model_folder_path(kind, str(folder))

tensors, metadata = comfy.utils.load_torch_file(str(request), return_metadata=True)
settings = json.loads(metadata["settings"])

vae = nodes.VAELoader().load_vae("vae.safetensors")[0]
model = nodes.UNETLoader().load_unet("model.safetensors", "default")[0]
clip = load_text_encoder(folder / "text_encoder.safetensors", settings["text_config"])

latent_format = model.get_model_object("latent_format")
encoded = vae.encode(tensors["frames"])
condition = {"concat_latent_image": encoded, "concat_mask": 1 - tensors["given"]}
positive, negative = (
    [[clip.encode_from_tokens(clip.tokenize(settings[side])), condition]] for side in ("positive", "negative")
)

model = ModelSamplingSD3().patch(model, settings["shift"])[0]
sigmas = comfy.samplers.calculate_sigmas(
    model.get_model_object("model_sampling"), "simple", settings["steps"]
)
guider = comfy.samplers.CFGGuider(model)
guider.set_conds(positive, negative)
guider.set_cfg(settings["guidance_scale"])
with torch.inference_mode():
    sampled = guider.sample(
        tensors["noise"],
        torch.zeros_like(tensors["noise"]),
        comfy.samplers.sampler_object("euler"),
        sigmas,
        disable_pbar=True,
    )
    frames = vae.decode(sampled)

config = model.model.model_config
sizes = ("model_type", "in_dim", "num_heads", "text_dim", "num_layers")
facts = {"detected": type(config).__name__, **{size: config.unet_config[size] for size in sizes}}
save_file(
    {
        "condition_latent": latent_format.process_in(encoded).contiguous(),
        "positive": positive[0][0].contiguous(),
        "negative": negative[0][0].contiguous(),
        "sigmas": sigmas,
        "latents": latent_format.process_in(sampled).contiguous(),
        "frames": frames.contiguous(),
    },
    response,
    metadata={"facts": json.dumps(facts)},
)
