"""The nodes beside what people use: LoRA, samplers, split schedules, fp8, plain Wan files, queues."""

from __future__ import annotations

import shutil
from contextlib import suppress

import pytest
import torch
import websocket
from graphs import (
    GUIDANCE,
    SHIFT,
    STEPS,
    WINDOWS,
    altered,
    animation,
    completed,
    edit,
    from_cache,
    guided,
    in_stages,
    latent_of,
    model_path,
    node,
    place,
    place_parts,
    read_latent,
    through,
    with_guidance,
    with_windows,
)
from listening import heard, read, texts

from skyreels_core import assets

SAME = 1e-4  # of latents whose spread is about 1: float32 in another order of operations
FELT = 1e-2  # what a change must move at least
ENCODED = "Conditions encoded"  # the log, once for every encoding of windows
SAMPLERS = ("euler", "dpmpp_2m", "uni_pc", "heun", "euler_ancestral", "dpmpp_2m_sde")


def difference(one, other):
    assert one.shape == other.shape and one.isfinite().all() and other.isfinite().all()
    assert one.std() > 0.1  # a flat tensor would prove nothing
    return (one - other).abs().max().item()


@pytest.fixture(scope="module")
def plain(server):
    return latent_of(server, animation())


@pytest.fixture(scope="module")
def lora(server):
    """A LoRA on the backbone's first block, as trainers write it."""
    generator = torch.Generator().manual_seed(0)
    layer = "diffusion_model.blocks.0.self_attn.q"
    weights = {f"{layer}.lora_{side}.weight": torch.randn(shape, generator=generator) for side, shape in (
        ("A", (4, 160)), ("B", (160, 4)))}  # fmt: skip
    return place(server, "loras", "first_block.safetensors", weights)


@pytest.mark.parametrize(("strength", "moves"), [(1.0, True), (0.0, False)])
def test_a_lora_on_the_backbone_counts_as_much_as_its_strength(server, plain, lora, strength, moves):
    loader = node("LoraLoaderModelOnly", model=["demo", 0], lora_name=lora, strength_model=strength)
    moved = difference(latent_of(server, through(animation(), "lora", loader)), plain)
    assert moved > FELT if moves else moved == 0


@pytest.mark.parametrize("name", SAMPLERS)
def test_every_sampler_of_the_host_drives_the_guider(server, name):
    latent = latent_of(server, with_windows(with_guidance(guided(animation(), name))))
    assert latent.isfinite().all() and latent.std() > 0.1


def test_a_shift_before_the_guider_moves_the_schedule(server):
    latents = [
        latent_of(server, altered(guided(animation()), "shifted", shift=shift)) for shift in (SHIFT, 8.0)
    ]
    assert difference(*latents) > FELT


def test_the_guider_with_euler_equals_the_sampler_with_euler(server):
    fields = {"audio_guidance": GUIDANCE["audio"], "text_guidance": GUIDANCE["text"], **WINDOWS}
    together = latent_of(server, animation(**fields))
    apart = latent_of(server, with_windows(with_guidance(guided(animation()))))
    assert difference(together, apart) <= SAME


@pytest.mark.parametrize("scene", [animation, edit])
@pytest.mark.parametrize("step", [1, 3])
def test_a_split_schedule_equals_the_whole(server, scene, step):
    whole = with_windows(with_guidance(guided(scene(), steps=5)))
    assert difference(latent_of(server, whole), latent_of(server, in_stages(whole, step))) <= SAME


@pytest.mark.parametrize("scene", [animation, edit])
def test_less_than_full_denoising_starts_in_its_place_of_the_schedule(server, scene):
    half = with_guidance(guided(scene(), steps=4, denoise=0.5))
    whole = node("BasicScheduler", model=["shifted", 0], scheduler="simple", steps=8, denoise=1.0)
    stated = altered(half | {"whole": whole}, "guider", full_sigmas=["whole", 0])
    alone = altered(half, "guider", full_sigmas=["sigmas", 0])
    found, right, wrong = (latent_of(server, prompt) for prompt in (half, stated, alone))
    assert difference(found, right) <= SAME
    assert difference(found, wrong) > FELT


