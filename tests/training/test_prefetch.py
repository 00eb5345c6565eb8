"""What a thread draws ahead is what a step would have drawn."""

from __future__ import annotations

import json
import threading
import time

import pytest
import torch
from accelerate import Accelerator
from toys import encoded_noise, leg, toy

from skyreels_core.training.loop import Run, Stage
from skyreels_core.training.prefetch import AHEAD, Prefetch
from skyreels_core.training.transformer import train_transformer


def generator(step: int) -> torch.Generator:
    return torch.Generator().manual_seed(step)


def test_each_step_gets_its_own_draws_and_draws_on_from_there():
    with Prefetch(lambda g: torch.rand(3, generator=g), generator, 6) as ahead:
        for step in range(2, 6):  # a resumed run does not begin at 0
            own = generator(step)
            drawn_on, drawn = ahead.take(step)
            assert torch.equal(drawn, torch.rand(3, generator=own))
            assert torch.equal(torch.rand(2, generator=drawn_on), torch.rand(2, generator=own))


def test_no_more_is_drawn_than_a_few_steps_ahead_and_none_beyond_the_last():
    drawn = []
    with Prefetch(lambda g: drawn.append(g.initial_seed()), generator, 5) as ahead:
        ahead.take(0)
        ahead.thread.submit(int).result()  # it has no more to do
        assert drawn == list(range(1 + AHEAD))
        for step in range(1, 5):
            ahead.take(step)
    assert drawn == list(range(5))


def test_a_step_waits_for_what_is_slow_and_the_waiting_is_counted():
    with Prefetch(lambda g: time.sleep(0.05), generator, 1) as ahead:
        ahead.take(0)
    assert ahead.waited >= 0.04


def test_what_goes_wrong_while_drawing_is_raised_by_the_step():
    def breaks(_: torch.Generator) -> None:
        raise OSError("the disk is gone")

    with Prefetch(breaks, generator, 3) as ahead, pytest.raises(OSError, match="the disk is gone"):
        ahead.take(0)


def test_the_next_clips_are_read_while_the_device_computes(tmp_path):
    """Each step but the last ends only once the clips of the next one are being read."""
    network, read, steps = torch.nn.Linear(2, 1), [threading.Event() for _ in range(4)], iter(range(4))
    numbers = iter(range(4))

    def prepare(g: torch.Generator) -> torch.Tensor:
        read[next(numbers)].set()
        return torch.randn(4, 2, generator=g)

    def step(model: torch.nn.Module, _: torch.Generator, drawn: torch.Tensor) -> dict[str, torch.Tensor]:
        following = next(steps) + 1
        assert following == 4 or read[following].wait(60)
        return {"loss": model(drawn).square().mean()}

    run = Run(tmp_path, network, Accelerator(cpu=True), seed=0)
    run.stage(Stage("only", 4, 4, 0.01), network.parameters(), step, prepare)
    assert all(event.is_set() for event in read)


def test_training_says_how_fast_it_was(tmp_path):
    clips = encoded_noise(tmp_path)
    train_transformer(toy(), clips, [leg("voice", "audio", 3)], tmp_path, Accelerator(cpu=True), 0)
    speed = json.loads((tmp_path / "speed.json").read_text())
    assert speed["voice"]["seconds_per_step"] > 0 and 0 <= speed["voice"]["waiting"] < 1
