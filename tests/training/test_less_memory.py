"""What lowers the memory of training: the same numbers, from weights, activations and states that lie elsewhere."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from accelerate import Accelerator
from torch.utils._pytree import tree_leaves
from toys import encoded_noise, leg, toy

from skyreels_core.errors import InputError
from skyreels_core.model.fp8 import FP8, Fp8Linear, block_layers, quantise, use_fp8
from skyreels_core.training.encoded import EncodedClips
from skyreels_core.training.estimate import Counting, Estimate, Shape, Training, estimate
from skyreels_core.training.loop import Run, Stage
from skyreels_core.training.lora import LoraSettings, add_lora
from skyreels_core.training.memory import CPU, PLAIN, Elsewhere, Memory, frozen_layers, save_memory
from skyreels_core.training.ranks import ALONE
from skyreels_core.training.transformer import AudioDrivenModel, LegStep, train_transformer

OFFLOADED = Memory(offload_blocks=True, offload_activations=True)


@pytest.fixture(scope="module")
def clips(tmp_path_factory) -> EncodedClips:
    return encoded_noise(tmp_path_factory.mktemp("clips"))


def prepared(memory: Memory, lora: bool = False) -> AudioDrivenModel:
    model = toy()
    model.backbone.requires_grad_(False)
    if lora:
        add_lora(model.backbone, LoraSettings(rank=4), seed=0)
    model.saving = save_memory(model.backbone, memory, Elsewhere(CPU))
    return model


def trained(clips: EncodedClips, folder: Path, memory: Memory, part: str = "audio", steps: int = 3):
    model = prepared(memory, part == "lora")
    legs = [leg("only", part, steps)]
    train_transformer(model, clips, legs, folder, Accelerator(cpu=True), 0, memory=memory)
    return {name: value.clone() for name, value in model.state_dict().items()}


@pytest.mark.parametrize("part", ("audio", "lora"))
@pytest.mark.parametrize("memory", (OFFLOADED, Memory(offload_blocks=True), Memory(offload_activations=True)))
def test_weights_and_activations_that_wait_elsewhere_train_the_same_model(clips, tmp_path, memory, part):
    plain = trained(clips, tmp_path / "plain", Memory(), part)
    other = trained(clips, tmp_path / "other", memory, part)
    moving = [name for name in plain if name.startswith("adapter.") or ".lora_" in name]
    assert len(moving) > 20
    assert all(torch.allclose(plain[name], other[name], atol=1e-6) for name in moving)


def test_blocks_are_empty_before_between_and_after_forward_and_backward_pass(clips):
    model = prepared(OFFLOADED, lora=True)
    layers = list(frozen_layers(model.backbone.blocks))
    assert len(layers) == 2 * 10
    waits = [all(not weight.numel() for weight in layer.parameters(recurse=False)) for layer in layers]
    model.train_only("lora")
    step = LegStep(clips, leg("only", "lora", 1), CPU, ALONE)
    generator = torch.Generator().manual_seed(0)
    loss = step(model, generator, step.draw(generator))["loss"]
    waits += [not layer.weight.numel() for layer in layers]
    loss.backward()
    waits += [not layer.weight.numel() for layer in layers]
    assert all(waits)
    assert all(weight.grad is not None for weight in model.adapter.parameters())


def test_a_frozen_backbone_in_fp8_trains_nearly_the_same_voice(clips, tmp_path):
    plain, packed = toy(), toy()
    names = block_layers(packed.backbone)
    quantised = {name: quantise(packed.backbone.get_submodule(name).weight.detach()) for name in names}
    use_fp8(packed.backbone, names)
    for name, (weight, scale) in quantised.items():
        layer = packed.backbone.get_submodule(name)
        assert isinstance(layer, Fp8Linear)
        layer.weight.data, layer.scale.data = weight, scale
    losses = []
    for model in (plain, packed):
        folder = tmp_path / f"{len(losses)}"
        train_transformer(model, clips, [leg("only", "audio", 4)], folder, Accelerator(cpu=True), 0)
        rows = (folder / "losses.csv").read_text().splitlines()
        losses.append([float(row.split(",")[-1]) for row in rows])
    assert losses[1] == pytest.approx(losses[0], rel=0.02) and losses[1] != losses[0]
    assert all(packed.backbone.get_submodule(name).weight.dtype == FP8 for name in names)


def test_states_of_eight_bits_train_about_the_same_and_resume(tmp_path):
    pytest.importorskip("bitsandbytes", reason="needs the extra `train`")

    def ends(folder: Path, kind: str, *steps: int) -> tuple[torch.Tensor, Run]:
        for count in steps:
            torch.manual_seed(0)
            network = torch.nn.Linear(64, 96)
            going = Run(folder, network, Accelerator(cpu=True), seed=0, optimizer=kind)

            def step(model: torch.nn.Module, generator: torch.Generator) -> dict[str, torch.Tensor]:
                return {"loss": (model(torch.randn(8, 64, generator=generator)) - 1).square().mean()}

            going.stage(
                Stage("only", count, 8, 0.01, schedule="constant", warmup=1), network.parameters(), step
            )
        return network.weight.detach(), torch.load(folder / "state.pt", weights_only=True)["optimiser"]

    plain, _ = ends(tmp_path / "plain", "adamw", 30)
    whole, state = ends(tmp_path / "whole", "adamw8bit", 30)
    resumed, _ = ends(tmp_path / "parts", "adamw8bit", 11, 30)
    assert torch.equal(whole, resumed)
    kept = [value for value in tree_leaves(state["state"]) if isinstance(value, torch.Tensor)]
    assert sum(value.numel() for value in kept if value.dtype == torch.uint8) == 2 * 64 * 96
    start = torch.nn.init.zeros_(torch.empty_like(plain))
    assert (whole - plain).norm() < 0.1 * (plain - start).norm()


@pytest.mark.parametrize(
    ("memory", "whole", "devices", "says"),
    (
        (Memory(fp8=True), True, 1, "a leg trains the backbone itself"),
        (Memory(offload_blocks=True), True, 1, "offload_blocks"),
        (Memory(optimizer="adamw8bit"), False, 2, "for one device"),
        (OFFLOADED, False, 4, "offload_blocks and offload_activations .* 4 are given"),
    ),
)
def test_what_does_not_go_together_is_said_before_anything_is_loaded(memory, whole, devices, says):
    with pytest.raises(InputError, match=says):
        memory.check(whole, devices)


def test_an_unknown_optimizer_names_those_that_there_are():
    with pytest.raises(InputError, match="adamw8bit"):
        Memory(optimizer="adam")


def test_a_missing_library_names_the_extra(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "bitsandbytes", None)
    monkeypatch.setitem(sys.modules, "bitsandbytes.optim.adamw", None)
    network = torch.nn.Linear(2, 2)
    going = Run(tmp_path, network, Accelerator(cpu=True), seed=0, optimizer="adamw8bit")
    with pytest.raises(InputError, match=r"skyreels-audio\[train\]"):
        going.stage(Stage("only", 1, 1, 0.1), network.parameters(), lambda m, g: {})


SHAPE = Shape(2, 9, 32, 32, prompt=8)
TRAINING = Training(toy().backbone.config, toy().adapter.config, "audio")


def reckoned(memory: Memory = PLAIN, **changes) -> Estimate:
    return estimate(replace(TRAINING, memory=memory, **changes), SHAPE)


def test_the_estimate_counts_every_weight_gradient_and_state():
    model, found = toy(), reckoned()
    voice = 4 * sum(weight.numel() for weight in model.adapter.parameters())
    assert found.frozen == 4 * sum(weight.numel() for weight in model.backbone.parameters())
    assert (found.trained, found.gradients, found.optimizer) == (voice, voice, 2 * voice)
    assert found.peak == found.frozen + 4 * voice + found.activations


@pytest.mark.parametrize("checkpointing", (False, True))
def test_the_estimate_is_what_a_real_step_holds(clips, checkpointing):
    step = LegStep(clips, leg("only", "audio", 1, drop_audio=0.0, drop_both=0.0), CPU, ALONE)
    generator = torch.Generator().manual_seed(0)
    with Counting() as counting:
        model = toy()
        model.backbone.gradient_checkpointing = checkpointing
        weights = model.train_only("audio")
        before = counting.live
        drawn = step.draw(generator)
        counting.most = counting.live
        step(model, generator, drawn)["loss"].backward()
    gradients = sum(weight.grad.numel() * 4 for weight in weights)
    assert reckoned(checkpointing=checkpointing).activations == pytest.approx(
        counting.most - before - gradients, rel=0.15
    )


def test_each_measure_takes_away_what_it_is_for():
    plain = reckoned(checkpointing=True)
    assert reckoned(Memory(fp8=True)).frozen < 0.65 * plain.frozen  # embeddings and head keep their precision
    assert reckoned(Memory(offload_blocks=True)).frozen < 0.5 * plain.frozen
    assert reckoned(Memory(offload_activations=True)).activations < plain.activations < reckoned().activations
    big = replace(
        TRAINING, backbone=replace(TRAINING.backbone, dim=64), audio=replace(TRAINING.audio, dim=64)
    )
    states = [estimate(replace(big, memory=Memory(optimizer=kind)), SHAPE) for kind in ("adamw", "adamw8bit")]
    assert states[1].optimizer < 0.5 * states[0].optimizer


def test_several_devices_share_all_but_the_activations():
    one = Estimate(800, 400, 400, 800, 1000)
    assert one.shared(1, 50) == one
    assert one.shared(4, 50) == Estimate(200, 100, 100, 200, 1100)
