"""Weights files that cannot be loaded: damaged, of another kind, or with metadata that nobody can mean."""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from bad_input import SMALL, Case, CommandLine, cases, tensor, weights
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from skyreels_core.errors import InputError
from skyreels_core.model.bundle import MODEL, TEXT_ENCODER, VAE, WHISPER
from skyreels_core.model.checkpoint import describe, load_model
from skyreels_core.model.text import load_text_encoder
from skyreels_core.model.vae import load_vae
from skyreels_core.model.whisper import load_whisper
from skyreels_core.run.settings import Settings
from skyreels_core.weights.header import read_header

PARTS = {"backbone": MODEL, "vae": VAE, "text-encoder": TEXT_ENCODER, "whisper": WHISPER}


def instead(desk: CommandLine, part: str, path: object) -> list[str]:
    """The command with the parts of a model one by one, one of them another file."""
    files = {name: desk.whole.model / file for name, file in PARTS.items()} | {part: path}
    given = [word for name, file in files.items() for word in (f"--{name}", file)]
    whole = ("--image", desk.whole.portrait, "--audio", desk.whole.voice, "--fps", "8")
    return [str(word) for word in ("animate", *whole, "-o", desk.output, *SMALL, *given)]


def entry(**changes: object) -> bytes:
    """A header of one tensor, with something else in it."""
    return weights({"a": tensor() | changes}, bytes(8))


def configured(config: object) -> bytes:
    text = config if isinstance(config, str) else json.dumps(config)
    return weights({"__metadata__": {"config": text}, "a": tensor()}, bytes(8))


DAMAGED = "is damaged"
FILES: dict[str, tuple[bytes, str]] = {
    "nothing": (b"", "not a safetensors file"),
    "7 bytes": (b"\x01" * 7, "not a safetensors file"),
    "zeros": (bytes(64), "not a safetensors file"),
    "a web page": (b"<!DOCTYPE html>", "not a safetensors file"),
    "a pickle": (b"\x80\x04.", "pickle"),
    "a pickle in a ZIP": (b"PK\x03\x04" + bytes(60), "pickle"),
    "GGUF": (b"GGUF" + bytes(60), "GGUF"),
    "an LFS pointer": (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "git lfs pull"),
    "a header of 2**63 bytes": (weights({"a": tensor()}, bytes(8), 2**63 - 1), DAMAGED),
    "a header of 2**64 - 1 bytes": (b"\xff" * 8 + b"{}", DAMAGED),
    "a header beyond the end": (weights({"a": tensor()}, bytes(8), 10**6), DAMAGED),
    "no tensors": (weights({}), "holds no weights"),
    "a list": (weights(b"[]"), "not a safetensors file"),
    "a tensor that is null": (weights({"a": None}), DAMAGED),
    "a tensor that is a list": (weights({"a": [1]}), DAMAGED),
    "no format": (weights({"a": {"shape": [2], "data_offsets": [0, 8]}}, bytes(8)), DAMAGED),
    "no place": (weights({"a": {"shape": [2], "dtype": "F32"}}, bytes(8)), DAMAGED),
    "a format that is a number": (entry(dtype=5), DAMAGED),
    "an unknown format": (entry(dtype="F33"), "the format F33"),
    "a shape that is a text": (entry(shape="22"), DAMAGED),
    "a shape below 0": (entry(shape=[-2]), DAMAGED),
    "a shape with a fraction": (entry(shape=[2.0]), DAMAGED),
    "a shape beyond all memory": (entry(shape=[2**62, 2**62]), DAMAGED),
    "a shape of other bytes": (entry(shape=[3]), DAMAGED),
    "a place below 0": (entry(data_offsets=[-8, 0]), DAMAGED),
    "a place that ends before it begins": (entry(data_offsets=[8, 0]), DAMAGED),
    "a place of three numbers": (entry(data_offsets=[0, 4, 8]), DAMAGED),
    "a place of texts": (entry(data_offsets=["0", "8"]), DAMAGED),
    "a place that is infinite": (entry(data_offsets=[0, math.inf]), DAMAGED),
    "a place that is true": (entry(data_offsets=[False, True], shape=[1], dtype="U8"), DAMAGED),
    "tensors that overlap": (weights({"a": tensor(), "b": tensor(4, 12)}, bytes(12)), DAMAGED),
    "a hole between tensors": (weights({"a": tensor(), "b": tensor(16, 24)}, bytes(24)), DAMAGED),
    "tensors in another order": (weights({"b": tensor(8, 16), "a": tensor()}, bytes(16)), "an unknown model"),
    "more than it promises": (weights({"a": tensor()}, bytes(99)), DAMAGED),
    "a name twice": (
        weights(b'{"a":%b,"a":%b}' % (2 * (json.dumps(tensor()).encode(),)), bytes(8)),
        "'a' is in it twice",
    ),
    "a name that is no Unicode": (weights(b'{"\xff":%b}' % json.dumps(tensor()).encode(), bytes(8)), DAMAGED),
    "half a surrogate": (weights({"\ud800": tensor()}, bytes(8)), "an unknown model"),
    "a name of lines": (weights({"a\x1b[2J\nTrace": tensor()}, bytes(8)), "names like a [2J Trace."),
    "a name of 100000 letters": (weights({"a" * 100_000: tensor()}, bytes(8)), "an unknown model"),
    "brackets without end": (weights(b'{"a":' + b"[" * 200_000), DAMAGED),
    "objects without end": (weights(b'{"a":' * 100_000), DAMAGED),
    "a number of 10000 digits": (weights(b'{"a":' + b"9" * 10_000 + b"}"), DAMAGED),
    "metadata that are numbers": (weights({"__metadata__": {"a": 5}, "a": tensor()}, bytes(8)), DAMAGED),
    "metadata that are a list": (weights({"__metadata__": [1], "a": tensor()}, bytes(8)), DAMAGED),
    "metadata that are null": (weights({"__metadata__": None, "a": tensor()}, bytes(8)), DAMAGED),
    "a config that is no JSON": (configured("{"), "'config' that is not a JSON object"),
    "a config that is a list": (configured([1]), "'config' that is not a JSON object"),
    "a config of a list": (configured({"sampling": [1]}), "'config' that is not a JSON object"),
    "a config without end": (configured("[" * 100_000), "'config' that is not a JSON object"),
}  # fmt: skip


