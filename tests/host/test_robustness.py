"""What goes wrong in one run stays in it: cancelled and failed runs, and many in a row."""

from __future__ import annotations

import re
import time

import pytest
import torch
from graphs import (
    STEPS,
    altered,
    animation,
    connected,
    from_cache,
    guided,
    latent_of,
    node,
    place,
    read_latent,
    through,
    with_guidance,
    with_windows,
)
from listening import listening
from refusals import refusal

FORWARDS = 3  # that a cancelled run may still take
ANSWER = 10  # seconds for the request and the message, on a busy machine
HEARD = 30  # runs until an idle host has freed its memory
LONG, LARGE = 3.0, 128  # seconds of voice, pixels: forwards long enough to be timed


def long_prompt(how):
    if how == "sampler":
        prompt = animation(LONG, steps=6, tea_cache=0.02, audio_guidance="linear:4->2", text_guidance="1")
    else:
        prompt = with_guidance(with_windows(guided(animation(LONG), steps=6), 33, 9), text="1")
        cache = node("SkyReelsAudioTeaCache", model=["shifted", 0], enabled=True, threshold=0.02)
        prompt = connected(prompt, teacache=cache)
    return altered(prompt, "scene", width=LARGE, height=LARGE)


def forwards_done(message):
    """How many forwards a line of progress counts; 0 for any other message."""
    found = re.search(r"(\d+) of \d+ forward passes", message.data) if message.kind == "text" else None
    return int(found[1]) if found else 0


def cancelled(server, prompt):
    """Seconds of a forward, and from the request to cancel to the end."""
    with listening(server) as said:
        server.client.queue(prompt)
        first = next(message for message in said if forwards_done(message))
        later = next(message for message in said if forwards_done(message) >= forwards_done(first) + 6)
        per_forward = (later.seconds - first.seconds) / (forwards_done(later) - forwards_done(first))
        time.sleep(per_forward / 2)  # into the middle of a forward
        asked = time.monotonic()
        server.client.ask("POST", "/interrupt")
        *_, last = said
    assert last.kind == "execution_interrupted"
    return per_forward, last.seconds - asked


@pytest.mark.parametrize("how", ["sampler", "guider"])
def test_cancelling_ends_a_run_within_a_window_and_leaves_nothing_behind(server, how):
    prompt = long_prompt(how)
    per_forward, waited = cancelled(server, prompt)
    print(f"{how}: cancelled after {waited:.2f} s, a forward takes {per_forward:.2f} s")
    assert waited <= FORWARDS * per_forward + ANSWER
    after = server.run(prompt)
    assert "scene" in from_cache(after)
    assert torch.equal(read_latent(server, after), fresh_latent(server, prompt))


def fresh_latent(server, prompt):
    """By a host that has forgotten everything."""
    for _ in range(HEARD):  # an idle host hears it in its own time
        server.client.ask("POST", "/free", json={"unload_models": True, "free_memory": True})
        time.sleep(1)
        if not from_cache(ended := server.run(prompt)):
            break
    assert not from_cache(ended)
    return read_latent(server, ended)


@pytest.fixture(scope="module")
def broken_lora(server):
    layer = "diffusion_model.blocks.0.self_attn.q"
    nan = {
        f"{layer}.lora_A.weight": torch.full((4, 160), torch.nan),
        f"{layer}.lora_B.weight": torch.ones(160, 4),
    }
    return place(server, "loras", "broken.safetensors", nan)


@pytest.mark.parametrize("scene", [animation, lambda: guided(animation())], ids=["sampler", "guider"])
def test_a_run_that_fails_leaves_the_next_one_clean(server, scene, broken_lora):
    prompt = scene()
    loader = node("LoraLoaderModelOnly", model=["demo", 0], lora_name=broken_lora, strength_model=1.0)
    failed = server.run(through(prompt, "lora", loader))
    assert failed["status"]["status_str"] == "error"
    assert torch.equal(latent_of(server, prompt), fresh_latent(server, prompt))


@pytest.mark.parametrize("scene", [animation, lambda: guided(animation())], ids=["sampler", "guider"])
def test_nan_names_the_precision_the_attention_and_the_way_out(server, scene, broken_lora):
    loader = node("LoraLoaderModelOnly", model=["demo", 0], lora_name=broken_lora, strength_model=1.0)
    said = refusal(server, through(scene(), "lora", loader))
    assert re.search(r"first prediction holds NaN or infinity, in float32 with [-\w' ]+:", said), said
    assert ("PyTorch's attention" in said) != ("--use-pytorch-cross-attention" in said), said


def test_ten_runs_hold_no_more_memory_than_two(server):
    held = []
    for seed in range(10):
        latent_of(server, animation(2.0, seed=seed, steps=STEPS, tea_cache=0.05))
        held.append(server.rss)
    print("MiB after each run: " + ", ".join(f"{size / 2**20:.0f}" for size in held))
    assert abs(held[9] - held[1]) <= 0.05 * held[1]
