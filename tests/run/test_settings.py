from dataclasses import replace

import pytest

from skyreels_core.errors import InputError
from skyreels_core.run.settings import RECOMMENDED, WAN, Settings


def test_a_file_without_settings_is_sampled_like_a_plain_wan_model():
    assert Settings.of({}) == WAN


def test_settings_survive_the_metadata():
    settings = replace(WAN, window=9, cache_threshold=0.1, cache_coefficients=(2.0, 0.5, 0.0))
    stored = settings.recommendation() | {"cache_coefficients": [2.0, 0.5, 0.0]}  # JSON has no tuples
    assert tuple(stored) == RECOMMENDED
    assert Settings.of({"sampling": stored}) == settings


def test_a_setting_of_a_later_version_is_named_and_left_out(caplog):
    assert Settings.of({"sampling": {"steps": 8, "sharpness": 2}}) == replace(WAN, steps=8)
    assert "sharpness" in caplog.text


def test_what_a_file_cannot_recommend_it_does_not_decide(caplog):
    assert Settings.of({"sampling": {"seed": 5, "colour_strength": 0.0}}) == WAN
    assert "colour_strength, seed" in caplog.text


def test_only_what_is_given_goes_over_the_recommendation():
    model = Settings.of({"sampling": {"steps": 8, "cache_threshold": 0.1}})
    assert model.override(steps=None, cache_threshold=None, seed=None) == model
    assert model.override(steps=4, null_image=False, colour_strength=0.0) == replace(
        model, steps=4, colour_strength=0.0
    )


@pytest.mark.parametrize("off", [0, 0.0])
def test_a_cache_threshold_of_0_is_no_cache_wherever_it_is_given(off):
    assert Settings.of({"sampling": {"cache_threshold": off}}).cache_threshold is None
    assert replace(WAN, cache_threshold=0.1).override(cache_threshold=off).cache_threshold is None


@pytest.mark.parametrize("value", ["many", 3.5, True, None, [8]])
def test_a_value_of_another_type_is_refused_with_its_name(value):
    with pytest.raises(InputError, match="sampling metadata: steps ="):
        Settings.of({"sampling": {"steps": value}})


@pytest.mark.parametrize("value", ["0.5", float("nan"), float("inf"), 10**400, True, [0.5]])
def test_a_number_of_a_file_is_finite(value):
    with pytest.raises(InputError, match="sampling metadata: shift ="):
        Settings.of({"sampling": {"shift": value}})


def test_an_integer_may_be_stored_with_a_point():
    settings = Settings.of({"sampling": {"steps": 10.0, "width": 96.0, "shift": 3}})
    assert settings == replace(WAN, steps=10, width=96, shift=3)
    assert type(settings.steps) is int
    settings.check()


def test_the_defaults_can_be_used():
    WAN.check()
