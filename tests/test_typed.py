"""Numbers, frame rates and paths as people type, copy and export them."""

from __future__ import annotations

import os
from fractions import Fraction
from pathlib import Path

import pytest

from skyreels_core.media.writing import frame_rate
from skyreels_core.timeline import Timeline
from skyreels_core.typed import read_frame_rate, read_number, read_path, read_whole


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("2.5", 2.5), ("2,5", 2.5), ("-2,5", -2.5), (",5", 0.5), ("5.", 5), ("+3", 3), ("\u22123", -3), ("1e-1", 0.1),
        ("1E+05", 1e5), ("1,5e3", 1500), ("50%", 0.5), ("12,5 %", 0.125), ("3/4", 0.75), ("1.000,5", 1000.5),
        ("1,000.5", 1000.5), ("1\u202f000,5", 1000.5), ("1'000.5", 1000.5), ("1.000.000", 10**6), ("0,125", 0.125),
        ("18446744073709551615", 2**64 - 1), ("\u00a07\ufeff", 7),
    ],
)  # fmt: skip
def test_a_number_is_read_as_it_is_written_anywhere(text, value):
    assert read_number(text) == value


@pytest.mark.parametrize(
    "text", ["", "x", "1.2.3", "1,2,3", "\u00b2", "nan", "1e999", "1/0", "0x10", "1_0", "9" * 5000]
)
def test_what_is_no_number_is_refused(text):
    with pytest.raises(ValueError):
        read_number(text)


@pytest.mark.parametrize(
    ("read", "text"), [(read_number, "1,000"), (read_whole, "1,000"), (read_whole, "1.000")]
)
def test_what_may_be_two_numbers_is_refused(read, text):
    with pytest.raises(ValueError, match="may mean 1 or 1000"):
        read(text)


@pytest.mark.parametrize(
    ("text", "rate"),
    [
        ("25", 25), ("12,5", Fraction(25, 2)), ("25 fps", 25), ("30000/1001", Fraction(30000, 1001)),
        ("29.97", Fraction(30000, 1001)), ("29,97", Fraction(30000, 1001)), ("23.976", Fraction(24000, 1001)),
        ("23,98 fps", Fraction(24000, 1001)), ("59.94", Fraction(60000, 1001)), ("47.952", Fraction(48000, 1001)),
        ("119.88", Fraction(120000, 1001)), ("29.5", Fraction(59, 2)), ("24.00", 24), ("23.9", Fraction(239, 10)),
    ],
)  # fmt: skip
def test_a_typed_frame_rate_is_the_exact_one_that_is_meant(text, rate):
    assert frame_rate(read_frame_rate(text)) == rate
    assert Timeline.from_seconds(1001, read_frame_rate(text)).frames == -(-1001 * rate // 1)


@pytest.mark.parametrize("written", ["{}", ' "{}" ', "'{}'", "  {}\n", "\u201e{}\u201c", "file://{}", '"file://{}"',
    "\u202a{}", "\u201d{}\u201d", "\u2039{}\u203a", "\u201a{}\u2018", "`{}`"])  # fmt: skip
def test_a_path_is_found_whatever_was_copied_with_it(tmp_path, written):
    path = tmp_path / "my file.wav"
    path.touch()
    assert read_path(written.format(path)) == path


def test_the_home_folder_and_escapes_of_an_address_are_known(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "a b.wav").touch()
    assert read_path("~/a b.wav") == tmp_path / "a b.wav"
    assert read_path(f"file://{tmp_path}/a%20b.wav") == tmp_path / "a b.wav"


def test_a_name_that_exists_is_taken_as_it_is(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("'a'", "a", " a ", "~"):
        Path(name).touch()
        assert read_path(name) == Path(name)


def test_quotes_come_off_a_file_that_is_yet_to_be_written(tmp_path):
    assert read_path(f'"{tmp_path}/out.mp4"') == tmp_path / "out.mp4"
    assert read_path(str(tmp_path / " out ")) == tmp_path / " out "
    assert str(read_path('"nowhere/out.mp4"')) == '"nowhere/out.mp4"'
    assert os.fspath(read_path("")) == "."
