"""`import skyreels_core as sky`: the snippet in its documentation runs as written, and the rest keeps its word."""

from __future__ import annotations

import ast
import inspect
import re
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import get_type_hints

import numpy as np
import pytest
import torch

import skyreels_core as sky
from skyreels_core import assets
from skyreels_core.audio.reading import cut_voice, write_wav
from skyreels_core.media.footage import collect
from skyreels_core.media.reading import read_picture, read_video
from skyreels_core.media.region import feather
from skyreels_core.timeline import Timeline

PACK = Path(__file__).parents[1]
DOCUMENTATION = PACK / "docs" / "python.md"
SMALL = {"width": 32, "height": 32, "steps": 2, "window": 3, "overlap": 1}  # latent frames
SECONDS = 0.32  # of voice: 8 frames
HEAVY = {"torch", "numpy", "transformers", "diffusers", "av", "cv2"}


@pytest.fixture(scope="module")
def model():
    return sky.load(device="cpu")


@pytest.fixture(scope="module")
def voice():
    whole = sky.read_audio(assets.voice(1))
    return cut_voice(whole, Timeline.from_seconds(SECONDS, 25.0))


@pytest.fixture
def folder(tmp_path, monkeypatch, voice):
    """With the files that the snippet names."""
    shutil.copy(assets.portrait(), tmp_path / "me.png")
    shutil.copy(assets.video(), tmp_path / "talk.mp4")
    shutil.copy(assets.keypoints(), tmp_path / "talk.json")
    for name in ("hello.wav", "other.wav"):
        write_wav(tmp_path / name, voice)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def snippet():
    return textwrap.dedent("    " + sky.__doc__.split("\n\n    ", 1)[1].split("\n\nWhat")[0])


def interpreter(code):
    run = subprocess.run([sys.executable, "-c", code], cwd=PACK, capture_output=True, text=True, check=True)
    return set(run.stdout.split())


def test_the_snippet_runs_as_it_is_written(folder, capsys):
    names = {}
    exec(snippet(), names)
    assert len(read_video("hello.mp4").frames) == len(names["video"]) == 8
    assert names["frame"].shape == (*names["dub"].size[::-1], 3) == (96, 96, 3)
    assert names["frame"].min() >= 0 and names["frame"].max() <= 1
    printed = capsys.readouterr().out
    assert "8 frames at 25 fps" in printed and "Likeness to the reference" in printed


def test_the_documentation_shows_the_same_snippet():
    blocks = re.findall(r"```python\n(.*?)```", DOCUMENTATION.read_text(encoding="utf-8"), re.DOTALL)
    assert ast.dump(ast.parse(blocks[0])) == ast.dump(ast.parse(snippet()))


def test_the_other_lines_of_the_documentation_run_too(folder, model):
    _, *blocks = re.findall(r"```python\n(.*?)```", DOCUMENTATION.read_text(encoding="utf-8"), re.DOTALL)
    names = {"sky": sky, "model": model}
    for block in blocks:
        exec(block, names)


def test_importing_it_imports_nothing_heavy():
    assert not HEAVY & interpreter(
        "import sys, skyreels_core; skyreels_core.__version__; print(*sys.modules)"
    )


def test_every_public_name_is_there_and_documented():
    for name in sky.__all__:
        assert inspect.getdoc(getattr(sky, name)), name
        assert name in dir(sky)
    for method in (sky.Model.animate, sky.Model.edit, sky.Video.save):
        assert "Raises" in method.__doc__
    with pytest.raises(AttributeError, match="no attribute 'lode'"):
        sky.lode  # noqa: B018


def test_every_option_is_in_the_help_of_the_model(model):
    from skyreels_core.api.options import OPTIONS

    assert [name for name in OPTIONS if not re.search(rf"\b{name}\b.*:", sky.Model.__doc__)] == []


def test_what_both_methods_take_is_in_the_help_of_each():
    for method in (sky.Model.animate, sky.Model.edit):
        _, *named = inspect.signature(method).parameters
        assert [name for name in named if f"\n    {name}: " not in inspect.getdoc(method)] == []
        assert get_type_hints(method)["options"]


def test_a_video_can_be_read_and_saved_again(model, voice, tmp_path):
    video = model.animate(assets.portrait(), voice, **SMALL)
    first, second = (torch.stack(list(video)) for _ in range(2))
    assert torch.equal(first, second) and len(first) == len(video)
    assert video.size == (32, 32) and video.seconds == pytest.approx(SECONDS)
    paths = [video.save(tmp_path / name, crf=crf) for name, crf in (("a.mp4", 10), ("b.mp4", 40))]
    assert paths[0].stat().st_size > paths[1].stat().st_size
    assert sum(line.startswith("Likeness") for line in video.report.lines) == 1


def test_files_and_what_is_in_memory_give_the_same(model, voice, tmp_path):
    write_wav(tmp_path / "voice.wav", voice)
    picture = read_picture(assets.portrait())
    given = [
        (assets.portrait(), tmp_path / "voice.wav"),
        (picture, voice),
        ((picture.numpy() * 255).round().astype(np.uint8), (voice.samples.numpy(), voice.sample_rate)),
    ]
    first, *others = (torch.stack(list(model.animate(*pair, "a person", **SMALL))) for pair in given)
    assert all(torch.equal(first, other) for other in others)


