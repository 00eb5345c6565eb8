"""LoRA files from the command line and from Python: another video, in one process or several, and another run."""

from __future__ import annotations

import io
import json
import os
import shutil

import pytest
import torch
from safetensors.torch import save_file

import skyreels_core as sky
from skyreels_core.api.inputs import as_loras
from skyreels_core.api.weights import find_model
from skyreels_core.audio.reading import write_wav
from skyreels_core.cli import REFUSED, main
from skyreels_core.media.sound import Audio
from skyreels_core.model.bundle import MODEL
from skyreels_core.model.checkpoint import PLANNING
from skyreels_core.parallel.devices import read_devices
from skyreels_core.parallel.messages import read_message, write_message
from skyreels_core.pipeline.worker import CoreWorker, ModelSpec
from skyreels_core.weights.header import calibration_of
from skyreels_core.weights.lora import Lora

WORDS = ["--width=32", "--height=32", "--fps=8", "--window=3", "--overlap=1", "--steps=2", "--device=cpu"]
SMALL = {"width": 32, "height": 32, "fps": 8, "window": 3, "overlap": 1, "steps": 2}
LAYERS = {"blocks.0.self_attn.q": (160, 160), "time_embedding.2": (160, 160), "head.head": (64, 160)}


def normal(*shape, seed):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A voice of 0.7 s, a LoRA as training writes it, another one, and one of another width."""
    folder = tmp_path_factory.mktemp("loras and a voice")
    write_wav(folder / "voice.wav", Audio(normal(1, 11200, seed=1).clamp(-1, 1) / 2, 16000))
    for number, name in enumerate(("style", "other")):
        tensors = {}
        for layer, (rows, columns) in LAYERS.items():
            tensors[f"diffusion_model.{layer}.lora_up.weight"] = 0.2 * normal(rows, 4, seed=number)
            tensors[f"diffusion_model.{layer}.lora_down.weight"] = 0.2 * normal(4, columns, seed=number + 9)
            tensors[f"diffusion_model.{layer}.alpha"] = torch.tensor(8.0)
        save_file(tensors, folder / f"{name}.safetensors")
    wide = {f"blocks.0.ffn.0.lora_{half}.weight": torch.zeros(7, 7) for half in "AB"}
    save_file(wide, folder / "wide.safetensors")
    return folder


@pytest.fixture
def animate(bundle_folder, folder, tmp_path):
    """The video's bytes, of a command with more options; no bytes where it refuses."""

    def run(*options):
        output = tmp_path / "made.mkv"
        words = [
            "animate",
            f"--audio={folder / 'voice.wav'}",
            f"--model={bundle_folder}",
            "-o",
            str(output),
            *WORDS,
        ]
        code = main([*words, "--lossless", *options])
        assert code in (0, REFUSED)
        return output.read_bytes() if code == 0 else b""

    return run


@pytest.fixture(scope="module")
def style(folder):
    return folder / "style.safetensors"


def test_the_command_line_makes_another_video_with_a_lora(animate, style, folder):
    plain, strong = animate(), animate("--lora", str(style))
    assert plain and strong and plain != strong
    assert animate("--lora", f"{style}:0") == plain
    assert animate("--lora", f"{style}:0.5") not in (plain, strong)
    both = animate("--lora", str(style), "--lora", f"{folder / 'other.safetensors'}:0.3")
    assert both not in (b"", plain, strong)


def test_python_makes_the_same_video_as_the_command_line(animate, bundle_folder, style, folder, tmp_path):
    expected = animate("--lora", f"{style}:0.5")
    model = sky.load(bundle_folder, lora=(style, 0.5), device="cpu")
    model.animate(None, folder / "voice.wav", **SMALL).save(tmp_path / "python.mkv", lossless=True)
    assert (tmp_path / "python.mkv").read_bytes() == expected


def test_a_worker_has_the_changed_weights_and_the_caller_those_that_it_plans_with(bundle_folder, style):
    loras = (Lora(style, 0.5),)
    sent = io.BytesIO()
    write_message(sent, (ModelSpec(bundle_folder / MODEL, None, torch.float32, 1, loras=loras), "cpu", 0))
    sent.seek(0)
    worker = CoreWorker()
    worker.load(read_message(sent))
    merged = find_model(bundle_folder, {}, "cpu", None, loras=loras).load().model.state_dict()
    assert same(worker.model.state_dict(), merged)
    plain = find_model(bundle_folder, {}, "cpu", None).load().model.state_dict()
    assert not same(merged, plain)
    caller = (
        find_model(bundle_folder, {}, None, None, read_devices("cpu,cpu"), loras=loras)
        .load()
        .model.state_dict()
    )
    planned = [name for name in merged if name.startswith(PLANNING)]
    assert same(merged, caller, planned) and not same(plain, caller, planned)


def same(weights, others, names=None):
    return all(torch.equal(weights[name], others[name]) for name in names or weights)


def test_the_command_line_deals_a_model_with_a_lora_to_processes(
    bundle_folder, folder, style, animate, tmp_path
):
    alone = animate("--lora", str(style))
    output = tmp_path / "dealt.mkv"
    words = [word for word in WORDS if not word.startswith("--device")]
    command = [
        "animate",
        f"--audio={folder / 'voice.wav'}",
        f"--model={bundle_folder}",
        "-o",
        str(output),
        *words,
    ]
    assert (
        main([*command, "--lossless", "--lora", str(style), "--devices=cpu,cpu", "--worker-timeout=300"]) == 0
    )
    assert output.read_bytes() == alone


