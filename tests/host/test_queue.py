"""`skyreels-audio queue` against a real ComfyUI, with its own nodes and one that takes its time."""

from __future__ import annotations

import pytest
import torch
from batches import COLOURED, colour_of, names, node, words_of

from skyreels_core.audio.reading import write_wav
from skyreels_core.cli import REFUSED, main
from skyreels_core.media.reading import read_picture, read_video
from skyreels_core.media.sound import Audio, read_audio
from skyreels_core.media.writing import write_picture, write_video

COPIED = {
    "10": node("Portrait", "LoadImage", image="example.png"),
    "11": node("Save Image", "SaveImage", images=["10", 0], filename_prefix="copied"),
}


@pytest.fixture
def queue(server, tmp_path):
    return lambda workflow, *options, **more: main(words_of(server.url, tmp_path, workflow, *options, **more))


def test_a_value_reaches_the_node_that_id_title_or_class_name(queue, tmp_path, capsys):
    settings = ("--set", "Colour.color=255", "--set", "1.width=48", "--set", "EmptyImage.height=24")
    assert queue(COLOURED, *settings, "--set", "Save Image.filename_prefix=a=b") == 0
    (path,) = (tmp_path / "files").iterdir()
    assert path.name == "a=b_00001_.png"
    assert read_picture(path).shape == (24, 48, 3) and colour_of(path) == [0, 0, 255]
    shown = capsys.readouterr()
    assert shown.out.strip() == str(path)
    assert "workflow: 100%" in shown.err and "1 of 1 jobs are done." in shown.err


def test_rows_are_jobs_with_files_of_their_own_names(queue, tmp_path, capsys):
    rows = [
        {"name": "Ärger: rot?", "Colour.color": 0xFF0000, "1.width": 32},
        {"name": "../up/con", "Colour.color": 0x00FF00, "1.width": 32},
        {"name": "", "Colour.color": 0x0000FF, "1.width": 32},
        {"name": "", "Colour.color": "", "1.width": 32},
    ]
    assert queue(COLOURED, "--set", "1.color=16777215", rows=rows) == 0
    expected = {
        "Ärger_ rot_.png": [255, 0, 0],
        "_up_con.png": [0, 255, 0],
        "coloured_00003_.png": [0, 0, 255],
        "coloured_00004_.png": [255, 255, 255],
    }
    assert {path.name: colour_of(path) for path in (tmp_path / "files").iterdir()} == expected
    assert "row 4: 100%" in capsys.readouterr().err


def test_a_name_that_is_taken_is_never_written_over(queue, tmp_path, capsys):
    (tmp_path / "files").mkdir()
    (tmp_path / "files" / "take.png").write_text("mine")
    rows = [{"name": "take", "1.batch_size": 2}, {"name": "TAKE.PNG", "1.batch_size": 1}]
    assert queue(COLOURED, rows=rows) == 0
    assert names(tmp_path / "files") == ["TAKE.png", "take-2.png", "take-3.png", "take.png"]
    assert (tmp_path / "files" / "take.png").read_text() == "mine"


def test_a_local_picture_is_uploaded_once_and_its_rows_get_it(queue, server, tmp_path):
    red, grey = torch.zeros(24, 40, 3), torch.full((24, 40, 3), 0.5)
    red[..., 0] = 1
    (tmp_path / "Bilder für Anna").mkdir()
    write_picture(tmp_path / "Bilder für Anna" / "röt 1.png", red)
    write_picture(tmp_path / "grey.png", grey)
    pictures = ("Bilder für Anna/röt 1.png", "grey.png", str(tmp_path / "grey.png"))
    rows = [{"name": index, "Portrait.image": picture} for index, picture in enumerate(pictures)]
    assert queue(COPIED, rows=rows) == 0
    colours = [colour_of(tmp_path / "files" / f"{index}.png") for index in range(3)]
    assert colours[0] == [255, 0, 0] and colours[1] == colours[2]
    uploads = server.input / "skyreels-audio"
    before = {path: path.stat().st_mtime_ns for path in uploads.iterdir()}
    assert len(before) == 2
    name = next(path.name for path in before if path.name.startswith("r-t-1-"))
    assert queue(COPIED, "--set", f"Portrait.image={tmp_path / 'Bilder für Anna' / 'röt 1.png'}") == 0
    assert queue(COPIED, "--set", f"Portrait.image=skyreels-audio/{name}") == 0
    assert {path: path.stat().st_mtime_ns for path in uploads.iterdir()} == before


