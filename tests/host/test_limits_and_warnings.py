"""What a sampler takes from where, what it drops, and what the demo cannot do: every choice is in the report."""

from __future__ import annotations

import json
import shutil

import pytest
import torch
from graphs import (
    altered,
    animation,
    completed,
    connected,
    edit,
    guided,
    node,
    read_latent,
    shown,
    stock,
    through,
)
from PIL import Image
from refusals import refusal

from skyreels_core import assets
from skyreels_core.sampling.magcache import LEVELS

LIMIT = "The demo model was trained on drawn faces only, at 96x96"
NO_TEXT = "There is no prompt: text guidance is off"
STEPS = 2


def made(server, prompt):
    """The report and the latent of a prompt."""
    ended = completed(server, prompt | shown("sampler", 1))
    return ended["outputs"]["shown"]["text"][0], read_latent(server, ended)


def shifted(prompt, shift=5.0, class_type="ModelSamplingSD3"):
    return through(prompt, "shifted", node(class_type, model=["demo", 0], shift=shift))


class TestShift:
    def test_that_of_a_node_before_the_sampler_counts_where_the_field_is_open(self, server):
        report, latent = made(server, shifted(animation(steps=STEPS, shift=0.0)))
        assert "shift 5 (of the ModelSampling node)" in report
        field, same = made(server, animation(steps=STEPS, shift=5.0))
        assert "shift 5 (given here)" in field and torch.equal(latent, same)

    def test_the_field_goes_before_it(self, server):
        report, latent = made(server, shifted(animation(steps=STEPS, shift=3.0)))
        assert "shift 3 (given here)" in report
        assert torch.equal(latent, made(server, animation(steps=STEPS, shift=3.0))[1])

    def test_without_either_it_is_the_models(self, server):
        assert "shift 1.5 (recommended for the model)" in made(server, animation(steps=STEPS, shift=0.0))[0]

    def test_a_flow_node_that_counts_otherwise_gives_the_same_schedule(self, server):
        """ModelSamplingFlux gives the logarithm of the shift."""
        flux = stock(server, "ModelSamplingFlux", model=["demo", 0], max_shift=1.5, base_shift=1.5)
        report, _ = made(server, through(animation(steps=STEPS, shift=0.0), "shifted", flux))
        assert "shift 4.48169 (of the ModelSampling node)" in report

    @pytest.mark.parametrize("scene", [animation, lambda: guided(animation())], ids=["sampler", "guider"])
    def test_a_schedule_that_is_no_flow_is_refused(self, server, scene):
        discrete = stock(
            server, "ModelSamplingDiscrete", model=["demo", 0], sampling="v_prediction", zsnr=False
        )
        prompt = through(scene(), "discrete", discrete)
        if "guider" in prompt:
            prompt = altered(prompt, "guider", model=["discrete", 0])
        assert "Remove that node; ModelSamplingSD3 sets the shift" in refusal(server, prompt)


class TestTeaCache:
    def run(self, threshold):
        return animation(steps=8, shift=0.0, text_guidance="1", tea_cache=threshold)

    def test_minus_one_is_what_the_models_file_recommends(self, server):
        report, latent = made(server, self.run(-1.0))
        assert "TeaCache 0.05 (recommended for the model)" in report and "TeaCache computes" in report
        given, same = made(server, self.run(0.05))
        assert "TeaCache 0.05 (given here)" in given and torch.equal(latent, same)

    def test_zero_computes_every_step_as_it_always_did(self, server):
        report, _ = made(server, self.run(0.0))
        assert "TeaCache off (given here)" in report and "TeaCache computes" not in report

    def test_the_node_goes_before_the_field(self, server):
        off = node("SkyReelsAudioTeaCache", model=["demo", 0], enabled=False, threshold=0.2)
        report, latent = made(server, connected(self.run(-1.0), teacache=off))
        assert "TeaCache off (of the TeaCache node)" in report
        assert torch.equal(latent, made(server, self.run(0.0))[1])

    def test_it_is_the_default_of_a_new_node(self, server):
        info = server.client.node_info("SkyReelsAudioSampler")["input"]["required"]["tea_cache"][1]
        assert (info["default"], info["min"]) == (-1.0, -1.0)


