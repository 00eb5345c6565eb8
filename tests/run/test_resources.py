from __future__ import annotations

from collections import namedtuple
from dataclasses import replace
from functools import partial

import pytest
import torch
from diffusers import AutoencoderKLWan
from live_bytes import FlashAttention, LiveBytes

from skyreels_core.errors import InputError
from skyreels_core.media.footage import open_video
from skyreels_core.media.sound import Audio
from skyreels_core.media.writing import write_video
from skyreels_core.model.adapter import AudioAdapter
from skyreels_core.model.backbone import WanModel
from skyreels_core.model.config import CONFIGS, AudioConfig
from skyreels_core.model.vae import VideoVAE
from skyreels_core.pipeline import resources
from skyreels_core.pipeline.animate import animate
from skyreels_core.pipeline.edit import edit
from skyreels_core.run import progress
from skyreels_core.run import resources as estimate
from skyreels_core.run.plan import ModelFacts, RunPlan
from skyreels_core.run.progress import Pace, clock
from skyreels_core.run.resources import (
    GPU,
    MEMORY,
    PICTURE,
    VOICE,
    WINDOW,
    Needs,
    check_disk,
    check_memory,
    forward_bytes,
    free_memory,
    needed,
    video_bytes,
)
from skyreels_core.run.resume import WorkFolder
from skyreels_core.run.settings import WAN, Settings
from skyreels_core.timeline import Timeline, frames_of

REMEDIES = {PICTURE: "make the picture smaller", WINDOW: "make the windows shorter", VOICE: "cut the voice"}
WINDOW_480P = (21, 60, 104)  # latent frames, rows and columns
GB = 10**9


def planned(latent_frames, size, task="animation", **changes):
    """Settings as Wan's, of a model of 14B in bfloat16 whose voice comes encoded."""
    facts = ModelFacts(CONFIGS["i2v-14b"], torch.bfloat16)
    timeline = Timeline(frames_of(latent_frames), 25.0)
    return RunPlan.of(WAN.override(colour_strength=0, **changes), facts, timeline, size, task)


def needs_of(latent_frames=376, size=(832, 480), **changes):
    return Needs(planned(latent_frames, size), on_gpu=False, **changes)


def peak_of_a_forward(name, latent, dtype, device):
    """Of a backbone with audio layers, text and picture."""
    config = CONFIGS[name]
    voice = AudioConfig(64, config.dim, config.num_heads, config.num_layers, 1e-6, rope=True)
    with torch.device(device):
        model, adapter = WanModel(config).to(dtype), AudioAdapter(voice).to(dtype)
        x, text = torch.zeros(1, config.in_dim, *latent), torch.zeros(1, 20, config.text_dim)
        picture, tokens = torch.zeros(1, 257, 1280), torch.zeros(1, 170, 64, dtype=dtype)
        timestep = torch.zeros(1)
    with torch.no_grad(), FlashAttention() if device == "meta" else LiveBytes(), LiveBytes() as found:
        heard = adapter.prepare(tokens, torch.arange(170.0).double(), torch.arange(latent[0]).double())
        model(x, timestep, text, picture, 492, partial(adapter.apply, context=heard))
    return found.peak


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize(
    "name, latent, device",
    [
        ("demo", (9, 12, 12), "cpu"),
        ("demo", (9, 24, 16), "cpu"),
        ("i2v-14b", WINDOW_480P, "meta"),
        ("t2v-1.3b", WINDOW_480P, "meta"),
        ("i2v-14b", (21, 90, 160), "meta"),
    ],
)
def test_a_forward_takes_what_is_reckoned(name, latent, device, dtype):
    tokens = latent[0] * latent[1] * latent[2] // 4
    reckoned = forward_bytes(CONFIGS[name], tokens, dtype.itemsize)
    peak = peak_of_a_forward(name, latent, dtype, device)
    assert peak <= reckoned
    if device == "meta":  # in a model as small as the demo's the text, of a fixed length, counts for much
        assert reckoned <= 1.1 * peak


def test_a_window_of_14b_at_480p():
    tokens = WINDOW_480P[0] * WINDOW_480P[1] * WINDOW_480P[2] // 4
    assert forward_bytes(CONFIGS["i2v-14b"], tokens, itemsize=2) / GB == pytest.approx(3.8, abs=0.2)


