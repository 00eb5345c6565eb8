from dataclasses import asdict, replace

from skyreels_core.model.preset import WAN, preset_of


def test_a_file_without_settings_is_sampled_like_a_plain_wan_model():
    assert preset_of({}) == WAN


def test_settings_survive_the_metadata():
    preset = replace(WAN, window=9, cache_threshold=0.1, cache_coefficients=(2.0, 0.5, 0.0))
    stored = {"sampling": asdict(preset) | {"cache_coefficients": [2.0, 0.5, 0.0]}}  # JSON has no tuples
    assert preset_of(stored) == preset


def test_a_setting_of_a_later_version_is_named_and_left_out(caplog):
    assert preset_of({"sampling": {"steps": 8, "sharpness": 2}}) == replace(WAN, steps=8)
    assert "sharpness" in caplog.text
