"""`import skyreels_core as sky`: the snippets in its documentation run as printed, and the rest keeps its word."""

from __future__ import annotations

import inspect
import re
import shutil
import subprocess
import sys
import textwrap
from fractions import Fraction
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


def test_the_documentation_runs_as_printed_in_an_empty_folder(tmp_path, monkeypatch, voice, capsys):
    spoken = tmp_path / "short.wav"
    write_wav(spoken, voice)
    monkeypatch.setattr(assets, "voice", lambda name: spoken)  # as it is, for the sake of time only
    (folder := tmp_path / "empty").mkdir()
    monkeypatch.chdir(folder)
    names = {}
    for block in re.findall(r"```python\n(.*?)```", DOCUMENTATION.read_text(encoding="utf-8"), re.DOTALL):
        exec(block, names)
    assert [path.name for path in folder.iterdir()] == ["hello.mp4"]
    assert re.search(r"^sampling: (\d+) of \1", capsys.readouterr().out, re.MULTILINE)


def test_the_documentation_names_every_public_name():
    text = DOCUMENTATION.read_text(encoding="utf-8")
    calls = re.findall(r"assets\.(\w+)\(", text)
    assert calls and all(hasattr(assets, name) for name in calls)
    assert [name for name in ("load", "face_mask", "read_audio") if f"sky.{name}" not in text] == []


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
        ({"steps": "3"}, "steps is '3', of type str; give an integer"),
        ({"steps": 2.5}, "steps is 2.5, of type float; give an integer"),
        ({"steps": float("inf")}, "steps is inf"),
        ({"steps": True}, "steps is True"),
        ({"window": None, "overlap": 1.5}, "overlap is 1.5"),
        ({"shift": "5"}, "shift is '5', of type str; give a number"),
        ({"fps": [25]}, r"fps is \[25\], of type list; give a number"),
        ({"loudness": "-23"}, "loudness is '-23'"),
        ({"voice_gate": False}, "voice_gate is False"),
        ({"null_image": "no"}, "null_image is 'no', of type str; give True or False"),
        ({"composite": 1}, "composite is 1"),
        ({"solver": ["euler"]}, "give one of euler, dpmpp_2m"),
        ({"fusion": 3}, "give one of bidirectional, forward, none"),
        ({"negative_prompt": 5}, "negative_prompt is 5, of type int; give a string"),
        ({"negative_prompt": "\udc80"}, "negative_prompt is not valid Unicode"),
        ({"audio_guidance": [4]}, r"audio_guidance is \[4\], of type list; give a number or a string"),
        ({"audio_guidance": True}, "audio_guidance is True"),
        ({"text_guidance": float("nan")}, "cannot be read. Write '4.5'"),
        ({"text_guidance": 10**400}, "beyond 1000"),
        ({"seed": -1}, "seed is -1; give an integer from 0 to 18446744073709551615"),
        ({"seed": 2**64}, "give an integer from 0"),
    ],
)
def test_an_option_that_cannot_be_used_gets_a_sentence(model, voice, given, words):
    with pytest.raises(sky.InputError, match=words):
        model.animate(None, voice, **given)


def test_every_option_refuses_what_no_option_is(model, voice):
    from skyreels_core.api.options import OPTIONS

    for name in OPTIONS:
        for value in (object(), [1], {"a": 1}, 1j, b"1"):
            with pytest.raises(sky.InputError, match=f"The option {name} is .*; give "):
                model.animate(None, voice, **{name: value})


@pytest.mark.parametrize(
    ("given", "same"),
    [
        ({"audio_guidance": 3}, {"audio_guidance": "3"}),
        ({"audio_guidance": 2.5}, {"audio_guidance": "2.5"}),
        ({"text_guidance": 1e-5}, {"text_guidance": "0.00001"}),
        ({"text_guidance": np.float32(2.5)}, {"text_guidance": "2.5"}),
        ({"text_guidance": torch.tensor(2)}, {"text_guidance": "2"}),
        ({"steps": 2.0, "seed": 7.0}, {"steps": 2, "seed": 7}),
        ({"width": np.int64(48)}, {"width": 48}),
        ({"shift": 3}, {"shift": 3.0}),
        ({"fps": Fraction(30000, 1001)}, {"fps": 30000 / 1001}),
        ({"null_image": np.bool_(True)}, {"null_image": True}),
        ({"tea_cache": 0, "solver": None}, {"tea_cache": None}),
        ({"tea_cache": 0.2, "mag_cache": 0}, {"tea_cache": 0.2}),
    ],
)
def test_a_number_counts_by_its_value(model, given, same):
    from skyreels_core.api.options import settings_of
    from skyreels_core.run.settings import WAN

    assert settings_of(WAN, given) == settings_of(WAN, same)


