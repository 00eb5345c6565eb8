from __future__ import annotations

import math

import pytest

from skyreels_core.errors import InputError
from skyreels_core.sampling.guidance import (
    AUDIO_SCHEDULE,
    EQ3,
    GRAMMAR,
    RULES,
    TEXT_SCHEDULE,
    Constant,
    Cosine,
    Guidance,
    Interval,
    Linear,
    Piecewise,
    multitalk,
    parse_schedule,
)
from skyreels_core.sampling.schedule import flow_sigmas


@pytest.mark.parametrize(
    "text, schedule",
    [
        ("4.5", Constant(4.5)),
        ("-1", Constant(-1)),
        ("linear:5->1", Linear(5, 1)),
        ("linear: .5 -> -1.5 @ 0.25", Linear(0.5, -1.5, 0.25)),
        ("cosine:5->1@0.4", Cosine(5, 1, 0.4)),
        ("interval:4.5@0.2-0.8", Interval(4.5, 0.2, 0.8)),
        ("interval:-2@.2-1", Interval(-2, 0.2, 1)),
        ("piecewise:0=5,0.4=1,1=1", Piecewise(((0, 5), (0.4, 1), (1, 1)))),
        ("piecewise:0.5=3", Piecewise(((0.5, 3),))),
    ],
)
def test_a_schedule_is_read_from_its_text(text, schedule):
    assert parse_schedule(text) == schedule


@pytest.mark.parametrize(
    "text",
    [
        "",
        "high",
        "4,5",
        "nan",
        "linear:5",
        "linear:5->",
        "ramp:5->1",
        "cosine:5->1@0",
        "cosine:5->1@1.5",
        "interval:4.5",
        "interval:4.5@0.8-0.2",
        "interval:4.5@0.2-0.8-0.9",
        "piecewise:0=5,0=1",
        "piecewise:0.5=1,2=3",
        "piecewise:",
    ],
)
def test_any_other_text_is_refused_with_the_grammar(text):
    with pytest.raises(InputError) as refused:
        parse_schedule(text)
    assert GRAMMAR in str(refused.value)


@pytest.mark.parametrize(
    "text, values",
    [
        ("4.5", {0: 4.5, 0.5: 4.5, 1: 4.5}),
        ("linear:5->1", {0: 5, 0.25: 4, 1: 1}),
        ("linear:5->1@0.5", {0.25: 3, 0.5: 1, 0.9: 1}),
        ("cosine:5->1@0.4", {0: 5, 0.1: 3 + math.sqrt(2), 0.2: 3, 0.4: 1, 0.7: 1}),
        ("interval:4.5@0.2-0.8", {0.19: 1, 0.2: 4.5, 0.8: 4.5, 0.81: 1}),
        ("piecewise:0.2=5,0.4=1,0.8=2", {0: 5, 0.3: 3, 0.6: 1.5, 1: 2}),
    ],
)
def test_a_schedule_has_the_value_that_it_says(text, values):
    schedule = parse_schedule(text)
    assert {progress: schedule(progress) for progress in values} == pytest.approx(values)


@pytest.mark.parametrize("rule", RULES.values())
@pytest.mark.parametrize("text, audio", [(5, 4.5), (1, 1), (0, 0), (-2.5, 7), (1, 4.5), (3.3, 3.3)])
def test_the_coefficients_sum_to_one(rule, text, audio):
    assert sum(rule(text, audio).values()) == pytest.approx(1, abs=1e-12)


def test_equation_3_is_its_three_terms():
    full, noaudio, null = 0.3, -1.1, 2.7
    u = null + 5 * (noaudio - null) + 4.5 * (full - noaudio)
    row = EQ3(5, 4.5)
    assert row["full"] * full + row["noaudio"] * noaudio + row["null"] * null == pytest.approx(u)


def test_the_multitalk_row_is_the_published_one():
    full, notext, null = 0.3, -1.1, 2.7
    u = null + 5 * (full - notext) + 4 * (notext - null)
    row = multitalk(5, 4)
    assert row["full"] * full + row["notext"] * notext + row["null"] * null == pytest.approx(u)
    assert multitalk(1, 4) == {"full": 4, "noaudio": -3, "null": 0}  # dropAudio + audio (C - dropAudio)


@pytest.mark.parametrize(
    "rule, text, audio, branches",
    [
        (EQ3, 5, 4.5, {"full", "noaudio", "null"}),
        (EQ3, 1, 4.5, {"full", "noaudio"}),
        (EQ3, 3, 3, {"full", "null"}),
        (EQ3, 1, 1, {"full"}),
        (EQ3, 5, 0, {"noaudio", "null"}),
        (EQ3, 1, 0, {"noaudio"}),
        (EQ3, 0, 0, {"null"}),
        (multitalk, 5, 4, {"full", "notext", "null"}),
        (multitalk, 5, 1, {"full", "notext"}),
        (multitalk, 3, 3, {"full", "null"}),
        (multitalk, 1, 4, {"full", "noaudio"}),
        (multitalk, 1, 1, {"full"}),
        (multitalk, 0, 4, {"notext", "null"}),
    ],
)
def test_a_branch_without_weight_is_not_needed(rule, text, audio, branches):
    guidance = Guidance(Constant(text), Constant(audio), rule, flow_sigmas(4, 5))
    assert set(guidance.coefficients(0.9)) == branches


def test_by_default_the_null_branch_is_dropped_after_two_fifths_of_the_steps():
    sigmas = flow_sigmas(50, 5)
    guidance = Guidance(parse_schedule(TEXT_SCHEDULE), parse_schedule(AUDIO_SCHEDULE), EQ3, sigmas)
    branches = [len(guidance.coefficients(float(sigma))) for sigma in sigmas[:-1].float()]
    assert branches == [3] * 20 + [2] * 30
    assert guidance.coefficients(1.0)["full"] == 4.5


def test_a_part_of_a_run_keeps_its_place_in_the_schedule():
    full = flow_sigmas(40, 5)
    guidance = Guidance(Linear(5, 1), Constant(4.5), EQ3, full)
    whole = [guidance.coefficients(float(sigma)) for sigma in full]
    late = full[25:].float()
    assert [guidance.coefficients(float(sigma)) for sigma in late] == whole[25:]


def test_a_sigma_between_grid_points_gets_a_value_of_its_own():
    sigmas = flow_sigmas(10, 5)
    guidance = Guidance(Linear(6, 1), Constant(0), EQ3, sigmas)
    between = float(0.25 * sigmas[3] + 0.75 * sigmas[4])
    assert guidance.coefficients(between)["noaudio"] == pytest.approx(6 - 5 * 0.375)
