"""A run that a cancel, a crash or a restart ended goes on, and ends with the same numbers."""

from __future__ import annotations

import re

import pytest
import torch
from graphs import (
    altered,
    animation,
    completed,
    edit,
    guided,
    latent_of,
    node,
    place,
    read_latent,
    shown,
    through,
    with_guidance,
)
from listening import listening

STEPS, SECONDS, SIZE = 8, 2.0, 96
KEPT_RUNS = 3


@pytest.fixture(scope="module")
def host(start_server):
    """One of its own: these tests kill it."""
    return start_server()


def run(seed: int = 1, solver: str = "dpmpp_2m", **fields):
    """A run over several windows, in which steps are reused."""
    settings = {"text_guidance": "1", "tea_cache": 0.1, "keep_state": True, "steps": STEPS}
    prompt = animation(SECONDS, seed=seed, solver=solver, **(settings | fields))
    return altered(prompt, "scene", width=SIZE, height=SIZE) | shown("sampler", 1)


def unkept(prompt, source="sampler"):
    return altered(prompt, source, keep_state=False)


def report(ended) -> str:
    return ended["outputs"]["shown"]["text"][0]


def work_folders(host) -> list[str]:
    return sorted(path.name for path in (host.output / "skyreels-audio-work").glob("*"))


def steps_done(message) -> bool:
    """Whether a line of progress says that more than half of the forwards are done."""
    found = re.search(r"(\d+) of (\d+) forward passes", message.data) if message.kind == "text" else None
    return bool(found) and int(found[1]) > int(found[2]) / 2


def until_half_way(host, prompt) -> None:
    with listening(host) as said:
        host.client.queue(prompt)
        next(message for message in said if steps_done(message))


def cancel(host, prompt) -> None:
    with listening(host) as said:
        host.client.queue(prompt)
        next(message for message in said if steps_done(message))
        host.client.ask("POST", "/interrupt")
        *_, last = said
    assert last.kind == "execution_interrupted"


def went_on_after(text: str) -> int:
    found = re.search(rf"Resumed after (\d+) of {STEPS} steps", text)
    assert found, text
    return int(found[1])


@pytest.mark.parametrize("solver", ["euler", "dpmpp_2m"])
def test_a_cancelled_run_goes_on_and_ends_with_the_same_numbers(host, solver):
    prompt = run(seed=2, solver=solver)
    cancel(host, prompt)
    ended = completed(host, prompt)
    assert 0 < went_on_after(report(ended)) < STEPS
    assert torch.equal(read_latent(host, ended), latent_of(host, unkept(prompt)))


def test_a_run_whose_host_was_killed_goes_on_in_the_next_one(host):
    prompt = run(seed=3)
    until_half_way(host, prompt)
    host.restart()
    ended = completed(host, prompt)
    assert 0 < went_on_after(report(ended)) < STEPS
    assert torch.equal(read_latent(host, ended), latent_of(host, unkept(prompt)))


def test_a_run_that_ended_is_not_sampled_again_after_a_crash(host):
    prompt = run(seed=4)
    first = latent_of(host, prompt)
    host.restart()
    ended = completed(host, prompt)
    assert "Nothing was sampled" in report(ended)
    assert torch.equal(read_latent(host, ended), first)


def test_the_latents_of_any_sampler_outlive_a_crash(host):
    prompt = with_guidance(guided(animation(SECONDS), "euler_ancestral", keep_state=True), text="1")
    first = latent_of(host, prompt)
    host.restart()
    with listening(host) as said:
        host.client.queue(prompt)
        assert not any("forward passes" in message.data for message in said if message.kind == "text")
    assert torch.equal(latent_of(host, prompt), first)


def test_what_was_kept_for_one_run_is_not_taken_for_another(host):
    prompt = run(seed=5)
    first = latent_of(host, prompt)
    for other in (
        run(seed=6),
        run(seed=5, audio_guidance="2"),
        altered(prompt, "positive", text="a person with black hair, grey wall"),
        altered(prompt, "tokens", start=0.2),
        altered(prompt, "inputs", voice="voice 2"),
    ):
        ended = completed(host, other)
        assert "Nothing was sampled" not in report(ended)
        assert not torch.equal(read_latent(host, ended), first)


def test_a_lora_makes_it_another_run_and_is_known_again(host):
    layer = "diffusion_model.blocks.0.self_attn.q"
    generator = torch.Generator().manual_seed(0)
    lora = {
        f"{layer}.lora_A.weight": torch.randn(4, 160, generator=generator),
        f"{layer}.lora_B.weight": torch.randn(160, 4, generator=generator),
    }
    name = place(host, "loras", "some.safetensors", lora)
    loader = node("LoraLoaderModelOnly", model=["demo", 0], lora_name=name, strength_model=0.5)
    with_lora = through(run(seed=7), "lora", loader)
    plain, first = latent_of(host, run(seed=7)), latent_of(host, with_lora)
    assert not torch.equal(plain, first)
    cancel(host, altered(with_lora, "sampler", seed=8))
    assert went_on_after(report(completed(host, altered(with_lora, "sampler", seed=8))))
    host.restart()
    ended = completed(host, with_lora)
    assert "Nothing was sampled" in report(ended) and torch.equal(read_latent(host, ended), first)


def test_only_the_last_runs_are_kept(host):
    for seed in range(20, 20 + KEPT_RUNS + 3):
        latent_of(host, run(seed=seed, steps=2))
    assert len(work_folders(host)) == KEPT_RUNS + 1


def test_a_damaged_state_begins_the_run_again(host):
    prompt = run(seed=9)
    cancel(host, prompt)
    newest = host.output / "skyreels-audio-work" / work_folders(host)[-1]
    (newest / "state.safetensors").write_bytes(b"half")
    host.restart()
    ended = completed(host, prompt)
    assert "Resumed after" not in report(ended) and "is damaged" in host.log
    assert torch.equal(read_latent(host, ended), latent_of(host, unkept(prompt)))


def test_nothing_is_kept_where_it_is_not_wanted(host):
    before = work_folders(host)
    latent_of(host, unkept(run(seed=11)))
    assert work_folders(host) == before


def test_windows_of_a_long_edit_lie_in_files_and_a_restart_encodes_none_again(host):
    prompt = edit(1.6, steps=2, text_guidance="1", window=3, overlap=2, keep_state=True)
    first = latent_of(host, prompt)
    (folder,) = (host.output / "skyreels-audio-work" / "conditions").iterdir()
    assert len(list(folder.iterdir())) > 10
    host.restart()
    again = latent_of(host, unkept(prompt))
    assert "Conditions encoded" not in host.log.rpartition("To see the GUI")[2]
    assert torch.equal(again, first)