def test_no_magcache_leaves_the_recommended_teacache_and_no_teacache_computes_every_step():
    from skyreels_core.api.options import settings_of
    from skyreels_core.run.settings import WAN

    tea, mag = (WAN.override(cache_threshold=0.1, cache=name) for name in ("teacache", "magcache"))
    assert settings_of(tea, {"mag_cache": 0}) == tea
    for recommended, off in ((mag, "mag_cache"), (mag, "tea_cache"), (tea, "tea_cache")):
        assert settings_of(recommended, {off: 0}).cache_threshold is None


def test_a_constant_scale_as_a_number_makes_the_same_video(model, voice):
    first, second = (
        torch.stack(list(model.animate(None, voice, "a person", audio_guidance=scale, **SMALL)))
        for scale in (3.5, "3.5")
    )
    assert torch.equal(first, second)


@pytest.mark.parametrize("seed", [0, 2**64 - 1])
def test_a_seed_is_any_of_the_hosts(model, voice, seed):
    assert len(model.animate(None, voice, seed=seed, **SMALL)) == 8


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"prompt": None}, "prompt is None; give a string"),
        ({"prompt": 5}, "prompt is 5, of type int"),
        ({"prompt": b"a person"}, "of type bytes"),
        ({"prompt": "\udc80"}, "not valid Unicode"),
        ({"prompt": {0: None}}, "prompt at 0 is None"),
        ({"prompt": {0: "a person", "soon": "a smile"}}, "time is 'soon', of type str; give the seconds"),
        ({"progress": "x"}, r"progress is 'x', of type str; give a function"),
        ({"cancel": True}, r"cancel is True, of type bool; give a function that is called as cancel\(\)"),
        ({"plan": "x"}, "plan is 'x', of type str; give what pipeline.planning.plan_"),
        ({"plan": 0}, "plan is 0"),
        ({"work": 5}, "work is 5, of type int; give a path"),
        ({"work": b"folder"}, "give a path"),
        ({"restart": True}, "none is given. Name it with work="),
        ({"restart": "yes", "work": "folder"}, "restart is 'yes', of type str; give True or False"),
    ],
)
def test_an_argument_that_cannot_be_used_gets_a_sentence(model, voice, given, words, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(sky.InputError, match=words):
        model.animate(None, voice, **SMALL | given)
    with pytest.raises(sky.InputError, match=words):
        model.edit(assets.video(), voice, torch.ones(96, 96), **SMALL | given)
    assert list(tmp_path.iterdir()) == []


def test_restart_is_for_a_folder_that_the_run_opens(model, voice, tmp_path):
    from skyreels_core.run.resume import WorkFolder

    with WorkFolder(tmp_path / "work") as work, pytest.raises(sky.InputError, match="open already"):
        model.animate(None, voice, work=work, restart=True, **SMALL)
    with model.animate(None, voice, work=tmp_path / "work", restart=True, **SMALL) as video:
        assert len(video) == 8


def test_a_plan_is_for_its_own_task(model, voice):
    from skyreels_core.pipeline.planning import plan_animation
    from skyreels_core.run.settings import Settings

    plan = plan_animation(Settings.of(model.bundle.metadata), model.facts, voice, None)
    with pytest.raises(sky.InputError, match=r"that of an animation; give what pipeline.planning.plan_edit"):
        model.edit(assets.video(), voice, torch.ones(96, 96), plan=plan)


def test_an_edit_refuses_a_rate_that_its_video_has_not(model, voice):
    mask = torch.ones(96, 96)
    with pytest.raises(sky.InputError, match=r"fps is 12 and the video has 25 .* Leave fps out"):
        model.edit(assets.video(), voice, mask, fps=12, **SMALL)
    with pytest.raises(sky.InputError, match="fps is '25'"):
        model.edit(assets.video(), voice, mask, fps="25", **SMALL)
    assert model.edit(assets.video(), voice, mask, fps=25, **SMALL).fps == 25


def test_what_it_is_can_be_read_where_it_is_shown(model, voice):
    assert re.fullmatch(
        r"<Model: Wan backbone \(t2v\) for picture and voice, 6 blocks of width 160, 2.8 million parameters, "
        r"float32 on cpu>",
        repr(model),
    )
    video = model.animate(None, voice, **SMALL)
    assert repr(video) == "<Video: 8 frames, 32x32 at 25 fps, 0.32 s>"
    assert all(word in sky.Audio.__doc__ for word in ("[c n]", "-1..1", "Hz", "seconds"))


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"path": None}, "path is None; give a path"),
        ({"crf": "10"}, "crf is '10'"),
        ({"crf": True}, "crf is True"),
        ({"codec": ["h264"]}, r"codec is \['h264'\]"),
        ({"lossless": "no"}, "lossless is 'no'"),
        ({"progress": 1}, "progress is 1"),
        ({"cancel": True}, "cancel is True"),
    ],
)
def test_a_way_to_save_that_cannot_be_used_gets_a_sentence(model, voice, given, words, tmp_path):
    video = model.animate(None, voice, **SMALL)
    with pytest.raises(sky.InputError, match=words):
        video.save(**{"path": tmp_path / "a.mp4"} | given)
    assert list(tmp_path.iterdir()) == []