def test_fp8_weights_give_nearly_the_same(server, plain):
    shutil.copy(
        assets.model() / "model.safetensors", model_path(server, "diffusion_models", "demo.safetensors")
    )
    loader = node("SkyReelsAudioLoadModel", model_name="demo.safetensors", weight_dtype="fp8_e4m3fn")
    latent = latent_of(server, through(animation(), "fp8", loader))
    assert difference(latent, plain) > 0
    assert (latent - plain).std() < 0.2 * plain.std()


def test_audio_layers_on_a_plain_wan_file_equal_the_merged_model(server, plain):
    backbone, layers = place_parts(server)
    voiced = node("SkyReelsAudioApplyLayers", model=["wan", 0], audio_layers=layers)
    prompt = through(animation(), "voiced", voiced) | {
        "wan": node("UNETLoader", unet_name=backbone, weight_dtype="default")
    }
    assert torch.equal(latent_of(server, prompt), plain)


def test_pictures_and_forwards_are_shown_while_it_samples(server):
    said = heard(server, animation(seed=100, text_guidance="2", **WINDOWS))
    forwards = STEPS * 3 * 2  # branches, windows
    bar = [message.data for message in said if message.kind == "progress" and message.data["max"] == forwards]
    done = [message["value"] for message in bar]
    assert done == sorted(set(done)) and done[-1] == forwards
    assert len(done) >= STEPS  # the host leaves some of them out
    assert pictures(said) >= STEPS - 1
    lines = "\n".join(texts(said))
    assert "window 1 of 2 with text and voice, 1 of 18 forward passes" in lines
    assert "window 2 of 2 with neither text nor voice, 18 of 18 forward passes" in lines


def test_the_guider_shows_pictures_and_names_the_window_too(server):
    said = heard(server, with_windows(guided(animation(), steps=STEPS + 1)))
    assert pictures(said) >= STEPS
    assert any("window 2 of 2" in text for text in texts(said))


def test_no_other_client_is_told_what_nodes_say(server):
    """Its graphs have nodes with the same ids."""
    address = server.url.replace("http", "ws", 1) + "/ws?clientId=somebody-else"
    other = websocket.create_connection(address, timeout=2)
    assert texts(heard(server, animation(steps=1)))
    received = []
    with suppress(websocket.WebSocketTimeoutException):
        while True:
            received.append(read(other.recv()).kind)
    other.close(timeout=1)
    assert received and "text" not in received


def pictures(said):
    return sum(message.kind == "picture" for message in said)


def test_a_prompt_behind_another_completes_too(server):
    first = server.client.queue(animation(seed=200))["prompt_id"]
    second = completed(server, animation(seed=201))
    ended = server.client.history(first)
    assert ended["status"]["completed"]
    assert difference(read_latent(server, ended), read_latent(server, second)) > FELT


@pytest.mark.parametrize("scene", [animation, edit])
@pytest.mark.parametrize("how", ["sampler", "scheduler"])
def test_another_guidance_runs_nothing_before_the_sampler_again(server, scene, how):
    def prompt(audio):
        if how == "sampler":
            return scene(audio_guidance=audio, seed=300, **WINDOWS)
        return with_windows(with_guidance(guided(scene()), audio=audio))

    first = completed(server, prompt("4"))
    encoded = server.log.count(ENCODED)
    assert encoded > 0
    second = completed(server, prompt("2"))
    assert {"tokens", "positive", "negative", "scene"} <= from_cache(second)
    assert server.log.count(ENCODED) == encoded
    assert difference(*(read_latent(server, ended) for ended in (first, second))) > FELT


def test_no_denoising_gives_the_latent_back(server):
    assert latent_of(server, guided(animation(), denoise=0.0)).std() == 0


def test_two_takes_in_a_batch_are_those_of_one_by_one(server, plain):
    two = {"two": node("RepeatLatentBatch", samples=["scene", 2], amount=2)}
    takes = latent_of(server, altered(animation() | two, "sampler", latent=["two", 0]))
    assert difference(takes[:1], plain) <= SAME
    assert difference(takes[:1], takes[1:]) > FELT
