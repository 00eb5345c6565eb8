from __future__ import annotations

import json
import logging
import math
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile
import torch
from PIL import Image

from skyreels_core.audio.reading import write_wav
from skyreels_core.cli import INTERRUPTED, REFUSED, build_parser, main
from skyreels_core.cli.choices import ModelFiles
from skyreels_core.conditioning.fitting import SHAPES
from skyreels_core.errors import InputError
from skyreels_core.media.encoding import Encoding
from skyreels_core.media.reading import read_video
from skyreels_core.media.sound import Audio, read_audio
from skyreels_core.media.writing import write_picture, write_video
from skyreels_core.model.bundle import MODEL, TEXT_ENCODER, VAE, WHISPER
from skyreels_core.model.checkpoint import save_model
from skyreels_core.pipeline import resources
from skyreels_core.run import resources as estimate

FPS = 12.5
SMALL = ("--width", "32", "--height", "32", "--steps", "2", "--window", "3", "--overlap", "1")


def noise(*shape):
    return torch.rand(*shape, generator=torch.Generator().manual_seed(1))


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A voice of 0.7 s, a portrait, a video of 9 frames with an odd side, and the region of its mouth."""
    folder = tmp_path_factory.mktemp("files with spaces, Ümläute")
    files = SimpleNamespace(
        folder=folder,
        voice=folder / "voice.wav",
        portrait=folder / "portrait.png",
        video=folder / "video.mkv",
        mask=folder / "mask.png",
        nobody=folder / "nobody.json",
    )
    write_wav(files.voice, Audio(noise(1, 11200) - 0.5, 16000))
    write_picture(files.portrait, noise(40, 40, 3))
    write_video(files.video, noise(9, 34, 47, 3), FPS, encoding=Encoding(lossless=True))
    mask = torch.zeros(34, 47, 3)
    mask[14:28, 16:32] = 1
    write_picture(files.mask, mask)
    files.nobody.write_text(json.dumps([{"people": [], "canvas_width": 47, "canvas_height": 34}] * 9))
    return files


@pytest.fixture
def output(tmp_path):
    return tmp_path / "result.mp4"


@pytest.fixture
def animate_with(files, output):
    """The command that animates the portrait with a model, changed by options given later in the line."""
    given = ["animate", "--image", files.portrait, "--audio", files.voice, "--fps", "8", "-o", output, *SMALL]
    return lambda *options: main([str(word) for word in (*given, *options)])


@pytest.fixture
def animate(animate_with, bundle_folder):
    return lambda *options: animate_with("--model", bundle_folder, *options)


@pytest.fixture
def edit(files, bundle_folder, output):
    given = ["edit", "--video", files.video, "--audio", files.voice, "-o", output, "--model", bundle_folder]
    return lambda *options: main([str(word) for word in (*given, *SMALL, *options)])


def test_animate_writes_a_video_with_the_voice_exactly_as_long_as_it(animate, output, capsys):
    assert animate("--prompt", "a person") == 0
    video = read_video(output)
    assert video.frames.shape == (math.ceil(0.7 * 8), 32, 32, 3)
    assert video.fps == 8
    assert abs(video.audio.seconds - 6 / 8) < 0.001
    shown = capsys.readouterr()
    assert shown.out.strip() == str(output)
    assert "6 frames at 8 fps, generated at 32x32 with 5 forward passes (0 reused)" in shown.err
    assert "sampling: 100%" in shown.err and "decoding: 100%" in shown.err


@pytest.mark.parametrize(("fit", "size"), [((), (48, 32)), (("--fit", "crop"), (32, 32))])
def test_a_wide_picture_is_cropped_only_where_that_is_asked_for(animate, output, tmp_path, fit, size):
    write_picture(tmp_path / "wide.png", noise(40, 64, 3))
    assert animate("--image", tmp_path / "wide.png", *fit) == 0
    frames = read_video(output).frames
    assert (frames.shape[2], frames.shape[1]) == size


def test_the_command_line_offers_every_fit():
    with pytest.raises(InputError, match=", ".join(f"'?{shape}'?" for shape in SHAPES)):
        build_parser().parse_args(["animate", "--fit", "stretch"])


def test_the_old_names_of_the_prompts_still_work_and_one_line_says_what_they_are_called_now(capsys, caplog):
    line = ["demo", "--negative-text=blurred"], ["edit", "--text", "a face", "--negative-text", "grey"]
    demo = build_parser().parse_args(line[0])
    assert demo.negative_text == "blurred" and len(caplog.records) == 1
    caplog.clear()
    edit = build_parser().parse_args([*line[1], "--video", "a.mp4", "--audio", "a.wav", "-o", "b.mp4"])
    assert (edit.text, edit.negative_text) == ("a face", "grey")
    (said,) = caplog.messages
    assert "--text is now --prompt and --negative-text is now --negative-prompt" in said
    with pytest.raises(SystemExit):
        build_parser().parse_args(["animate", "--help"])
    shown = capsys.readouterr().out
    assert "--prompt TEXT" in shown and not {"--text", "--negative-text"} & set(shown.split())


def test_an_old_name_excludes_a_schedule_of_prompts_as_the_new_one_does():
    for name in ("--prompt", "--text"):
        with pytest.raises(InputError, match="not allowed with argument --prompt"):
            build_parser().parse_args(["animate", name, "a face", "--prompts", "b"])


def test_texts_over_time_come_from_a_file(animate, output, tmp_path, capsys):
    lines = tmp_path / "what is seen.txt"
    lines.write_text("0 red hair\n0.4 blue wall\n9 late", encoding="utf-8")
    assert animate("--prompts", lines, "--text-guidance", "5", "--lossless") == 0
    assert "The prompt at 9 s is not used: the video ends at 0.75 s." in capsys.readouterr().err
    scheduled = read_video(output).frames
    assert animate("--prompt", "red hair", "--text-guidance", "5", "--lossless") == 0
    assert not torch.equal(scheduled[-1], read_video(output).frames[-1])


def test_a_report_says_what_was_used_and_what_the_video_is_like(animate, files, output, tmp_path, capsys):
    assert (
        animate("--report", tmp_path / "report.json", "--loudness", "-20", "--voice-gate", "--lossless") == 0
    )
    said = capsys.readouterr().err
    report = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))
    assert report["command"]["loudness"] == -20 and report["command"]["voice_gate"] == -45
    assert report["sampling"]["steps"] == 2 and report["dtype"] == "torch.float32"
    assert report["video"] | {"made_at": None} == {
        "made_at": None, "frames": 6, "fps": 8.0, "seconds": 0.75, "voice_seconds": 0.75
    }  # fmt: skip
    assert [window["start"] for window in report["windows"]] == [0.0]
    assert report["forwards"]["computed"] == 4 and report["stages_seconds"].keys() >= {
        "sampling",
        "measuring",
    }
    assert len(report["colours"]["seconds"]) == 1 and report["joins"] == [] and report["worst_join"] is None
    assert all(line in said for line in report["lines"])
    assert any("to -20 LUFS for the model" in line for line in report["lines"])
    assert Image.open(tmp_path / "report.png").width > 100
    kept, given = (
        float(sound.samples.std()) for sound in (read_video(output).audio, read_audio(files.voice))
    )
    assert kept == pytest.approx(given, rel=0.1)  # at -20 LUFS it would be a fourth


def test_an_edit_is_reported_where_it_was_made_anew(edit, files, tmp_path):
    assert edit("--mask", files.mask, "--report", tmp_path / "report.json") == 0
    report = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))
    assert len(report["windows"]) == 1 and report["windows"][0]["identity"] < 0.99
    assert report["command"]["mask"] == str(files.mask)


def test_a_report_that_would_replace_a_picture_that_is_read_is_refused(animate, files, capsys):
    assert animate("--report", files.portrait.with_suffix(".json")) == REFUSED
    refused(capsys, "would replace")


def test_an_edit_without_loss_has_the_sources_own_pixels_outside_the_mask(edit, files, output):
    assert edit("--mask", files.mask, "--lossless") == 0
    source, edited = read_video(files.video), read_video(output)
    assert edited.fps == FPS
    assert edited.frames.shape == (9, 34, 47, 3)
    changed = (edited.frames != source.frames).any(-1).any(0)  # [h w]
    assert not changed[:12].any() and not changed[30:].any()
    assert not changed[:, :14].any() and not changed[:, 34:].any()
    assert changed[14:28, 16:32].all()


def test_a_model_in_fp8_with_offloaded_blocks_makes_nearly_the_same_video(animate, output):
    assert animate("--lossless") == 0
    plain = read_video(output).frames
    assert animate("--lossless", "--attention", "math", "--offload", "group") == 0
    assert (read_video(output).frames - plain).abs().max() < 1.5 / 255  # a pixel may round the other way
    assert animate("--lossless", "--weights-dtype", "fp8", "--offload", "group") == 0
    changed = (read_video(output).frames - plain).abs()
    assert changed.max() > 0 and changed.mean() < 0.02


def test_the_parts_of_a_model_can_be_given_one_by_one(animate, animate_with, bundle_folder, output):
    assert animate("--lossless") == 0
    whole = read_video(output).frames
    names = {"backbone": MODEL, "vae": VAE, "text-encoder": TEXT_ENCODER, "whisper": WHISPER}
    parts = [word for part, name in names.items() for word in (f"--{part}", bundle_folder / name)]
    assert animate_with("--lossless", *parts) == 0
    assert (read_video(output).frames - whole).abs().max() < 1.5 / 255  # a pixel may round the other way


def broken(folder, name, content=b"no such format"):
    path = folder / name
    path.write_bytes(content)
    return path


def audio_of(folder, samples, sample_rate=16000):
    path = folder / "voice.wav"
    soundfile.write(path, samples, sample_rate, subtype="FLOAT")
    return path


def bad_picture(folder):
    write_picture(folder / "tiny.png", torch.ones(1, 1, 3))
    return folder / "tiny.png"


BAD_ANIMATIONS = {
    "a missing voice": (lambda f, b, t: ("--audio", t / "none.wav"), "none.wav"),
    "an unreadable voice": (lambda f, b, t: ("--audio", broken(t, "voice.mp3")), "cannot be read as sound"),
    "an empty voice": (lambda f, b, t: ("--audio", audio_of(t, np.zeros(0))), "no samples"),
    "a voice with NaN": (
        lambda f, b, t: ("--audio", audio_of(t, np.full(99, math.nan))),
        "NaN",
    ),
    "a picture as voice": (lambda f, b, t: ("--audio", f.portrait), "sound"),
    "a voice of over an hour": (
        lambda f, b, t: ("--audio", audio_of(t, np.zeros(4000 * 3661, np.float32), 4000)),
        "61 minutes",
    ),
    "a text and a schedule": (
        lambda f, b, t: ("--prompt", "red hair", "--prompts", broken(t, "seen.txt", b"0 a")),
        "not allowed with argument --prompt",
    ),
    "a missing schedule": (lambda f, b, t: ("--prompts", t / "none.txt"), "none.txt"),
    "a schedule with a wrong line": (
        lambda f, b, t: ("--prompts", broken(t, "seen.txt", b"0 a\nred hair")),
        "seen.txt: Line 2 of the prompt schedule",
    ),
    "a missing picture": (lambda f, b, t: ("--image", t / "none.png"), "none.png"),
    "a picture of one pixel": (lambda f, b, t: ("--image", bad_picture(t)), "1x1 pixels"),
    "a damaged picture": (
        lambda f, b, t: ("--image", broken(t, "cut.png", f.portrait.read_bytes()[:200])),
        "cannot be read as a picture",
    ),
    "a folder as picture": (lambda f, b, t: ("--image", t), "is a folder"),
    "a width too small": (lambda f, b, t: ("--width", 8), "32 to 4096"),
    "a height too large": (lambda f, b, t: ("--height", 9999), "32 to 4096"),
    "a frame rate of zero": (lambda f, b, t: ("--fps", 0), "above 0"),
    "an unknown schedule": (lambda f, b, t: ("--audio-guidance", "loud"), "'loud' cannot be read"),
    "an unknown solver": (lambda f, b, t: ("--solver", "heun"), "euler, dpmpp_2m, lcm"),
    "an unknown fusion": (lambda f, b, t: ("--fusion", "up"), "bidirectional"),
    "an overlap as long as a window": (lambda f, b, t: ("--overlap", 3), "cannot overlap"),
    "a file as the output's folder": (lambda f, b, t: ("-o", f.voice / "a.mp4"), "is not a folder"),
    "an output of another kind": (lambda f, b, t: ("-o", t / "a.txt"), ".mp4"),
    "a report of another kind": (lambda f, b, t: ("--report", t / "a.txt"), ".json"),
    "a report in no folder": (lambda f, b, t: ("--report", t / "none" / "a.json"), "is not a folder"),
    "a loudness over full scale": (lambda f, b, t: ("--loudness", 3), "such as -23"),
    "a gate above the voice": (lambda f, b, t: ("--voice-gate", 3), "such as -45"),
    "a folder without a model": (lambda f, b, t: ("--model", t), MODEL),
    "a device that is not there": (lambda f, b, t: ("--device", "abacus"), "abacus"),
    "an unknown precision": (lambda f, b, t: ("--dtype", "int3"), "bfloat16"),
}


@pytest.mark.parametrize("case", BAD_ANIMATIONS)
def test_what_cannot_be_used_is_one_sentence_and_exit_code_2(
    animate, files, bundle_folder, output, tmp_path, capsys, case
):
    options, needle = BAD_ANIMATIONS[case]
    options = options(files, bundle_folder, tmp_path)
    before = set(tmp_path.rglob("*"))
    assert animate(*options) == REFUSED
    refused(capsys, needle)
    assert set(tmp_path.rglob("*")) == before


BAD_EDITS = {
    "no region": (lambda f, t: (), "--mask"),
    "two regions": (lambda f, t: ("--mask", f.mask, "--keypoints", f.nobody), "--mask"),
    "nobody in the video": (lambda f, t: ("--keypoints", f.nobody), "pass_through"),
    "a missing mask": (lambda f, t: ("--mask", t / "none.png"), "none.png"),
    "a mask of another shape": (lambda f, t: ("--mask", f.portrait), "40x40"),
    "keypoints that are no JSON": (lambda f, t: ("--keypoints", f.mask), "cannot be read as a JSON file"),
    "an empty DWPose folder": (lambda f, t: ("--dwpose", t), "yolox_l.onnx"),
    "a missing video": (lambda f, t: ("--video", t / "none.mp4", "--mask", f.mask), "none.mp4"),
    "sound as video": (lambda f, t: ("--video", f.voice, "--mask", f.mask), "video"),
    "a damaged video": (
        lambda f, t: ("--video", broken(t, "cut.mkv", f.video.read_bytes()[:300]), "--mask", f.mask),
        "cut.mkv",
    ),
    "an unknown checkpoint": (
        lambda f, t: ("--mask", f.mask, "--model", wrong_model(t)),
        "an unknown model",
    ),
}


def wrong_model(folder):
    from safetensors.torch import save_file

    save_file({"weight": torch.zeros(2)}, folder / MODEL)
    return folder


@pytest.mark.parametrize("case", BAD_EDITS)
def test_what_cannot_be_edited_is_one_sentence_and_exit_code_2(edit, files, tmp_path, capsys, case):
    options, needle = BAD_EDITS[case]
    options = options(files, tmp_path)
    before = set(tmp_path.rglob("*"))
    assert edit(*options) == REFUSED
    refused(capsys, needle)
    assert set(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("command", ["animate", "edit"])
@pytest.mark.parametrize(
    "lacking, needle", [("memory", "GB of memory, most of it for"), ("disk", "GB of disk space at")]
)
def test_too_little_room_is_refused_before_the_model_is_loaded(
    animate, edit, files, output, monkeypatch, capsys, command, lacking, needle
):
    monkeypatch.setattr(ModelFiles, "load", lambda model: pytest.fail("the model is loaded"))
    if lacking == "memory":
        monkeypatch.setattr(resources, "free_memory", lambda: 10**6)
    else:
        monkeypatch.setattr(estimate, "free_disk", lambda path: (100, 0))
    given = animate() if command == "animate" else edit("--mask", files.mask)
    assert given == REFUSED
    refused(capsys, needle)
    assert list(output.parent.iterdir()) == []


def refused(capsys, needle):
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "Traceback" not in shown.err
    (line,) = shown.err.strip().splitlines()
    assert line.startswith("skyreels-audio: ") and needle in line


def test_a_part_of_another_kind_or_none_is_named(animate_with, bundle_folder, capsys):
    swapped = {"backbone": WHISPER, "vae": VAE, "text-encoder": TEXT_ENCODER}
    parts = [word for part, name in swapped.items() for word in (f"--{part}", bundle_folder / name)]
    assert animate_with(*parts, "--whisper", bundle_folder / WHISPER) == REFUSED
    refused(capsys, "is a Whisper encoder; a video model is needed here")
    assert animate_with(*parts) == REFUSED
    refused(capsys, "lacks whisper (--whisper)")


def test_debug_shows_where_an_error_comes_from(animate):
    with pytest.raises(ValueError, match="cannot be read"):
        animate("--text-guidance", "loud", "--debug")


class At(logging.Handler):
    """Raises at the moment of a log line: Ctrl-C, or what a device says."""

    def __init__(self, moment, error):
        super().__init__()
        self.moment, self.error = moment, error

    def __enter__(self):
        logging.getLogger("skyreels_core").addHandler(self)

    def __exit__(self, *error):
        logging.getLogger("skyreels_core").removeHandler(self)

    def emit(self, record):
        if self.moment in record.getMessage():
            raise self.error


def test_a_run_that_is_interrupted_before_its_first_step_leaves_nothing(edit, files, tmp_path, capsys):
    with At("Forward passes", KeyboardInterrupt()):
        assert edit("--mask", files.mask) == INTERRUPTED
    assert list(tmp_path.iterdir()) == []
    assert "Interrupted; no unfinished file is left." in capsys.readouterr().err


def test_a_run_that_is_interrupted_while_it_writes_goes_on_to_the_same_file(
    edit, files, output, tmp_path, capsys
):
    assert edit("--mask", files.mask) == 0
    whole = output.read_bytes()
    output.unlink()
    with At("has an odd side", KeyboardInterrupt()):
        assert edit("--mask", files.mask) == INTERRUPTED
    assert [path.name for path in tmp_path.iterdir()] == ["result.mp4.work"]
    assert "resume with the same command and --resume" in capsys.readouterr().err
    assert edit("--mask", files.mask) == REFUSED
    assert "holds an unfinished run" in capsys.readouterr().err
    assert edit("--mask", files.mask, "--resume", "--seed", "9") == REFUSED
    assert "the seed was 0 and is now 9" in capsys.readouterr().err
    assert edit("--mask", files.mask, "--resume") == 0
    assert output.read_bytes() == whole and list(tmp_path.iterdir()) == [output]


def test_what_fails_after_sampling_says_how_to_go_on(edit, files, tmp_path, capsys):
    with At("has an odd side", torch.cuda.OutOfMemoryError("CUDA out of memory")):
        assert edit("--mask", files.mask) == REFUSED
    assert "and --resume" in capsys.readouterr().err
    assert edit("--mask", files.mask, "--restart") == 0


def test_a_gpu_without_memory_says_what_to_make_smaller(edit, files, tmp_path, capsys):
    with At("Forward passes", torch.cuda.OutOfMemoryError("CUDA out of memory")):
        assert edit("--mask", files.mask) == REFUSED
    assert "--width, --height" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_options_are_read_as_people_type_them(files):
    given = ["animate", "--image", f'"{files.portrait}"', "--audio", f" {files.voice} ", "-o", "'out.mp4'"]
    given += [
        "--fps",
        "29,97",
        "--shift",
        "2,5",
        "--loudness",
        "-23,5",
        "--steps",
        "12.0",
        "--colour-strength",
        "50%",
    ]
    args = build_parser().parse_args(given)
    assert (args.image, args.audio, args.output) == (files.portrait, files.voice, Path("out.mp4"))
    assert args.fps == 30000 / 1001
    assert (args.shift, args.loudness, args.steps, args.colour_strength) == (2.5, -23.5, 12, 0.5)


def test_a_path_with_quotes_around_it_is_one_path_of_any_command(bundle_folder, capsys):
    assert main(["inspect", f'"{bundle_folder / MODEL}"']) == 0
    assert capsys.readouterr().out.startswith("skyreels-audio")


def test_inspect_says_what_a_file_is(bundle_folder, capsys):
    assert main(["inspect", str(bundle_folder / MODEL)]) == 0
    assert capsys.readouterr().out.startswith("skyreels-audio: a SkyReels-Audio model")
    assert main(["inspect", str(bundle_folder / VAE), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["kind"] == "vae"


def test_inspect_refuses_what_is_no_weights_file(files, capsys):
    assert main(["inspect", str(files.voice)]) == REFUSED
    refused(capsys, "not a safetensors file")


def test_train_refuses_what_is_no_recipe(files, tmp_path, capsys):
    assert main(["train", "--config", str(files.nobody), "--output", str(tmp_path / "run")]) == REFUSED
    refused(capsys, "not a training recipe")


def test_the_command_line_is_read_without_the_heavy_imports():
    program = (
        "import sys; from skyreels_core.cli import build_parser; build_parser();"
        "print([name for name in ('torch', 'numpy', 'av', 'transformers') if name in sys.modules])"
    )
    shown = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "[]"


@pytest.fixture
def small_model(bundle_folder, bundle, tmp_path):
    """The random bundle, asking for small videos in one step."""
    folder = shutil.copytree(bundle_folder, tmp_path / "model")
    sampling = bundle.metadata["sampling"] | {"width": 32, "height": 32, "fps": 5.0, "steps": 1}
    save_model(folder / MODEL, bundle.model, bundle.adapter, {"sampling": sampling}, torch.float16)
    return folder


def test_demo_makes_three_videos_with_a_sheet_each(small_model, tmp_path, capsys):
    assert main(["demo", "-o", str(tmp_path / "demo"), "--model", str(small_model)]) == 0
    names = {path.name for path in (tmp_path / "demo").iterdir()}
    assert names == {f"{name}.{kind}" for name in ("animation", "edit", "long") for kind in ("mp4", "png")}
    assert read_video(tmp_path / "demo" / "long.mp4").seconds > 10
    assert read_video(tmp_path / "demo" / "edit.mp4").frames.shape[1:] == (96, 96, 3)


def test_demo_refuses_a_file_as_its_folder(files, bundle_folder, capsys):
    assert main(["demo", "-o", str(files.voice), "--model", str(bundle_folder)]) == REFUSED
    refused(capsys, "is a file")
