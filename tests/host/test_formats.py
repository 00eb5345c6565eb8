"""A bundle's files are the host's files: stock loaders take them and give the core's own numbers."""

from __future__ import annotations

import json

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from skyreels_core.conditioning.conditions import image_animation
from skyreels_core.model.backbone import collapse_padding
from skyreels_core.model.bundle import TEXT_ENCODER
from skyreels_core.model.text import umt5_config
from skyreels_core.sampling.schedule import flow_sigmas
from skyreels_core.sampling.solvers import euler

FRAMES, SIZE = 33, 96
SHIFT, STEPS, GUIDANCE_SCALE = 5.0, 4, 2.0
PROMPTS = {"positive": "a person with red hair, blue wall", "negative": ""}
TOLERANCE = 1e-3  # float32 in another order of operations


@pytest.fixture(scope="module")
def inputs():
    generator = torch.Generator().manual_seed(1)
    frames = torch.full((FRAMES, SIZE, SIZE, 3), 0.5)
    frames[0] = torch.rand(SIZE, SIZE, 3, generator=generator)
    noise = torch.randn(1, 16, 9, SIZE // 8, SIZE // 8, generator=generator)
    given = torch.zeros(1, 1, *noise.shape[2:])
    given[:, :, 0] = 1
    return {"frames": frames, "given": given, "noise": noise}


@pytest.fixture(scope="module")
def host(run_in_host, bundle_folder, inputs, tmp_path_factory):
    """What the host makes of bundle and inputs: tensors, and what it detected the model to be."""
    place = tmp_path_factory.mktemp("host")
    settings = {
        "text_config": umt5_config(load_file(bundle_folder / TEXT_ENCODER)),
        "shift": SHIFT,
        "steps": STEPS,
        "guidance_scale": GUIDANCE_SCALE,
        **PROMPTS,
    }
    save_file(inputs, place / "request.safetensors", metadata={"settings": json.dumps(settings)})
    run_in_host(
        "sample_in_host.py", bundle_folder, place / "request.safetensors", place / "response.safetensors"
    )
    with safe_open(place / "response.safetensors", "pt") as file:
        facts = json.loads(file.metadata()["facts"])
    return load_file(place / "response.safetensors"), facts


@pytest.fixture(scope="module")
def condition(bundle, inputs):
    return image_animation(bundle.vae, inputs["frames"][0], FRAMES)


@pytest.fixture(scope="module")
@torch.no_grad()
def latents(bundle, inputs, condition):
    """The same sampling by the core."""
    texts = [collapse_padding(bundle.text_encoder.encode([PROMPTS[side]])) for side in PROMPTS]

    def denoise(x, sigma):
        timestep = torch.tensor([1000 * sigma])
        x_in = torch.cat([x, condition], dim=1)
        positive, negative = (
            bundle.model(x_in, timestep, context, context_padding=padding) for context, padding in texts
        )
        return x - sigma * (negative + GUIDANCE_SCALE * (positive - negative))

    return euler(denoise, inputs["noise"], flow_sigmas(STEPS, SHIFT))


def difference(one, other):
    assert one.shape == other.shape
    assert one.std() > 0.01  # a flat tensor would prove nothing
    return (one - other).abs().max().item()


def test_the_merged_file_is_detected_as_a_wan_model_with_its_stated_sizes(host):
    sizes = {"model_type": "t2v", "in_dim": 36, "num_heads": 4, "text_dim": 64, "num_layers": 6}
    assert host[1] == {"detected": "WAN21_T2V", **sizes}


def test_prompts_give_the_same_tokens(bundle, host):
    for side, prompt in PROMPTS.items():
        assert difference(bundle.text_encoder.encode([prompt]), host[0][side]) <= TOLERANCE


def test_the_picture_is_encoded_to_the_same_latents(condition, host):
    assert difference(condition[:, 4:], host[0]["condition_latent"]) <= TOLERANCE


def test_the_schedule_is_the_same(host):
    assert (flow_sigmas(STEPS, SHIFT) - host[0]["sigmas"]).abs().max() <= 1e-6


def test_sampling_gives_the_same_latents(latents, host):
    assert difference(latents, host[0]["latents"]) <= TOLERANCE


def test_decoding_gives_the_same_frames(bundle, latents, host):
    frames = (bundle.vae.decode(latents)[0].movedim(0, -1) + 1) / 2
    assert difference(frames[None], host[0]["frames"]) <= TOLERANCE