def test_pixels_that_cannot_be_used_get_a_sentence(model, voice):
    for picture, words in (
        (torch.rand(4, 8, 8), "give \\[h w 3\\]"),
        (300 * torch.rand(32, 32, 3), "in 0..1, or"),
        (torch.rand(0, 0, 3), "give \\[h w 3\\]"),
        (object(), "of type object; give a file, or pixels"),
    ):
        with pytest.raises(sky.InputError, match=words):
            model.animate(picture, voice)


def test_what_is_no_voice_and_no_video_gets_a_sentence(model, voice):
    with pytest.raises(sky.InputError, match="The voice is of type Tensor; give a file"):
        model.animate(None, voice.samples)
    with pytest.raises(sky.InputError, match="The video is of type Tensor; give a file"):
        model.edit(torch.rand(2, 32, 32, 3), voice, torch.ones(32, 32))
    with pytest.raises(sky.InputError, match="frame rate is '25'"):
        model.edit((torch.rand(2, 32, 32, 3), "25"), voice, torch.ones(32, 32))
    for mask in (None, 5, object()):
        with pytest.raises(sky.InputError, match=r"The mask .* give what face_mask gives"):
            model.edit(assets.video(), voice, mask)


@pytest.mark.parametrize(
    ("samples", "rate", "words"),
    [
        (torch.zeros(1, 4000), "x", "rate is 'x', of type str; give an integer"),
        (torch.zeros(1, 4000), 16000.5, "rate is 16000.5"),
        (torch.zeros(1, 4000), 0, "rate is 0 Hz"),
        (torch.zeros(4000, 1), 16000, "shape \\[4000, 1\\]; give \\[n\\]"),
        (torch.zeros(1, 2, 3), 16000, "shape"),
        (torch.zeros(1, 0), 16000, "shape"),
        (torch.full((4000,), float("nan")), 16000, "finite numbers"),
        (np.full(4000, 9000, np.int16), 16000, "divide 16-bit integers by 32768"),
        ("hello.wav", 16000, "voice is 'hello.wav'"),
    ],
)
def test_samples_that_are_no_voice_get_a_sentence(model, samples, rate, words):
    with pytest.raises(sky.InputError, match=words):
        model.animate(None, (samples, rate), **SMALL)


def test_a_mask_needs_one_way_to_find_the_face():
    for given in ({}, {"keypoints": "a.json", "dwpose": "models"}):
        with pytest.raises(sky.InputError, match="Give one of them"):
            sky.face_mask(**given)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"face": "largst"}, 'face is \'largst\', .* give "largest", "all", or the number'),
        ({"face": -1}, "face is -1"),
        ({"face": True}, "face is True"),
        ({"face": None}, "face is None"),
        ({"gaps": "skip"}, "gaps is 'skip', .* use one of pass_through, hold, error"),
        ({"keypoints": 5}, "keypoints is 5, of type int; give a path"),
    ],
)
def test_a_mask_that_cannot_be_meant_gets_a_sentence(given, words):
    with pytest.raises(sky.InputError, match=words):
        sky.face_mask(**{"keypoints": "a.json"} | given)
    assert [sky.face_mask("a.json", face=face).face for face in ("largest", "all", 0, 2)] == [
        "largest",
        "all",
        0,
        2,
    ]


def test_models_that_cannot_be_loaded_get_a_sentence(tmp_path):
    for given, words in (
        ({"model": tmp_path}, "model.safetensors"),
        ({"backbone": assets.model() / "model.safetensors"}, "lacks"),
        ({"device": "abacus"}, "device 'abacus' cannot be used"),
        ({"dtype": "float8"}, "dtype 'float8' is unknown"),
        ({"model": 5}, "model is 5, of type int; give a path"),
        ({"vae": b"vae.safetensors"}, "vae is .*; give a path"),
    ):
        with pytest.raises(sky.InputError, match=words):
            sky.load(**given)


@pytest.mark.parametrize("device", ["gpu", "GPU:0", "nvidia", 1.5])
def test_a_device_of_no_name_is_told_the_two_that_there_are(device):
    with pytest.raises(sky.InputError) as refused:
        sky.load(device=device)
    assert f"The device {str(device)!r} cannot be used" in str(refused.value)
    assert "cpu" in str(refused.value) and "cuda" in str(refused.value) and "vulkan" not in str(refused.value)


def test_single_files_are_the_same_model_as_their_folder(model, voice):
    names = {"backbone": "model", "vae": "vae", "text_encoder": "text_encoder", "whisper": "whisper"}
    files = {part: assets.model() / f"{name}.safetensors" for part, name in names.items()}
    loaded = sky.load(**files, device="cpu", dtype="float32")
    first, second = (torch.stack(list(one.animate(None, voice, **SMALL))) for one in (model, loaded))
    assert torch.equal(first, second)