def test_a_run_resumes_with_its_own_lora_alone(bundle_folder, folder, style, tmp_path):
    voice, work = folder / "voice.wav", tmp_path / "work"
    stopped = iter([False, False, False, True])

    def make(lora, **options):
        return sky.load(bundle_folder, lora=lora, device="cpu").animate(
            None, voice, work=work, **SMALL, **options
        )

    with pytest.raises(sky.Cancelled):
        make((style, 0.8), cancel=lambda: next(stopped, True), tea_cache=0)
    assert work.is_dir()
    for other in (None, (style, 0.81), folder / "other.safetensors"):
        with pytest.raises(sky.InputError, match="the model has changed"):
            make(other, tea_cache=0)
    make(f"{style}:0.8", tea_cache=0).save(tmp_path / "resumed.mkv")


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ("wide.safetensors", "wide.safetensors changes blocks.0.ffn.0.weight, which has shape [640, 160]"),
        ("voice.wav", "voice.wav is a sound or video (RIFF), not a safetensors file"),
        ("nothing.safetensors:0.5", "nothing.safetensors does not exist"),
        ("style.safetensors:strong", "must be a number such as 0.8"),
        ("style.safetensors:", "must be a number such as 0.8"),
    ],
)
def test_what_is_no_lora_of_this_model_is_refused_before_anything_is_written(
    animate, folder, tmp_path, capsys, given, sentence
):
    assert animate("--lora", str(folder / given)) == b""
    assert sentence in capsys.readouterr().err
    assert os.listdir(tmp_path) == []


def test_a_model_as_a_lora_and_a_lora_as_a_model_are_told_where_they_belong(
    animate, bundle_folder, style, capsys
):
    assert animate("--lora", str(bundle_folder / MODEL)) == b""
    assert (
        "is a SkyReels-Audio model, a Wan backbone with its audio layers. A LoRA" in capsys.readouterr().err
    )
    assert main(["inspect", str(style)]) == 0
    assert "--lora" in capsys.readouterr().out


def test_a_report_names_the_lora_and_no_output_replaces_it(animate, style, tmp_path, capsys):
    assert animate("--report", str(tmp_path / "r.json"), "--lora", f"{style}:0.5")
    command = json.loads((tmp_path / "r.json").read_text())["command"]
    assert command["lora"] == [{"path": str(style), "strength": 0.5}]
    target = shutil.copy(style, tmp_path / "lora.json")
    assert animate("--report", str(target), "--lora", str(target)) == b""
    assert "--report is the file of --lora" in capsys.readouterr().err
    animate("--report", str(tmp_path / "plain.json"))
    assert "lora" not in json.loads((tmp_path / "plain.json").read_text())["command"]


def test_a_calibration_with_a_lora_lies_beside_the_lora_and_is_read_with_it_alone(
    bundle_folder, folder, tmp_path
):
    lora = shutil.copy(folder / "style.safetensors", tmp_path / "style.safetensors")
    words = ["calibrate", f"--audio={folder / 'voice.wav'}", f"--model={bundle_folder}", *WORDS, "--steps=6"]
    assert main([*words, f"--lora={lora}"]) == 0
    assert calibration_of(lora).is_file() and not calibration_of(bundle_folder / MODEL).exists()
    measured = json.loads(calibration_of(lora).read_text())["cache_coefficients"]
    with_it = find_model(bundle_folder, {}, "cpu", None, loras=[Lora(lora)])
    without = find_model(bundle_folder, {}, "cpu", None)
    assert with_it.metadata["sampling"]["cache_coefficients"] == measured
    assert with_it.load().metadata == with_it.metadata
    assert "cache_coefficients" not in without.metadata["sampling"]
    assert with_it.metadata["sampling"]["width"] == without.metadata["sampling"]["width"]


@pytest.mark.parametrize(
    "form", [str, lambda p: p, lambda p: [p], lambda p: [(p, 1)], lambda p: (str(p), 1.0), Lora]
)
def test_python_takes_a_lora_in_every_form(style, form):
    (lora,) = as_loras(form(style))
    assert lora == Lora(style, 1.0)


def test_python_takes_several_and_none(style, folder):
    other = folder / "other.safetensors"
    assert as_loras(None) == as_loras([]) == ()
    assert as_loras([style, other]) == as_loras((str(style), other)) == (Lora(style), Lora(other))
    assert as_loras([f"{style}:0.5", (other, -1)]) == (Lora(style, 0.5), Lora(other, -1.0))
    assert as_loras(((style, 2), (other, 3))) == (Lora(style, 2.0), Lora(other, 3.0))


@pytest.mark.parametrize(
    ("lora", "sentence"),
    [
        (3, "lora is 3, of type int; give"),
        ([3], "lora is 3, of type int; give a path"),
        (("a.safetensors", "b.safetensors", 3), "lora is 3"),
        (("a.safetensors", None), "The LoRA's strength is None; give a number"),
        (("a.safetensors", float("nan")), "The LoRA's strength is nan; give a number"),
        (("a.safetensors", True), "strength is True"),
        ("a.safetensors", "does not exist"),
    ],
)
def test_what_python_cannot_use_as_a_lora_gets_a_sentence(bundle_folder, lora, sentence):
    with pytest.raises(sky.InputError, match=sentence):
        sky.load(bundle_folder, lora=lora, device="cpu")
