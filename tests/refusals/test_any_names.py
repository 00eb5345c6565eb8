"""Files and folders with any name that a system takes, and names that every system takes for what is made up here."""

from __future__ import annotations

import os
import re
import shutil
import sys
from pathlib import Path

import pytest
from bad_input import EARLIER, contents
from hypothesis import given, settings
from hypothesis import strategies as st

from skyreels_core.cli import main
from skyreels_core.media.reading import read_picture, read_video
from skyreels_core.media.sound import read_audio
from skyreels_core.media.writing import write_picture
from skyreels_core.queueing.names import named
from skyreels_core.run.resume import WorkFolder

NAMES = {
    "spaces": "my  own film ",
    "accents": "Ümläut ñ ø",
    "marks apart from their letters": "u\u0308ber e\u0301t\u0327",
    "Chinese": "影片 声音",
    "right to left": "סרט فيلم",
    "emoji": "🎬👩🏽\u200d🎤",
    "signs": "100% #1 [a] (b) 'c' & $d; e=f, ~g!",
    "a colon": "take:12",
    "a dash first": "-o",
    "a dot first": ".hidden",
    "a device of Windows": "CON",
    "200 letters": "a" * 200,
    "80 signs of three bytes": "影" * 80,
    "60 emoji": "🎬" * 60,
}
if sys.platform == "win32":  # which takes none of these, or takes the last space away
    NAMES = {
        kind: name for kind, name in NAMES.items() if kind not in ("spaces", "a colon", "a device of Windows")
    }


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES.keys())
def test_inputs_and_results_have_any_name(whole, tmp_path, monkeypatch, name):
    voice, video, picture = (tmp_path / name / f"{name}.{kind}" for kind in ("wav", "mkv", "png"))
    voice.parent.mkdir()
    shutil.copy(whole.voice, voice)
    shutil.copy(whole.video, video)
    write_picture(picture, read_picture(whole.portrait))
    monkeypatch.chdir(voice.parent)
    for path in (voice, Path(voice.name)):
        assert read_audio(path).seconds == 0.7
    for path in (video, Path(video.name)):
        assert len(read_video(path).frames) == 9
    assert read_picture(Path(picture.name)).shape == (40, 40, 3)


@pytest.mark.parametrize("relative", [False, True], ids=["from the root", "from here"])
def test_a_run_is_made_in_a_long_path_of_any_names(desk, monkeypatch, relative):
    folder = desk.folder.joinpath(*NAMES.values())
    folder.mkdir(parents=True)
    if len(os.fsencode(folder)) < 260 or sys.platform != "linux":
        pytest.skip("this system ends paths earlier")
    name = f"{'影' * 60}🎬:1.mp4"
    monkeypatch.chdir(folder)
    shutil.copy(desk.whole.voice, "🎤 : voice.wav")
    voice, output = (Path(folder, part) if not relative else Path(part) for part in ("🎤 : voice.wav", name))
    assert main(desk.animation("--audio", voice, f"--output={output}", "--report", f"{name}.json")) == 0
    made = {path.name for path in folder.iterdir()}
    assert {name, f"{name}.json"} <= made and not any(path.startswith(".") or "work" in path for path in made)
    assert desk.read_output().out.strip() == str(output)
    assert desk.output.read_bytes() == EARLIER


def test_a_name_that_the_terminal_cannot_show_ends_no_run(desk, monkeypatch, tmp_path):
    from io import BytesIO, TextIOWrapper

    shown = TextIOWrapper(BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stdout", shown)
    output = desk.folder / "影片.mp4"
    assert main(desk.animation("-o", output)) == 0
    shown.flush()
    assert shown.buffer.getvalue().strip().endswith(rb"\u5f71\u7247.mp4") and output.is_file()


DEVICES = re.compile(r"(?i)(con|prn|aux|nul|com\d|lpt\d)(\..*)?")


def takes_every_system(name: str) -> bool:
    return (
        0 < len(os.fsencode(name)) <= 255
        and not re.search(r'[<>:"/\\|?*\x00-\x1f]', name)
        and not name.endswith((" ", "."))
        and not DEVICES.fullmatch(name)
    )


written: list[str] = []
listening = False


def hear(event: str, given: tuple) -> None:
    """Of every file that is opened to be written, and every folder and name that is made."""
    if listening and event in ("open", "os.mkdir", "os.rename"):
        reads = event == "open" and isinstance(given[1], str) and not set("wxa+") & set(given[1])
        if not reads and isinstance(given[1 if event == "os.rename" else 0], str | bytes | os.PathLike):
            written.append(os.fspath(given[1 if event == "os.rename" else 0]))


def test_every_name_that_a_run_makes_up_is_one_that_every_system_takes(desk, monkeypatch):
    global listening
    sys.addaudithook(hear)  # there is no way to take it back
    written.clear()
    try:
        listening = True
        assert (
            main(desk.editing("--mask", desk.whole.mask, "--report", desk.folder / "a.json", "--window", "2"))
            == 0
        )
        with WorkFolder(desk.folder / "b.work") as work:
            work.tensors("conditions")["first-0-21"] = read_picture(desk.whole.portrait)
            made_up = contents(desk.folder)
    finally:
        listening = False
    names = {Path(os.fsdecode(path)).name for path in written if str(desk.folder) in os.fsdecode(path)}
    assert {"state.safetensors.part", "run.json", "holder.json", "a.json"} <= names | {
        Path(p).name for p in made_up
    }
    for name in names | {Path(path).name for path in made_up}:
        assert takes_every_system(name), name


@settings(max_examples=200)
@given(st.text(max_size=300), st.none() | st.text(max_size=300))
def test_what_a_server_names_is_a_name_that_every_system_takes(filename, wanted):
    assert takes_every_system(named(filename, wanted))


@pytest.mark.parametrize("name", ["影" * 90, "🎬" * 70, "a" * 250, "e\u0301" * 80])
def test_temporary_names_are_no_longer_than_a_system_takes(tmp_path, name):
    with WorkFolder(tmp_path / "work") as work:
        part = work.part_of(tmp_path / f"{name}.mp4")
    assert takes_every_system(part.name) and part.parent == tmp_path
    path = tmp_path / f"{name[: 245 // len(os.fsencode(name[0]))]}.png"
    write_picture(path, read_picture_of(name))
    assert [item.name for item in tmp_path.iterdir()] == [path.name]


def read_picture_of(name: str):
    import torch

    return torch.full((16, 16, 3), len(name) / 300)
