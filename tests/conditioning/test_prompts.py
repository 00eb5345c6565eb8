from __future__ import annotations

import pytest

from skyreels_core.conditioning.prompts import PromptSchedule, middle
from skyreels_core.errors import InputError
from skyreels_core.timeline import Timeline
from skyreels_core.windows import WindowPlan

LINES = """
# a scene
0 a person smiles
  # and then
12.5   a person frowns, 2 tears

1:05 a person laughs
1:02:03.5 a person sleeps
"""


def test_a_schedule_is_read_line_by_line():
    assert PromptSchedule.parse(LINES).spans == (
        (0, "a person smiles"),
        (12.5, "a person frowns, 2 tears"),
        (65, "a person laughs"),
        (3723.5, "a person sleeps"),
    )


def test_times_may_have_a_decimal_comma():
    spans = PromptSchedule.parse("0 a\n12,5 b, c\n0:13,25 d\n00:01:05,000 e").spans
    assert spans == ((0, "a"), (12.5, "b, c"), (13.25, "d"), (65, "e"))


@pytest.mark.parametrize("seconds, index", [(0, 0), (12.49, 0), (12.5, 1), (64.9, 1), (65, 2), (1e6, 3)])
def test_a_text_holds_until_the_next_one_does(seconds, index):
    assert PromptSchedule.parse(LINES).at(seconds) == index


@pytest.mark.parametrize(
    "lines, needle",
    [
        ("", "has no prompt"),
        ("# nothing", "has no prompt"),
        ("a person smiles", "Line 1 .* 'a person smiles', cannot be read"),
        ("0 a\n\n7", "Line 3 .* '7', cannot be read"),
        ("0 a\n-3 b", "Line 2 .* cannot be read"),
        ("0 a\n1:2:3:4 b", "Line 2 .* cannot be read"),
        ("# first\n3 a", "Line 2 .* begins at 3 s, and there is no prompt before it"),
        ("0 a\n9 b\n5 c", "Line 3 .* begins at 5 s, the prompt before it at 9 s"),
        ("0 a\n0 b", "Line 2 .* begins at 0 s"),
    ],
)
def test_what_cannot_be_used_is_refused_with_its_line(lines, needle):
    with pytest.raises(InputError, match=needle):
        PromptSchedule.parse(lines)


def test_a_file_is_utf_8_with_or_without_a_mark(tmp_path):
    for name, encoding in (("plain.txt", "utf-8"), ("marked.txt", "utf-8-sig")):
        (tmp_path / name).write_text("0 ein Mädchen lächelt\r\n5 她微笑", encoding=encoding, newline="")
        assert PromptSchedule.read(tmp_path / name).texts == ("ein Mädchen lächelt", "她微笑")
    (tmp_path / "other.txt").write_bytes("0 lächelt".encode("latin-1"))
    with pytest.raises(InputError, match=r"other\.txt is not a text file in UTF-8"):
        PromptSchedule.read(tmp_path / "other.txt")
    (tmp_path / "wrong.txt").write_text("smiles")
    with pytest.raises(InputError, match=r"wrong\.txt: Line 1"):
        PromptSchedule.read(tmp_path / "wrong.txt")


def test_a_window_is_told_the_text_that_holds_in_its_middle():
    plan = WindowPlan.plan(11, 5, 2)  # from frames 0, 12, 24, of 17 frames each
    assert [middle(window, 25) for window in plan.windows] == [0.34, 0.82, 1.3]
    assert PromptSchedule.parse("0 a\n0.82 b").prompts_for(plan, 25) == ["a", "b", "b"]
    assert PromptSchedule.parse("0 a\n0.83 b").prompts_for(plan, 25) == ["a", "a", "b"]
    assert PromptSchedule.parse("0 a\n0.82 b").prompts_for(plan, 50) == ["a", "a", "a"]


def test_a_text_alone_holds_from_beginning_to_end():
    alone = PromptSchedule.of("a person")
    assert alone.prompts_for(WindowPlan.plan(40, 5, 2), 25) == ["a person"] * 13
    assert PromptSchedule.of(alone) is alone
    assert PromptSchedule.parse("0 a person") == alone


def test_texts_that_no_window_is_told_are_named_with_the_reason():
    plan, timeline = WindowPlan.plan(11, 5, 2), Timeline(41, 25.0)
    schedule = PromptSchedule.parse("0 a\n0.4 short\n0.5 b\n1.64 late")
    lines = schedule.unused_prompts(plan, timeline)
    assert len(lines) == 2
    assert "at 0.4 s is not used: no window has its middle" in lines[0]
    assert "at 1.64 s is not used: the video ends at 1.64 s" in lines[1]