class TestMagCache:
    def with_cache(self, **given):
        settings = {"model": ["demo", 0], "enabled": True, "threshold": 0.24, "max_skips": 0} | given
        run = animation(steps=8, shift=0.0, text_guidance="1", tea_cache=-1.0)
        return connected(run, teacache=node("SkyReelsAudioMagCache", **settings))

    def test_a_model_without_a_curve_is_refused_and_told_what_to_do(self, server):
        assert "skyreels-audio calibrate" in refusal(server, self.with_cache())

    def test_off_it_computes_every_step_and_is_named(self, server):
        report, _ = made(server, self.with_cache(enabled=False))
        assert "MagCache off (of the MagCache node)" in report and "computes" not in report

    def test_a_model_with_a_calibration_beside_it_reuses_what_its_curve_allows(self, server):
        folder = server.models / "diffusion_models"
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copy(assets.model() / "model.safetensors", folder / "measured.safetensors")
        magnitudes = [1 - 0.001 * level for level in range(len(LEVELS))]
        figures = {"cache_magnitudes": magnitudes, "cache_coefficients": [1.0, 0.0]}
        (folder / "measured.calibration.json").write_text(json.dumps(figures))
        run = self.with_cache(model=["measured", 0], max_skips=1)
        run["measured"] = node("SkyReelsAudioLoadModel", model_name="measured.safetensors")
        report, _ = made(server, altered(run, "sampler", model=["measured", 0]))
        assert "MagCache 0.24 (of the MagCache node)" in report
        assert "MagCache computes 5 of 8 steps" in report and "reused: 3, 5, 7" in report


class TestNoText:
    def wordless(self, scene, **fields):
        return altered(scene(steps=STEPS, audio_guidance="3", **fields), "positive", text="")

    @pytest.mark.parametrize("scene", [animation, edit])
    def test_its_guidance_is_dropped_and_nothing_else_changes(self, server, scene):
        report, latent = made(server, self.wordless(scene, text_guidance="linear:5->2"))
        assert f"{NO_TEXT} instead of linear:5->2" in report
        plain, same = made(server, self.wordless(scene, text_guidance="1"))
        assert NO_TEXT not in plain and torch.equal(latent, same)

    def test_a_text_in_a_later_window_keeps_it(self, server):
        prompts = node(
            "SkyReelsAudioPromptSchedule", clip=["demo", 1], text="0 a\n0.3 a person with red hair"
        )
        same = {"positive": prompts, "negative": node("CLIPTextEncode", clip=["demo", 1], text="a")}
        prompt = animation(1.0, steps=STEPS, text_guidance="5", window=3, overlap=1) | same
        assert NO_TEXT not in made(server, prompt)[0]

    def test_without_the_picture_in_the_null_branch_it_stays(self, server):
        prompt = self.wordless(animation, text_guidance="5", null_image=True)
        assert NO_TEXT not in made(server, prompt)[0]

    def test_a_negative_text_keeps_it(self, server):
        prompt = altered(self.wordless(animation, text_guidance="5"), "negative", text="blue wall")
        assert NO_TEXT not in made(server, prompt)[0]


class TestDemo:
    def at(self, size, scene=animation, picture=None):
        prompt = altered(
            scene(steps=1, audio_guidance="1", text_guidance="1"), "scene", width=size, height=size
        )
        if picture is None:
            return prompt
        loader = node("LoadImage", image=picture)
        return altered(prompt | {"loaded": loader}, "scene", picture=["loaded", 0])

    @pytest.mark.parametrize("scene", [animation, edit])
    def test_its_own_pictures_at_its_size_need_no_word(self, server, scene):
        assert LIMIT not in made(server, self.at(96, scene))[0]

    @pytest.mark.parametrize("scene", [animation, edit])
    def test_another_size_is_said_in_the_report_and_the_log(self, server, scene):
        before = len(server.log)
        report, _ = made(server, self.at(64, scene))
        assert report.count(LIMIT) == 1 and "generated at 64x64" in report and "HuMo" in report
        assert server.log[before:].count(LIMIT) == 1

    def test_a_photograph_is_said(self, server):
        noise = torch.rand(12, 12, 3, generator=torch.Generator().manual_seed(1)).mul(255).byte().numpy()
        Image.fromarray(noise).resize((96, 96), Image.Resampling.BICUBIC).save(
            server.input / "photograph.png"
        )
        assert "looks like a photograph" in made(server, self.at(96, picture="photograph.png"))[0]

    def test_a_copy_of_the_file_is_the_demo_too(self, server):
        folder = server.models / "diffusion_models"
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copy(assets.model() / "model.safetensors", folder / "copied.safetensors")
        loader = node("SkyReelsAudioLoadModel", model_name="copied.safetensors")
        prompt = altered(self.at(64) | {"copied": loader}, "sampler", model=["copied", 0])
        assert LIMIT in made(server, prompt)[0]