@pytest.mark.parametrize("case", FILES.values(), ids=FILES.keys())
def test_a_bad_weights_file_is_one_sentence(desk, case):
    content, needle = case
    path = desk.file("weights.safetensors", content)
    line = desk.refuses(instead(desk, "backbone", path), "weights.safetensors", needle)
    assert "\x1b" not in line and len(line) < 2000


OTHERS: dict[str, Case] = {
    **{
        f"{file} as --{part}": ((lambda desk, p=part, f=file: (p, desk.whole.model / f)), "need")
        for part, own in PARTS.items() for file in PARTS.values() if file != own
    },
    **{f"a voice as --{part}": ((lambda desk, p=part: (p, desk.whole.voice)), "not a safetensors") for part in PARTS},
    **{f"nothing as --{part}": ((lambda desk, p=part: (p, desk.folder / "none")), "does not exist") for part in PARTS},
    **{
        f"a folder of others as --{part}": ((lambda desk, p=part: (p, desk.folder)), "config.json")
        for part in ("vae", "text-encoder", "whisper", "clip-vision")
    },
    "a folder as --backbone": (lambda desk: ("backbone", desk.folder), "is a folder"),
    "a file as --clip-vision": (lambda desk: ("clip-vision", desk.whole.model / VAE), "is a file"),
    "no model as --audio-layers": (lambda desk: ("audio-layers", desk.whole.model / VAE), "audio layers are needed"),
}  # fmt: skip


@cases(OTHERS)
def test_a_file_in_the_place_of_another_is_one_sentence(desk, case):
    options, needle = case
    desk.refuses(instead(desk, *options(desk)), needle)


@pytest.mark.parametrize("missing", PARTS.values())
def test_a_folder_that_lacks_a_part_is_one_sentence(desk, missing):
    model = shutil.copytree(desk.whole.model, desk.folder / "model")
    (model / missing).unlink()
    desk.refuses(desk.animation("--model", model), missing)


@pytest.mark.parametrize("config", ["", "{", "[]", '{"model_type": "hubert"}', '{"model_type": "whisper"}'])
def test_a_whisper_folder_with_a_bad_config_is_one_sentence(desk, config):
    desk.file("config.json", config)
    desk.refuses(instead(desk, "whisper", desk.folder), str(desk.folder))


@pytest.fixture(scope="session")
def stored(bundle_folder) -> dict[str, tuple[dict[str, torch.Tensor], dict[str, str]]]:
    """Weights and metadata of each part."""
    held = {}
    for part, name in PARTS.items():
        with safe_open(bundle_folder / name, "pt") as file:
            held[part] = load_file(bundle_folder / name), file.metadata() or {}
    return held


