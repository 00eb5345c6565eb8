"""Names of files that come from elsewhere."""

from __future__ import annotations

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skyreels_core.queueing.names import named, publish


@pytest.mark.parametrize(
    ("filename", "wanted", "name"),
    [
        ("talk_00001_.mp4", None, "talk_00001_.mp4"),
        ("talk_00001_.mp4", "anna", "anna.mp4"),
        ("talk_00001_.mp4", "anna.mp4", "anna.mp4"),
        ("talk_00001_.mp4", "take v1.5", "take v1.5.mp4"),
        ("talk_00001_.mp4", "..", "output.mp4"),
        ("talk_00001_.mp4", "a/b\\c:d", "a_b_c_d.mp4"),
        ("talk_00001_.mp4", "con", "_con.mp4"),
        ("talk_00001_.mp4", "COM1.take", "_COM1.take.mp4"),
        ("talk_00001_.mp4", "console", "console.mp4"),
        ("../../etc/passwd", None, "_._etc_passwd"),
        ("..\\evil.png", None, "_evil.png"),
        ("AUX.png", None, "_AUX.png"),
        (".hidden", None, "hidden"),
        ("u\u0308ber.png", None, "über.png"),
        ("é" * 300 + ".png", None, "é" * 90 + ".png"),
    ],
)
def test_a_name_is_one_that_every_system_takes(filename, wanted, name):
    assert named(filename, wanted) == name


@given(st.text(), st.none() | st.text())
def test_whatever_comes_is_a_name_without_a_folder(filename, wanted):
    name = named(filename, wanted)
    assert name and os.path.basename(name) == name and name not in (".", "..")
    assert not set(name) & set('<>:"/\\|?*\0\n') and name == name.strip(" .")
    assert len(name.encode("utf-8", "surrogatepass")) <= 255


def test_a_file_goes_beside_what_is_there(tmp_path):
    paths = []
    for index in range(3):
        part = tmp_path / f"{index}.part"
        part.write_text(str(index))
        paths.append(publish(part, tmp_path, "take.mp4").name)
    assert paths == ["take.mp4", "take-2.mp4", "take-3.mp4"]
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(paths)
    assert [(tmp_path / path).read_text() for path in paths] == ["0", "1", "2"]
