"""A run whose forward passes are dealt to several workers is the run of one device, bit for bit."""

from __future__ import annotations

import os
from dataclasses import replace

import pytest
import torch
from worker_threads import ThreadWorkers

from skyreels_core.cli import REFUSED, main
from skyreels_core.conditioning.visual import WindowConditions
from skyreels_core.errors import Cancelled, InputError
from skyreels_core.media.reading import Video
from skyreels_core.media.sound import Audio
from skyreels_core.model.bundle import MODEL, load_bundle
from skyreels_core.model.checkpoint import PLANNING
from skyreels_core.parallel.dealing import efficiency
from skyreels_core.parallel.devices import read_devices
from skyreels_core.pipeline import dealt
from skyreels_core.pipeline.animate import animate
from skyreels_core.pipeline.dealt import Workers
from skyreels_core.pipeline.edit import edit
from skyreels_core.pipeline.worker import ModelSpec
from skyreels_core.run.resume import WorkFolder
from skyreels_core.run.settings import Settings


def noise(*shape, seed=1):
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed))


VOICE = Audio(0.2 * (noise(1, 48000) - 0.5), 16000)  # 3 s: 24 frames, 7 latent ones, three windows
PICTURE = noise(60, 40, 3)
TEXT = "a person"


@pytest.fixture(scope="module")
def preset(bundle):
    return Settings.of(bundle.metadata).override(
        width=32, height=32, fps=8.0, window=3, overlap=1, steps=3, text_guidance="piecewise:0=5,0.5=1"
    )


@pytest.fixture(scope="module")
def spec(bundle_folder):
    return ModelSpec(bundle_folder / MODEL, None, torch.float32, torch.get_num_threads())


@pytest.fixture(scope="module")
def planner(bundle_folder):
    """What the caller itself has of the model."""
    return load_bundle(bundle_folder, only=PLANNING)


@pytest.fixture
def workers(spec):
    made = []

    def start(count):
        made.append(ThreadWorkers(count, spec))
        return made[-1]

    yield start
    for each in made:
        each.close()


def latents(result):
    return result.frames.latents[:, :, :]  # from the disk, where a run state holds them


@pytest.fixture(scope="module")
def alone(bundle, preset):
    return latents(animate(bundle, VOICE, PICTURE, TEXT, settings=preset))


@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_windows_and_branches_on_any_number_of_workers_give_the_same_bits(
    planner, preset, workers, alone, count
):
    dealt_to = workers(count)
    result = animate(planner, VOICE, PICTURE, TEXT, settings=preset, workers=dealt_to)
    assert torch.equal(latents(result), alone)
    computed = [len(worker.units) for worker in dealt_to.handlers]
    assert (
        sum(computed) == result.report.computed == 3 * (3 + 3 + 2)
    )  # windows of three steps and their branches
    expected = efficiency([9, 9, 6], count)
    assert max(computed) == expected.seconds and sum(computed) / (count * max(computed)) == expected.share
    assert any(f"{expected.share:.0%} of the devices' time" in line for line in result.report.lines)


def test_the_caller_holds_no_block_of_the_network(planner):
    held = [name for name, weight in planner.model.state_dict().items() if not weight.is_meta]
    assert held and all(name.startswith(PLANNING) for name in held)


def test_the_cache_has_one_plan_for_all_workers_and_its_skipped_units_are_counted(
    bundle, planner, preset, workers
):
    cached = preset.override(steps=6, cache_threshold=3.0, text_guidance="1")
    dealt_to = workers(2)
    result = animate(planner, VOICE, PICTURE, TEXT, settings=cached, workers=dealt_to)
    one = animate(bundle, VOICE, PICTURE, TEXT, settings=cached)
    assert torch.equal(latents(result), latents(one))
    assert result.report.reused == one.report.reused > 0
    assert any(
        f"{result.report.computed} forward passes on 2 devices" in line for line in result.report.lines
    )
    assert {unit.branch for worker in dealt_to.handlers for unit in worker.units} == {"full", "noaudio"}


@pytest.mark.parametrize("options", [{"hybrid": 0.4}, {"method": "pinned"}, {"null_image": True}])
def test_an_edit_too(bundle, planner, preset, workers, options, monkeypatch):
    """With fewer conditions kept than there are: they travel again."""
    monkeypatch.setattr(dealt, "CONDITIONS_KEPT", 2)
    video = Video((noise(24, 40, 40, 3, seed=3) * 255).round() / 255, 8.0, None)
    mask = torch.zeros(1, 40, 40)
    mask[:, 21:30, 18:28] = 1
    settings = preset.override(**options)
    result = edit(planner, video, VOICE, mask, TEXT, settings=settings, workers=workers(2))
    assert torch.equal(latents(result), latents(edit(bundle, video, VOICE, mask, TEXT, settings=settings)))


def test_a_condition_travels_once_to_the_workers_that_need_it(planner, preset, workers, monkeypatch):
    sent = []
    whole = WindowConditions.of
    monkeypatch.setattr(WindowConditions, "of", lambda self, unit: sent.append(unit) or whole(self, unit))
    animate(planner, VOICE, PICTURE, TEXT, settings=preset, workers=workers(2))
    assert len(sent) == 2  # all windows of an animation are shown the same picture


