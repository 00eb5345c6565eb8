"""Numbers, words and schedules beyond what can be made."""

from __future__ import annotations

import math
import sys

import pytest
from bad_input import Case, cases
from hypothesis import given, settings
from hypothesis import strategies as st

from skyreels_core.cli import REFUSED, main
from skyreels_core.errors import InputError
from skyreels_core.model.bundle import DEMO_SAMPLING
from skyreels_core.run.settings import Settings
from skyreels_core.sampling.guidance import parse_schedule
from skyreels_core.sampling.schedule import flow_sigmas


def option(name: str, *values: str, needle: str = "") -> dict[str, Case]:
    return {f"{name} {value[:30]}": ((lambda desk, v=value: (name, v)), needle or name) for value in values}


OPTIONS: dict[str, Case] = {
    **option("--width", "0", "-5", "16", "99999999999999999999", needle="32 to 4096"),
    **option("--width", "nan", "1e9", ""),
    **option("--height", "31", "4112", needle="32 to 4096"),
    **option("--fps", "nan", "inf", "0", "-25", "1e-9", "1e9", needle="frame rate"),
    **option("--fps", "fast"),
    **option("--steps", "0", "-1", "1001", "100000000", needle="1 to 1000 steps"),
    **option("--steps", "x", "1.5"),
    **option("--shift", "nan", "inf", "0", "-1", "1e-300", "1e300", needle="shift"),
    **option(
        "--audio-guidance", "nan", "", "1e99", "loud", "9" * 400, "linear:5->", needle="guidance schedule"
    ),
    **option("--text-guidance", "linear:5->1@0", "cosine:5->1@2", needle="must increase"),
    **option("--text-guidance", "piecewise:0=5,0=1", "piecewise:1=5,0=1", needle="must increase"),
    **option("--text-guidance", "interval:4@0.8-0.2", "²", "5" * 5000, needle="guidance schedule"),
    **option("--seed", "-1", "9" * 30, "1.5", "nan", "²"),
    **option("--window", "0", "-3", "1", needle="overlap"),
    **option("--window", "many", "9" * 5000),
    **option("--overlap", "-1", "3", needle="cannot overlap"),
    **option("--hybrid", "nan", "2", "-0.1", "inf", needle="hybrid fraction"),
    **option("--crf", "-1", "64", "best", "9" * 5000),
    **option("--crf", "52", needle="crf"),
    **option("--colour-strength", "nan", "2", "-1", "inf", needle="colour strength"),
    **option("--tea-cache", "nan", "-1", "much", ""),
    **option("--solver", "", "heun", needle="euler, dpmpp_2m"),
    **option("--fusion", "", "up", needle="bidirectional"),
    **option("--device", "abacus", "meta", "cuda:99", needle="Try cpu"),
    **option("--dtype", "int3", needle="bfloat16"),
    **option("--attention", "", "flash3", needle="auto, cudnn, flash, sage, math"),
    **option("--weights-dtype", "int4", "", needle="use one of fp8"),
    **option("--offload", "disk", needle="none, group"),
    **option("--codec", "mpeg1"),
    **option("--prompt", "\udc80"),
    **option("--negative-prompt", "\udc80"),
    "an option that does not exist": (lambda desk: ("--louder",), "--louder"),
    "an option without its value": (lambda desk: ("--image",), "--image"),
    "a word too many": (lambda desk: ("again",), "again"),
    "to go on and to begin again": (lambda desk: ("--resume", "--restart"), "--restart"),
}


@cases(OPTIONS)
def test_a_bad_option_is_one_sentence(desk, case):
    options, needle = case
    command = desk.editing if "--hybrid" in options(desk) else desk.animation
    mask = ("--mask", desk.whole.mask) if command == desk.editing else ()
    line = desk.refuses(command(*mask, *options(desk)), needle)
    assert len(line) < 1000


@pytest.mark.parametrize(
    "words", [[], ["dance"], ["animate"], ["edit", "-o", "a.mp4"], ["inspect"], ["train"]]
)
def test_a_command_line_without_what_it_needs_is_one_sentence(desk, words):
    desk.refuses(words, "The command line cannot be read")


anything = (
    st.floats() | st.integers() | st.sampled_from([0, 1, -1, math.nan, math.inf, 5e-324, 1.8e308, 2**63])
)


@settings(max_examples=200, deadline=None)
@given(
    st.fixed_dictionaries(
        {},
        optional={
            "width": st.integers(), "height": st.integers(), "fps": anything, "window": st.integers(-5, 10**12),
            "overlap": st.integers(-5, 10**12), "steps": st.integers(-5, 2000), "shift": anything, "hybrid": anything,
            "solver": st.text(max_size=5), "text_guidance": st.text(max_size=30),
            "audio_guidance": st.text(max_size=30),
        },
    ),
    anything,
)  # fmt: skip
def test_any_options_are_refused_or_make_a_schedule_that_falls_to_0(changes, strength):
    chosen = Settings(**{**DEMO_SAMPLING, **changes}, colour_strength=strength)
    try:
        chosen.check()
    except InputError as error:
        assert len(str(error)) < 1000
    else:
        sigmas = flow_sigmas(chosen.steps, chosen.shift, chosen.spacing)
        assert sigmas[0] == 1 and sigmas[-1] == 0 and (sigmas.diff() < 0).all()


pieces = st.sampled_from(
    [
        "linear:",
        "cosine:",
        "interval:",
        "piecewise:",
        "->",
        "@",
        "=",
        ",",
        "-",
        "0",
        "0.5",
        "1",
        "4.5",
        "9" * 30,
        " ",
        ".",
    ]
)


@settings(max_examples=300, deadline=None)
@given(st.lists(pieces, max_size=10).map("".join) | st.text(max_size=20))
def test_any_text_is_a_schedule_of_finite_numbers_or_a_sentence(text):
    try:
        schedule = parse_schedule(text)
    except InputError as error:
        assert "guidance schedule" in str(error)
    else:
        assert all(abs(schedule(progress)) <= 1000 for progress in (0.0, 0.3, 1.0))


def test_a_schedule_as_long_as_a_command_line_can_be_is_refused_at_once():
    with pytest.raises(InputError, match="guidance schedule"):
        parse_schedule("linear:" + "1" * 100_000 + "x")


words = st.sampled_from(
    ["animate", "edit", "inspect", "train", "-o", "--output", "a.mp4", "--audio", "none.wav", "--seed", "5", "--crf",
     "--resume", "--restart", "--work", "--mask", "--face", "largest", "--length", "voice", "--fps", "25", "-", ""]
)  # fmt: skip


@settings(max_examples=100, deadline=None)
@given(st.lists(words | st.text(max_size=4).filter(lambda text: "h" not in text), max_size=8))
def test_any_words_are_refused_with_code_2(words):
    assert main([*words, "--audio-of-nobody"]) == REFUSED


def test_numbers_of_a_thousand_digits_do_not_stop_python(desk):
    assert sys.get_int_max_str_digits() < 5000
    desk.refuses(desk.animation("--steps", "9" * 5000), "--steps")