def test_an_edit_keeps_every_pixel_outside_the_mask(model, voice):
    dub = model.edit(assets.video(), voice, sky.face_mask(assets.keypoints()), **SMALL)
    made, video = torch.stack(list(dub)), read_video(assets.video(), SECONDS)
    outside = feather(collect(sky.face_mask(assets.keypoints()).of(video)), 3)[: len(dub)] == 0
    source = video.frames[: len(dub)]
    assert torch.equal(made[outside], source[outside])
    assert not torch.equal(made, source)


def test_a_mask_of_the_users_own_says_the_same(model, voice):
    source = read_video(assets.video(), SECONDS)
    boxes = collect(sky.face_mask(assets.keypoints()).of(source))
    first, second = (
        torch.stack(list(model.edit(video, voice, mask, **SMALL)))
        for video, mask in (
            (assets.video(), sky.face_mask(assets.keypoints())),
            ((source.frames, source.fps), boxes.numpy()),
        )
    )
    assert torch.equal(first, second)


def test_texts_may_change_over_time(model, voice):
    from skyreels_core.conditioning.prompts import PromptSchedule

    assert PromptSchedule(((0.0, "a person smiles"), (0.2, "a person frowns"))).texts
    video = model.animate(None, voice, {0: "a person smiles", 0.2: "a person\nfrowns"}, **SMALL)
    assert len(list(video)) == 8
    with pytest.raises(sky.InputError, match="Start the first one at 0"):
        model.animate(None, voice, {1: "late"}, **SMALL)


def test_progress_is_told_of_every_stage(model, voice, tmp_path):
    told = []
    mask = sky.face_mask(assets.keypoints())
    dub = model.edit(assets.video(), voice, mask, progress=lambda *step: told.append(step), **SMALL)
    dub.save(tmp_path / "dub.mp4")
    stages = list(dict.fromkeys(stage for stage, *_ in told))
    assert stages == ["faces", "conditions", "sampling", "decoding"]
    assert all(0 <= done <= planned and isinstance(what, str) for _, done, planned, what in told)


def test_a_cancelled_run_stops_and_leaves_no_file(model, voice, tmp_path):
    with pytest.raises(sky.Cancelled):
        model.animate(None, voice, cancel=lambda: True, **SMALL)
    video = model.animate(None, voice, **SMALL)
    with pytest.raises(sky.Cancelled):
        video.save(tmp_path / "none.mp4", cancel=lambda: True)
    assert list(tmp_path.iterdir()) == []


def test_an_interrupted_run_resumes_to_the_same_bytes(model, voice, tmp_path):
    steps = 4
    asked = iter(range(1000))
    work, options = tmp_path / "work", SMALL | {"steps": steps, "seed": 3}
    whole = model.animate(None, voice, **options).save(tmp_path / "whole.mp4")
    with pytest.raises(sky.Cancelled):
        model.animate(None, voice, work=work, cancel=lambda: next(asked) > 6, **options)
    assert (work / "state.safetensors").is_file()
    with pytest.raises(sky.InputError, match="seed"):
        model.animate(None, voice, work=work, **options | {"seed": 4})
    with model.animate(None, voice, work=work, **options) as video:
        assert any("after" in line and f"of {steps} steps" in line for line in video.report.lines)
        resumed = video.save(tmp_path / "resumed.mp4")
    assert resumed.read_bytes() == whole.read_bytes()
    assert not work.exists()


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"stpes": 3}, "did you mean 'steps'"),
        ({"banana": 3}, "there are seed, steps"),
        ({"steps": 0}, "steps"),
        ({"solver": "heun"}, "use one of euler"),
        ({"colour_strength": 2}, r"from 0 \(off\) to 1"),
    ],
)
def test_an_option_that_cannot_be_used_gets_a_sentence(model, voice, given, words):
    with pytest.raises(sky.InputError, match=words):
        model.animate(None, voice, **given)


def test_pixels_that_cannot_be_used_get_a_sentence(model, voice):
    for picture, words in (
        (torch.rand(4, 8, 8), "give \\[h w 3\\]"),
        (300 * torch.rand(32, 32, 3), "in 0..1, or"),
    ):
        with pytest.raises(sky.InputError, match=words):
            model.animate(picture, voice)


def test_what_is_no_voice_and_no_video_gets_a_sentence(model, voice):
    with pytest.raises(sky.InputError, match="The voice is of type Tensor; give a file"):
        model.animate(None, voice.samples)
    with pytest.raises(sky.InputError, match="The video is of type Tensor; give a file"):
        model.edit(torch.rand(2, 32, 32, 3), voice, torch.ones(32, 32))


def test_a_mask_needs_one_way_to_find_the_face():
    for given in ({}, {"keypoints": "a.json", "dwpose": "models"}):
        with pytest.raises(sky.InputError, match="Give one of them"):
            sky.face_mask(**given)


def test_models_that_cannot_be_loaded_get_a_sentence(tmp_path):
    for given, words in (
        ({"model": tmp_path}, "model.safetensors"),
        ({"backbone": assets.model() / "model.safetensors"}, "lacks"),
        ({"device": "abacus"}, "device 'abacus' cannot be used"),
        ({"dtype": "float8"}, "dtype 'float8' is unknown"),
    ):
        with pytest.raises(sky.InputError, match=words):
            sky.load(**given)


def test_single_files_are_the_same_model_as_their_folder(model, voice):
    names = {"backbone": "model", "vae": "vae", "text_encoder": "text_encoder", "whisper": "whisper"}
    files = {part: assets.model() / f"{name}.safetensors" for part, name in names.items()}
    loaded = sky.load(**files, device="cpu", dtype="float32")
    first, second = (torch.stack(list(one.animate(None, voice, **SMALL))) for one in (model, loaded))
    assert torch.equal(first, second)