def test_sound_and_video_go_there_and_come_back(queue, tmp_path):
    voice = Audio(torch.rand(1, 8000, generator=torch.Generator().manual_seed(1)) - 0.5, 16000)
    write_wav(tmp_path / "voice.wav", voice)
    write_video(tmp_path / "clip.mp4", torch.rand(5, 32, 32, 3), 12.5)
    workflow = {
        "1": node("Voice", "LoadAudio", audio="none.wav"),
        "2": node("Save", "SaveAudio", audio=["1", 0], filename_prefix="audio/voice"),
        "3": node("Clip", "LoadVideo", file="none.mp4"),
        "4": node("Save", "SaveVideo", video=["3", 0], filename_prefix="clip", format="mp4", codec="h264"),
    }
    settings = (
        "--set",
        f"Voice.audio={tmp_path / 'voice.wav'}",
        "--set",
        f"Clip.file={tmp_path / 'clip.mp4'}",
    )
    assert queue(workflow, *settings) == 0
    clip, sound = sorted((tmp_path / "files").iterdir())  # releases of the host number them differently
    assert (sound.suffix, clip.suffix) == (".flac", ".mp4")
    assert (read_audio(sound).samples - voice.samples).abs().max() < 1e-4
    assert read_video(clip).frames.shape == (5, 32, 32, 3)


def test_previews_are_fetched_where_nothing_is_saved(queue, tmp_path, capsys):
    preview = {**COLOURED, "3": node("Preview", "PreviewImage", images=["2", 0])}
    assert queue(preview) == 0
    assert len(names(tmp_path / "files")) == 1


def test_a_failed_job_is_named_with_its_node_and_the_others_are_done(queue, tmp_path, capsys):
    rows = [
        {"name": "good", "Work.failure": "", "1.width": 32},
        {"name": "bad", "Work.failure": "the mouth is closed", "1.width": 32},
        {"name": "small", "Work.failure": "", "1.width": -4},
        {"name": "better", "Work.failure": "", "1.width": 40},
    ]
    assert queue(COLOURED, rows=rows) == 1
    assert names(tmp_path / "files") == ["better.png", "good.png"]
    error = capsys.readouterr().err
    assert 'bad failed. Node 2 "Work" (TestSteps): the mouth is closed' in error
    assert 'small failed. Node 1 "Colour" (EmptyImage): Value -4 smaller than min of 1' in error
    assert "2 of 4 jobs failed: small, bad." in error


def test_a_job_of_which_a_part_cannot_run_counts_as_failed(queue, tmp_path, capsys):
    workflow = COLOURED | {
        "4": node("Other Colour", "EmptyImage", width=0, height=16, batch_size=1, color=0),
        "5": node("Other", "SaveImage", images=["4", 0], filename_prefix="other"),
    }
    assert queue(workflow, "--set", "3.filename_prefix=part") == 1
    assert names(tmp_path / "files") == ["part_00001_.png"]
    assert 'Node 4 "Other Colour" (EmptyImage): Value 0 smaller' in capsys.readouterr().err


def test_a_node_that_the_server_lacks_is_named(queue, tmp_path, capsys):
    assert queue(COLOURED | {"1": node("Face", "NoSuchNode")}) == 1
    error = capsys.readouterr().err
    assert "workflow failed. Node 1 \"Face\" (NoSuchNode): Node 'Face' not found." in error


MISTAKES = {
    "an unknown node": (("--set", "Color.width=3"), "'Color.width' names no node"),
    "an unknown input": (("--set", "Colour.wide=3"), "it has batch_size, color, height, width."),
    "words for a number": (("--set", "Colour.width=wide"), "is a whole number; 'wide' is not."),
    "half a pixel": (("--set", "Colour.width=1.5"), "is a whole number; '1.5' is not."),
    "a value for a socket": (("--set", "Save Image.images=3"), "takes the output of another node (IMAGE)"),
    "no value": (("--set", "Colour.width"), "write node.input=value"),
    "a missing table": (("--csv", "none.csv"), "none.csv"),
    "an address without a server": (("--server", "127.0.0.1:9"), "No ComfyUI answers"),
    "no address": (("--server", "ftp://here"), "is not the address of a server"),
}


@pytest.mark.parametrize("case", MISTAKES)
def test_a_mistake_is_one_sentence_and_nothing_is_queued(queue, server, tmp_path, capsys, case):
    options, needle = MISTAKES[case]
    before = server.client.ask("GET", "/history")
    assert queue(COLOURED, *options, output="none") == REFUSED
    refused(capsys, needle)
    assert server.client.ask("GET", "/history").keys() == before.keys()
    assert not (tmp_path / "none").exists()


def test_a_picture_that_is_nowhere_is_found_before_anything_is_queued(queue, capsys):
    rows = [{"Portrait.image": "example.png"}]
    assert queue(COPIED, rows=rows) == REFUSED
    refused(capsys, "Row 2: 'example.png' is neither a file here nor in the server's input folder.")


def refused(capsys, needle):
    shown = capsys.readouterr()
    assert shown.out == "" and "Traceback" not in shown.err
    line = shown.err.strip().splitlines()[-1]
    assert line.startswith("skyreels-audio: ") and needle in line