CHANGES = {
    "a dimension more": lambda w: w[None],
    "flat": lambda w: w.reshape(-1)[None] if w.ndim == 1 else w.reshape(-1),
    "none of it": lambda w: w[:0].contiguous(),
    "the first half": lambda w: w[: len(w) // 2].contiguous(),
    "NaN": lambda w: torch.full_like(w.float(), math.nan),
    "missing": lambda w: None,
}


LOADERS = {"vae": load_vae, "text-encoder": load_text_encoder, "whisper": load_whisper}


def with_change(stored, part: str, change: Callable, path: Path) -> Path:
    tensors, metadata = stored[part]
    name = [name for name in sorted(tensors) if "bias" in name or "layer_norm" in name][3]
    changed = change(tensors[name])
    save_file(tensors | {name: changed} if changed is not None else without(tensors, name), path, metadata)
    return path


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
@pytest.mark.parametrize("part", LOADERS)
def test_weights_that_do_not_fit_are_refused(tmp_path, stored, part, change):
    path = with_change(stored, part, change, tmp_path / "weights.safetensors")
    with pytest.raises(InputError, match=r"weights\.safetensors.*(Fetch|fetch|give|Give)"):
        LOADERS[part](path)


def test_weights_that_are_nan_are_one_sentence_before_the_work(desk, stored):
    path = with_change(stored, "vae", CHANGES["NaN"], desk.folder / "weights.safetensors")
    desk.refuses(instead(desk, "vae", path), "weights.safetensors", "NaN or infinity")


def without(tensors: dict[str, torch.Tensor], name: str) -> dict[str, torch.Tensor]:
    return {other: tensor for other, tensor in tensors.items() if other != name}


def test_a_vocabulary_that_is_damaged_is_one_sentence(desk, stored):
    tensors, metadata = stored["text-encoder"]
    path = desk.folder / "weights.safetensors"
    save_file(tensors | {"spiece_model": tensors["spiece_model"][:99].contiguous()}, path, metadata)
    desk.refuses(instead(desk, "text-encoder", path), "spiece_model")


HUGE = "blocks.99999999.self_attn.q.weight", f"blocks.{'9' * 5000}.self_attn.q.weight"
META: dict[str, tuple[str, str, object]] = {
    "no heads": ("transformer", "num_heads", 0),
    "heads that do not divide": ("transformer", "num_heads", 7),
    "heads of text": ("transformer", "num_heads", "4"),
    "heads that are null": ("skyreels_audio", "num_heads", None),
    "eps of text": ("skyreels_audio", "eps", "small"),
    "eps that is NaN": ("skyreels_audio", "eps", math.nan),
    "rope of text": ("skyreels_audio", "rope", "yes"),
    "steps of text": ("sampling", "steps", "many"),
    "a width with a fraction": ("sampling", "width", 96.5),
    "a rate that is true": ("sampling", "fps", True),
    "a shift that is NaN": ("sampling", "shift", math.nan),
    "a solver that is a number": ("sampling", "solver", 5),
    "coefficients that are none": ("sampling", "cache_coefficients", []),
    "coefficients of text": ("sampling", "cache_coefficients", ["1"]),
    "a threshold of text": ("sampling", "cache_threshold", "0.1"),
    "a guidance that is a list": ("sampling", "audio_guidance", [4.5]),
}  # fmt: skip


@pytest.mark.parametrize("case", META.values(), ids=META.keys())
def test_metadata_that_nobody_can_mean_are_one_sentence(desk, stored, case):
    section, name, value = case
    tensors, metadata = stored["backbone"]
    config = json.loads(metadata["config"])
    config[section][name] = value
    path = desk.folder / "weights.safetensors"
    save_file(tensors, path, metadata | {"config": json.dumps(config)})
    desk.refuses(instead(desk, "backbone", path), name.removeprefix("num_"))


@pytest.mark.parametrize("name", HUGE, ids=["99999999", "5000 digits"])
def test_a_block_of_an_absurd_number_does_not_fill_the_memory(desk, stored, name):
    tensors, metadata = stored["backbone"]
    path = desk.folder / "weights.safetensors"
    save_file(tensors | {name: torch.zeros(2)}, path, metadata)
    desk.refuses(instead(desk, "backbone", path), "weights.safetensors", "missing")


def test_weights_of_a_backbone_that_are_nan_are_one_sentence_at_the_first_step(desk, stored):
    tensors, metadata = stored["backbone"]
    path = desk.folder / "weights.safetensors"
    save_file(
        tensors | {"head.head.bias": torch.full_like(tensors["head.head.bias"], math.nan)}, path, metadata
    )
    desk.refuses(instead(desk, "backbone", path), "NaN")


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-1, 2**65) | st.floats() | st.sampled_from(["F32", "I8", "F99", "a"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.sampled_from(["a", "b", "dtype", "shape", "data_offsets", "__metadata__", "config"]), inner, max_size=3
    ),
    max_leaves=10,
)  # fmt: skip


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.dictionaries(st.text(max_size=3), json_values, max_size=3), st.binary(max_size=16))
def test_any_header_is_read_as_what_it_says_or_refused(tmp_path, header, content):
    (tmp_path / "a.safetensors").write_bytes(weights(header, content))
    try:
        read = read_header(tmp_path / "a.safetensors")
    except InputError as error:
        assert "a.safetensors" in str(error)
    else:
        assert read.parameters >= 0 and isinstance(read.config, dict)
        describe(tmp_path / "a.safetensors").summary()


@pytest.fixture(scope="session")
def model_bytes(bundle_folder) -> bytes:
    return (bundle_folder / MODEL).read_bytes()


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(32, 126)), min_size=1, max_size=3))
def test_any_byte_that_flips_in_the_header_of_a_model_gives_a_model_or_a_sentence(
    tmp_path, model_bytes, places
):
    content, length = bytearray(model_bytes), int.from_bytes(model_bytes[:8], "little")
    for place, value in places:
        content[8 + int(place * length)] = value
    path: Path = tmp_path / "model.safetensors"
    path.write_bytes(content)
    try:
        model, _, metadata = load_model(path)
        Settings.of(metadata)
    except InputError as error:
        assert "model" in str(error)
    else:
        assert model.config.num_layers == 6