@pytest.mark.parametrize("width, latent, device", [(12, (12, 12), "cpu"), (96, (60, 104), "meta")])
def test_the_vae_takes_what_is_reckoned(width, latent, device):
    rows, columns = latent
    pixels = 64 * rows * columns
    with torch.device(device):
        vae = VideoVAE(AutoencoderKLWan(base_dim=width)).to(device)
        video = torch.zeros(1, 3, 17, 8 * rows, 8 * columns)
    with torch.no_grad(), LiveBytes() as encoding:
        vae.encode(video)
    with torch.no_grad(), LiveBytes() as decoding:
        for _ in vae.decode_stream(torch.zeros(1, 16, 4, rows, columns, device=device)):
            pass
    for found, numbers in ((encoding, estimate.ENCODER_NUMBERS), (decoding, estimate.DECODER_NUMBERS)):
        assert found.peak <= 4 * numbers * pixels * width <= 1.1 * found.peak


def voice(seconds):
    samples = torch.rand(1, round(seconds * 16000), generator=torch.Generator().manual_seed(1))
    return Audio(samples - 0.5, 16000)


@pytest.fixture(scope="module")
def preset(bundle):
    return Settings.of(bundle.metadata).override(width=64, height=48, fps=8.0, window=3, overlap=1, steps=3)


class Stages:
    """The peak of each stage of a run; `conditions` holds what comes before it too."""

    def __init__(self, live):
        self.live, self.peaks = live, {}

    def __call__(self, stage, done, planned, what):
        self.peaks[stage] = max(self.peaks.get(stage, 0), self.live.peak)
        if done == planned:
            self.live.peak = 0


@pytest.fixture
def reckoned(monkeypatch):
    """What the pipeline reckons for each stage of the runs of a test."""
    made = []
    whole = Needs.parts
    monkeypatch.setattr(Needs, "parts", lambda needs: made.append(whole(needs)) or made[-1])

    def of_stage(stage):
        names = {"conditions": ("voice", "conditions"), "sampling": ("sampling", "keeping")}
        found = [part for part in made[-1] if part.stage in (None, *names.get(stage, (stage,)))]
        return needed(found, MEMORY)

    return of_stage


def check_peaks(live, stages, result, reckoned):
    for _ in result.frames:
        pass
    assert stages.peaks.keys() == {"conditions", "sampling", "decoding"}
    assert {stage: peak for stage, peak in stages.peaks.items() if peak > reckoned(stage)} == {}
    assert reckoned("decoding") < 1.5 * stages.peaks["decoding"]


@pytest.mark.parametrize("changes", [{}, {"cache_threshold": 1e9, "solver": "dpmpp_2m"}])
def test_an_animation_holds_no_more_than_is_reckoned(bundle, preset, reckoned, changes):
    picture = torch.rand(60, 40, 3, generator=torch.Generator().manual_seed(2))
    with LiveBytes() as live:
        stages = Stages(live)
        result = animate(bundle, voice(6), picture, settings=preset.override(**changes), progress=stages)
        check_peaks(live, stages, result, reckoned)


@pytest.mark.parametrize("keeps", [False, True])
def test_an_edit_holds_no_more_than_is_reckoned_with_its_state_and_without(
    bundle, preset, reckoned, tmp_path, keeps
):
    path, work = tmp_path / "video.mkv", WorkFolder(tmp_path / "work") if keeps else None
    write_video(path, torch.rand(40, 48, 64, 3, generator=torch.Generator().manual_seed(3)), 8.0)
    mask = torch.zeros(1, 48, 64)
    mask[:, 24:, 16:48] = 1
    video, preset = open_video(path), replace(preset, cache_threshold=1e9)
    with LiveBytes() as live:
        stages = Stages(live)
        result = edit(bundle, video, voice(5), mask, settings=preset, progress=stages, work=work)
        check_peaks(live, stages, result, reckoned)
    if keeps:
        held = sum(file.stat().st_size for file in (tmp_path / "work").rglob("*.safetensors"))
        needs = Needs(result.report.plan, on_gpu=False, keeps_state=True, conditions_on_disk=True)
        assert (needs.conditions, needs.plan.velocities) == (10, 15)
        assert 10 * needs.condition + needs.whole < held <= needs.work  # the end's state is x alone


def test_the_latents_of_a_long_video_and_its_conditions_are_counted():
    size, window = (832, 480), 21 * 60 * 104
    edit = planned(3751, size, "edit", cache_threshold=0.1, cache_memory=0.5)
    ten_minutes = Needs(edit, on_gpu=False, keeps_state=True)
    latent = 4 * 16 * 3751 * 60 * 104
    assert ten_minutes.whole == latent == pytest.approx(1.498 * GB, rel=1e-3)
    assert edit.velocities == 2**29 // (4 * 16 * window) < 3 * len(edit.windows.windows)
    assert ten_minutes.state == 2 * latent + edit.velocities * 4 * 16 * window
    assert ten_minutes.work == 2 * ten_minutes.state
    assert ten_minutes.conditions == 2 * len(edit.windows.windows)  # the whole video, and its first frame
    on_disk = replace(ten_minutes, conditions_on_disk=True)
    assert on_disk.work - ten_minutes.work == ten_minutes.conditions * 4 * 20 * window
    on_gpu = replace(ten_minutes, on_gpu=True).parts()
    assert needed(on_gpu, GPU) > 7 * latent
    assert needed(on_gpu, MEMORY) < needed(ten_minutes.parts(), MEMORY)


