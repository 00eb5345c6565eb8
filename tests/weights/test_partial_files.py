"""Files that end too early, have other names around Wan's own, or hold numbers that nothing explains."""

from __future__ import annotations

import sys
from dataclasses import replace
from subprocess import run

import pytest
from test_signatures import AUDIO, I2V, T2V, write

from skyreels_core.errors import InputError
from skyreels_core.model.checkpoint import describe, load_model
from skyreels_core.model.config import CONFIGS
from skyreels_core.model.detection import expected_shapes
from skyreels_core.model.multitalk import read_multitalk


def test_a_backbone_that_ends_before_its_last_block_is_not_whole(tmp_path):
    path = write(
        tmp_path / "wan.safetensors", expected_shapes(replace(CONFIGS["i2v-14b"], num_layers=39), None)
    )
    assert describe(path).problems == (
        "It has 39 blocks; models of its width, 5120, have 40, so the last ones are missing. Download it again.",
    )
    with pytest.raises(InputError, match=r"wan\.safetensors is .*the last ones are missing"):
        load_model(path)


def test_audio_layers_that_end_before_the_last_block_are_not_whole(tmp_path):
    short = replace(AUDIO, dim=5120, num_heads=40, num_layers=38)
    (problem,) = describe(write(tmp_path / "it.safetensors", short.shapes())).problems
    assert problem.startswith("it.safetensors cannot be used. It has 38 blocks")
    whole = write(tmp_path / "whole.safetensors", replace(short, num_layers=40).shapes())
    assert describe(whole).problems == ()


@pytest.mark.parametrize("prefix", ["_orig_mod.", "generator.model.", "pipe.dit.", "transformer."])
@pytest.mark.parametrize(("shapes", "kind"), [(T2V, "wan-t2v"), (AUDIO.shapes(), "infinitetalk")])
def test_what_stands_before_all_names_does_not_matter(tmp_path, prefix, shapes, kind):
    path = write(tmp_path / "a.safetensors", {prefix + name: shape for name, shape in shapes.items()})
    description = describe(path)
    assert (description.kind, description.problems) == (kind, ())


def test_what_stands_before_the_names_of_one_part_does(tmp_path):
    both = I2V | {f"teacher.{name}": shape for name, shape in T2V.items() if not name.startswith("blocks.2")}
    description = describe(write(tmp_path / "a.safetensors", both))
    assert description.kind == "wan-i2v" and "teacher." in description.problems[0]


def test_integers_that_nothing_explains_are_refused(tmp_path):
    name = "blocks.0.audio_cross_attn.q_linear."
    shapes = AUDIO.shapes()
    shapes[name + "weight"] = "I8", shapes[name + "weight"]
    path = write(tmp_path / "it.safetensors", shapes)
    assert "is quantised (I8) in a way that is not read here" in describe(path).problems[0]
    with pytest.raises(InputError, match="Give the float16 or bfloat16 file"):
        read_multitalk(path, "infinitetalk")
    explained = {name + "comfy_quant": ("U8", (8,)), name + "weight_scale": ("F32", (1,))}
    assert describe(write(path, shapes | explained)).problems == ()


def test_a_glora_is_a_lora(tmp_path):
    names = [f"diffusion_model.blocks.0.self_attn.q.{part}.weight" for part in ("a1", "a2", "b1", "b2")]
    assert describe(write(tmp_path / "a.safetensors", dict.fromkeys(names, (4, 4)))).kind == "lora"


def test_a_file_is_named_without_the_libraries_of_networks(tmp_path):
    path = write(tmp_path / "a.safetensors", I2V | AUDIO.shapes())
    script = (
        "import sys; from skyreels_core.cli import main; main(sys.argv[1:]); "
        "print(sorted({'diffusers', 'transformers'} & sys.modules.keys()))"
    )
    done = run(
        [sys.executable, "-c", script, "inspect", str(path)], capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith("skyreels-v3-a2v: ") and done.stdout.endswith("\n[]\n")