@pytest.mark.parametrize("before, after", [(2, 3), (3, None), (None, 2)])
def test_a_run_that_was_cancelled_resumes_on_another_number_of_devices(
    bundle, planner, preset, workers, alone, tmp_path, before, after
):
    def sampled(count, folder, progress):
        model, pool = (bundle, None) if count is None else (planner, workers(count))
        return animate(
            model, VOICE, PICTURE, TEXT, settings=preset, workers=pool, work=folder, progress=progress
        )

    def cancel(stage, done, planned, what):
        if stage == "sampling" and done == 14:  # within the second step
            raise Cancelled

    with WorkFolder(tmp_path / "work") as folder, pytest.raises(Cancelled):
        sampled(before, folder, cancel)
    with WorkFolder(tmp_path / "work", "resume") as folder:
        result = sampled(after, folder, None)
        assert torch.equal(latents(result), alone)
        assert "Resuming after 1 of 3 steps." in result.report.lines


def test_cancelling_is_noticed_within_a_step_and_the_workers_make_the_next_video(
    planner, preset, workers, alone
):
    asked, dealt_to = [], workers(2)

    def cancel():
        asked.append(sum(len(worker.units) for worker in dealt_to.handlers))
        if asked[-1] >= 4:
            raise Cancelled

    with pytest.raises(Cancelled):
        animate(planner, VOICE, PICTURE, TEXT, settings=preset, workers=dealt_to, check_cancel=cancel)
    assert asked[-1] < 9  # the units of the first step
    result = animate(planner, VOICE, PICTURE, TEXT, settings=preset, workers=dealt_to)
    assert torch.equal(latents(result), alone)


def test_a_worker_that_fails_within_a_run_keeps_its_progress(planner, preset, workers, alone, tmp_path):
    dealt_to = workers(2)

    def fail(stage, done, planned, what):
        if stage == "sampling" and done == 14:
            dealt_to.handlers[0].kept.clear()  # as memory that is gone

    with WorkFolder(tmp_path / "work") as folder, pytest.raises(InputError, match="Worker 1 cannot continue"):
        animate(planner, VOICE, PICTURE, TEXT, settings=preset, workers=dealt_to, progress=fail, work=folder)
    with WorkFolder(tmp_path / "work", "resume") as folder:
        result = animate(planner, VOICE, PICTURE, TEXT, settings=preset, workers=dealt_to, work=folder)
    assert torch.equal(latents(result), alone)


def test_a_run_whose_forwards_are_split_has_the_plan_and_the_latents_of_one(bundle, planner, preset, spec):
    """Two processes; of three windows with two branches, and none on reused steps, one unit is split."""
    devices = read_devices("cpu,cpu", 120, 2)
    split = Workers(devices, replace(spec, sequence=devices.sequence))
    settings = preset.override(steps=4, cache_threshold=3.0, text_guidance="1", audio_guidance="1")
    try:
        result = animate(planner, VOICE, PICTURE, TEXT, settings=settings, workers=split)
        assert all(sent > 0 for sent in split.pool.tell("traffic", None))
        one = animate(bundle, VOICE, PICTURE, TEXT, settings=settings)
        assert (latents(result) - latents(one)).abs().max() < 1e-5
        assert (result.report.computed, result.report.reused) == (one.report.computed, one.report.reused)
        again = animate(planner, VOICE, PICTURE, TEXT, settings=settings, workers=split)
        assert torch.equal(latents(again), latents(result))
    finally:
        split.close()


@pytest.fixture(scope="module")
def command(bundle_folder, tmp_path_factory):
    from skyreels_core.audio.reading import write_wav

    folder = tmp_path_factory.mktemp("command")
    write_wav(folder / "voice.wav", VOICE)
    words = ["--width=32", "--height=32", "--fps=8", "--window=3", "--overlap=1", "--steps=2"]
    return lambda output, *options: main([
        "animate", f"--audio={folder / 'voice.wav'}", f"--model={bundle_folder}", "-o", str(output), *words, *options,
    ])  # fmt: skip


def test_the_command_line_deals_to_processes_and_writes_the_same_file(command, tmp_path, capsys):
    assert command(tmp_path / "one.mkv", "--device=cpu") == 0
    assert command(tmp_path / "two.mkv", "--devices=cpu,cpu", "--worker-timeout=300") == 0
    assert (tmp_path / "one.mkv").read_bytes() == (tmp_path / "two.mkv").read_bytes()
    assert "on 2 devices" in capsys.readouterr().err
    assert sorted(os.listdir(tmp_path)) == ["one.mkv", "two.mkv"]


@pytest.mark.parametrize(
    "options, sentence",
    [
        (["--devices=99"], "The device cuda:99 cannot be used: PyTorch finds"),
        (["--devices=cpu,potato"], "'potato' is no device. Give numbers of GPUs or names of devices"),
        (["--devices=cpu,"], "'' is no device."),
        (["--devices=meta"], "Workers do not run on meta."),
        (["--devices=cpu", "--device=cpu"], "Both --device and --devices were given"),
        (["--worker-timeout=9"], "--worker-timeout is about the workers of --devices, which are not given"),
        (["--devices=cpu", "--worker-timeout=0"], "time limit is 0.0 s; give seconds above 0"),
        (["--devices=cpu", "--sequence-parallel=2"], "needs 2 devices, and 1 are given"),
        (["--devices=cpu,cpu", "--sequence-parallel=two"], "give the number of devices that may share"),
        (
            ["--devices=cpu,cpu", "--sequence-parallel=2", "--sequence-engine=ours"],
            "use one of own, diffusers, xfuser",
        ),
        (["--sequence-parallel=2"], "--sequence-parallel is about the workers of --devices"),
    ],
)
def test_devices_that_cannot_be_used_are_refused(command, tmp_path, capsys, options, sentence):
    assert command(tmp_path / "made.mkv", *options) == REFUSED
    assert sentence in capsys.readouterr().err
    assert os.listdir(tmp_path) == []