def test_memory_that_does_not_do_is_refused_with_the_numbers_and_what_helps():
    found = needs_of(3751).parts()
    total = needed(found, MEMORY)
    check_memory(found, MEMORY, total, REMEDIES)
    with pytest.raises(InputError) as refusal:
        check_memory(found, MEMORY, 12 * GB, REMEDIES)
    assert str(refusal.value) == (
        "This run needs about 14 GB of memory, most of it for the latents of the whole video, and 12 GB are free. "
        "Cut the voice, or make the picture smaller."
    )
    with pytest.raises(
        InputError, match=r"for the VAE's decoder, and 2 GB are free\. Make the picture smaller"
    ):
        check_memory(needs_of(21).parts(), MEMORY, 2 * GB, REMEDIES)
    with pytest.raises(InputError, match="43 GB of memory, most of it for the model's weights"):
        check_memory(needs_of(21).parts(), MEMORY, 12 * GB, REMEDIES, more=35 * GB)


Usage = namedtuple("Usage", "total used free")


def test_a_disk_that_is_nearly_full_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(estimate.shutil, "disk_usage", lambda path: Usage(100, 98, 2))
    work, output = tmp_path / "new" / "work", tmp_path / "video.mp4"
    check_disk([(work, 1, "Give --work"), (output, 1, "Give -o")])
    with pytest.raises(InputError, match=r"4e-09 GB of disk space .* 2e-09 GB are free. Give -o."):
        check_disk([(work, 1, "Give --work"), (output, 3, "Give -o")])


@pytest.mark.parametrize(
    "free, needle",
    [("memory", "of memory, most of it for"), ("disk", "of disk space")],
)
def test_a_run_without_room_is_refused_before_anything_is_encoded(
    bundle, preset, tmp_path, monkeypatch, free, needle
):
    if free == "memory":
        monkeypatch.setattr(resources, "free_memory", lambda: 1000)
    else:
        monkeypatch.setattr(estimate.shutil, "disk_usage", lambda path: Usage(1, 1, 0))
    with WorkFolder(tmp_path / "work") as work, pytest.raises(InputError, match=needle):
        stages = []
        animate(
            bundle, voice(1), settings=preset, work=work, progress=lambda stage, *what: stages.append(stage)
        )
    assert stages == []


def test_what_is_needed_is_said_before_and_the_time_after_the_first_step(bundle, preset, tmp_path):
    said = []
    preset = preset.override(width=32, height=32, steps=2, audio_guidance="1", colour_strength=0)
    with WorkFolder(tmp_path / "work") as work:
        result = animate(
            bundle, voice(10), settings=preset, work=work,
            progress=lambda stage, done, planned, what: said.append((stage, done)),
        )  # fmt: skip
    needs, pace = result.report.lines[-2:]
    assert needs.startswith("Windows: 10. Steps: 2. Forward passes: 20; about 0.0")
    assert "GB of memory" in needs and "GB on disk." in needs
    assert pace.startswith("A forward pass takes ") and pace.endswith(" of decoding left.")


def test_the_pace_counts_the_forwards_of_this_run_alone(monkeypatch):
    times = iter([0, 3, 6, 6, 8])
    monkeypatch.setattr(progress.time, "monotonic", lambda: next(times))
    pace = Pace()
    for done in range(1001, 1005):  # the first thousand were made before
        pace.tick(done, 2804)
    assert (pace.seconds, pace.remaining) == (2, "1:00:00")
    assert [clock(seconds) for seconds in (0.4, 61, 3661)] == ["0:00", "1:01", "1:01:01"]


def test_free_memory_is_no_more_than_there_is():
    import psutil

    assert 0 < free_memory() <= psutil.virtual_memory().total


def test_a_file_without_loss_is_larger():
    assert video_bytes(1500, (832, 480), lossless=False) == pytest.approx(75e6, rel=0.01)
    assert video_bytes(1500, (832, 480), lossless=True) == 12 * video_bytes(1500, (832, 480), lossless=False)
