"""Muon for the matrices of a transformer's blocks, AdamW for the rest."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from accelerate import Accelerator
from torch import Tensor, nn
from toys import toy

from skyreels_core.errors import InputError
from skyreels_core.training.estimate import Shape, Training, estimate
from skyreels_core.training.loop import Run, Stage
from skyreels_core.training.memory import Memory
from skyreels_core.training.optimizers import (
    ADAMW,
    MUON,
    MUON_RATE,
    OPTIMIZERS,
    block_matrices,
    make_optimizer,
)


class Small(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.embedding, self.head = nn.Linear(8, 12), nn.Linear(12, 4)
        self.blocks = nn.ModuleList([nn.Linear(12, 12), nn.Linear(12, 12)])

    def forward(self, x: Tensor) -> Tensor:
        x = self.embedding(x)
        for block in self.blocks:
            x = x + block(x).tanh()
        return self.head(x)


def trained(folder: Path, *steps: int, optimizer: str = MUON) -> Small:
    """Trained for so many steps in all, each time going on from the last checkpoint."""
    for count in steps:
        network = Small()

        def step(model: nn.Module, generator: torch.Generator) -> dict[str, Tensor]:
            x = torch.randn(16, 8, generator=generator)
            return {"loss": (model(x) - x[:, :4].tanh()).square().mean()}

        run = Run(folder, network, Accelerator(cpu=True), seed=0, optimizer=optimizer)
        run.stage(
            Stage("only", count, 16, 0.01, schedule="constant", warmup=1), list(network.parameters()), step
        )
    return network


def losses(folder: Path) -> list[float]:
    return [float(row.split(",")[-1]) for row in (folder / "losses.csv").read_text().splitlines()]


def test_an_interrupted_run_ends_as_one_that_was_not(tmp_path):
    whole, resumed = trained(tmp_path / "whole", 60), trained(tmp_path / "parts", 23, 60)
    assert all(torch.equal(a, b) for a, b in zip(whole.parameters(), resumed.parameters(), strict=True))
    falling = losses(tmp_path / "whole")
    assert sum(falling[-10:]) < 0.5 * sum(falling[:10])


@pytest.mark.parametrize("named", [True, False])
def test_a_run_is_not_resumed_with_another_optimizer(tmp_path, named):
    trained(tmp_path, 2, optimizer=ADAMW)
    if not named:  # as earlier versions wrote it
        state = torch.load(tmp_path / "state.pt", weights_only=True)
        del state["optimizer_kind"]
        torch.save(state, tmp_path / "state.pt")
    with pytest.raises(InputError, match=r"was trained with `optimizer: adamw`, .* `optimizer: muon`"):
        trained(tmp_path, 4)
    trained(tmp_path, 4, optimizer=ADAMW)
    assert len(losses(tmp_path)) == 4


def test_matrices_of_blocks_move_alike_in_all_directions_and_the_rest_as_with_adamw(tmp_path):
    before, rate = dict(Small().named_parameters()), 0.01
    after = dict(trained(tmp_path, 1).named_parameters())
    moved = {name: (after[name] - before[name]).detach() for name in before}
    matrices = [name for name, value in moved.items() if value.ndim == 2 and "blocks" in name]
    assert len(matrices) == 2
    for name in matrices:
        stretched = torch.linalg.svdvals(moved[name]) / (MUON_RATE * rate * 0.2 * 12**0.5)
        assert stretched.max() < 1.3 and stretched.median() > 0.6
    for name in moved.keys() - set(matrices):
        assert float(moved[name].abs().max()) == pytest.approx(rate, rel=0.01)  # AdamW's first step


def test_blocks_are_found_in_backbone_and_audio_layers():
    model = toy()
    found = {id(weight) for weight in block_matrices(model)}
    linear = [layer for part in (model.backbone, model.adapter) for layer in part.blocks.modules()]
    assert found == {id(layer.weight) for layer in linear if isinstance(layer, nn.Linear)}


def test_the_estimate_counts_what_the_optimizer_keeps():
    model = toy()
    optimizer = make_optimizer(MUON, model, model.parameters(), 0.001, 0.0, on_gpu=False)
    for weight in model.parameters():
        weight.grad = torch.ones_like(weight)
    optimizer.step()
    kept = [value for state in optimizer.state.values() for value in state.values() if value.ndim]
    training = Training(model.backbone.config, model.adapter.config, "all", memory=Memory(optimizer=MUON))
    states = estimate(training, Shape(2, 9, 32, 32, prompt=8)).optimizer
    assert states == sum(value.numel() * 4 for value in kept)
    assert states < estimate(replace(training, memory=Memory()), Shape(2, 9, 32, 32, prompt=8)).optimizer


def test_it_is_for_one_device_and_says_so():
    Memory(optimizer=MUON).check(moves_backbone=True, devices=1)
    with pytest.raises(InputError, match="optimizer: muon in `memory` is for one device; 2 are given"):
        Memory(optimizer=MUON).check(moves_backbone=True, devices=2)


def test_an_unknown_optimizer_names_all_that_there_are():
    with pytest.raises(InputError) as error:
        Memory(optimizer="lion")
    assert all(f"`optimizer: {kind}`" in str(error.value) for kind in OPTIMIZERS)


def test_an_older_pytorch_is_told_what_to_install(monkeypatch):
    monkeypatch.delattr(torch.optim, "Muon")
    with pytest.raises(InputError, match=r"PyTorch 2\.9 or later"):
        make_optimizer(MUON, Small(), [nn.Parameter(torch.ones(2, 2))], 0.1, 0.0, on_gpu=False)
