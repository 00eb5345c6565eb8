"""Voices of any length as the tokens of a Whisper encoder, 50 a second (section 2 of the method)."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor
from transformers import WhisperConfig, WhisperFeatureExtractor, WhisperModel
from transformers.modeling_outputs import BaseModelOutput
from transformers.models.whisper.modeling_whisper import WhisperEncoder

from ..errors import InputError
from ..timeline import SAMPLE_RATE, SAMPLES_PER_TOKEN, TOKEN_RATE, tokens_of
from ..weights.header import Header, ReadHeader, read_header, read_json
from ..weights.loading import built, check_formats, check_shapes, fill
from ..weights.signatures import KINDS, find_kind

CHUNK = 30 * TOKEN_RATE  # tokens that the encoder gives at once
HOP = 20 * TOKEN_RATE  # tokens between the starts of two chunks
GUARD = 5 * TOKEN_RATE  # tokens at a cut that hear too little of one side

PREFIXES = ("model.encoder.", "encoder.", "")
SIZES = ("conv1.weight", "embed_positions.weight", "layers.0.fc1.weight")
STATED = ("encoder_attention_heads", "activation_function", "scale_embedding")  # what no shape tells
FIELDS = (*STATED, "d_model", "encoder_layers", "encoder_ffn_dim", "num_mel_bins", "max_source_positions")
HEAD_WIDTH = 64  # of every published Whisper


class WhisperTokens:
    """A Whisper encoder for any length, 30 s at a time. Move it with `encoder.to(...)`."""

    def __init__(self, encoder: WhisperEncoder) -> None:
        self.encoder = encoder.eval().requires_grad_(False)
        self.features = WhisperFeatureExtractor(feature_size=encoder.config.num_mel_bins)

    @property
    def width(self) -> int:
        return self.encoder.config.d_model

    def encode(self, samples: Tensor, callback: Callable[[int, int], None] | None = None) -> Tensor:
        """Tokens [ceil(50 seconds), width] of `samples` [n] at 16 kHz: float32, on the samples' device.

        `callback` gets after each chunk how many tokens of how many are there, and may raise to cancel.
        """
        return self._stitch(
            samples, lambda heard: cast(Tensor, self._encode_chunk(heard).last_hidden_state), callback
        )[0]

    def encode_layers(
        self,
        samples: Tensor,
        reduce: Callable[[Tensor], Tensor] | None = None,
        callback: Callable[[int, int], None] | None = None,
    ) -> Tensor:
        """What every layer says, the input of the first one too: [layers + 1, ceil(50 seconds), width].

        `reduce` makes fewer of the layers [layers + 1, n, width] of each 30 s, so that a long voice stays small.
        """

        def encode_chunk(heard: Tensor) -> Tensor:
            said = self._encode_chunk(heard, all_layers=True).hidden_states
            assert said is not None  # as asked for
            layers = torch.cat(said)
            return layers if reduce is None else reduce(layers)

        return self._stitch(samples, encode_chunk, callback)

    @torch.no_grad()
    def _stitch(
        self,
        samples: Tensor,
        encode_chunk: Callable[[Tensor], Tensor],  # at most 30 s [n] -> [layers 1500 width]
        callback: Callable[[int, int], None] | None = None,
    ) -> Tensor:
        count, tokens = tokens_of(len(samples)), None
        for start, first, last in chunks(count):
            heard = samples[start * SAMPLES_PER_TOKEN : (start + CHUNK) * SAMPLES_PER_TOKEN]
            chunk = encode_chunk(heard)
            if tokens is None:
                tokens = torch.empty(len(chunk), count, self.width, device=samples.device)
            tokens[:, first:last] = chunk[:, first - start : last - start]
            if callback is not None:
                callback(last, count)
        assert tokens is not None  # there is one chunk at least
        return tokens

    def _encode_chunk(self, samples: Tensor, all_layers: bool = False) -> BaseModelOutput:
        """At most 30 s, which Whisper pads with silence."""
        features = self.features(samples.cpu().numpy(), sampling_rate=SAMPLE_RATE, return_tensors="pt")
        mel = features.input_features.to(self.encoder.device, self.encoder.dtype)
        return self.encoder(mel, output_hidden_states=all_layers)

    def silence(self, seconds: float) -> Tensor:
        """Tokens of real silence, [ceil(50 seconds), width]."""
        return self.encode(torch.zeros(round(seconds * SAMPLE_RATE)))


def chunks(token_count: int) -> Iterator[tuple[int, int, int]]:
    """Chunks that cover `token_count` tokens: where each starts, and the tokens first..last-1 taken from it.

    All but the first and the last give their middle 20 s.
    """
    start, first = 0, 0
    while start + CHUNK < token_count:
        yield start, first, start + CHUNK - GUARD
        start, first = start + HOP, start + CHUNK - GUARD
    yield start, first, token_count


def load_whisper(path: str | Path, read: ReadHeader = read_header) -> WhisperTokens:
    """The encoder of a Whisper model: a folder of transformers, or one .safetensors file.

    A file need not say more than its tensors; where it states no heads they are 64 wide. float32 on the CPU.
    Raises InputError, naming what the file is, where it is no Whisper encoder.
    """
    path = Path(path)
    stated, files = _read_folder(path) if path.is_dir() else ({}, [path])
    headers = [read(file) for file in files]
    prefix, encoder = _prepare(path, headers, stated)
    fill(encoder, path, _read_weights(files, prefix, list(encoder.state_dict())))
    return WhisperTokens(encoder)


def check(header: Header) -> None:
    """Raises InputError where a file with a Whisper encoder cannot be loaded; no tensor is read."""
    _prepare(header.path, [header], {})


def _prepare(path: Path, headers: list[Header], stated: dict[str, Any]) -> tuple[str, WhisperEncoder]:
    """What the file puts before the encoder's names, and the encoder in its sizes, without memory."""
    shapes = {name: shape for header in headers for name, shape in header.shapes.items()}
    prefix = _find_prefix(path, shapes)
    config = _find_config(path, shapes, prefix, stated or headers[0].config.get("whisper", {}))
    encoder = built(path, WhisperEncoder, lambda: WhisperConfig(**config))
    names = [prefix + name for name in encoder.state_dict()]
    for header in headers:
        check_formats(header, header.shapes.keys() & names)
    check_shapes(
        path, encoder.state_dict(), {name.removeprefix(prefix): shape for name, shape in shapes.items()}
    )
    return prefix, encoder


def _read_folder(path: Path) -> tuple[dict[str, Any], list[Path]]:
    if not (path / "config.json").is_file():
        raise InputError(
            f"{path} has no config.json; give a Whisper folder as transformers saves it, "
            "or one .safetensors file."
        )
    config = read_json(path / "config.json")
    if config.get("model_type") != "whisper":
        raise InputError(
            f"{path} holds a model of type {config.get('model_type')}; the voice needs a Whisper model. Give "
            "its folder."
        )
    index = path / "model.safetensors.index.json"
    if not index.is_file():
        return config, [path / "model.safetensors"]
    parts = read_json(index).get("weight_map")
    if not isinstance(parts, dict):
        raise InputError(f"{index} names no files of weights. Download it again.")
    return config, [path / Path(part).name for part in sorted({str(part) for part in parts.values()})]


def _find_prefix(path: Path, shapes: dict[str, tuple[int, ...]]) -> str:
    for prefix in PREFIXES:
        if all(prefix + name in shapes for name in SIZES):
            return prefix
    raise InputError(
        f"{path} is {KINDS[find_kind(shapes)].title}; a Whisper encoder in transformers format "
        "(model.encoder.conv1.weight, ...) is needed, such as whisper_large_v3_encoder.safetensors."
    )


def _find_config(
    path: Path, shapes: dict[str, tuple[int, ...]], prefix: str, stated: dict[str, Any]
) -> dict[str, Any]:
    conv, positions, feed_forward = (shapes[prefix + name] for name in SIZES)
    if [len(conv), len(positions), len(feed_forward)] != [3, 2, 2] or 0 in conv + feed_forward:
        raise InputError(
            f"{path} is damaged: {', '.join(SIZES)} have shapes from which no sizes can be read. Download it again."
        )
    if positions[0] != CHUNK:
        raise InputError(
            f"{path} encodes {positions[0]} tokens at once; give a Whisper encoder, which encodes {CHUNK}."
        )
    if conv[0] % HEAD_WIDTH and "encoder_attention_heads" not in stated:
        raise InputError(
            f"{path} is {conv[0]} wide, not a multiple of {HEAD_WIDTH}, and its number of heads is not stated; "
            "give the folder with its config.json."
        )
    sizes = {
        "d_model": conv[0],
        "num_mel_bins": conv[1],
        "max_source_positions": positions[0],
        "encoder_ffn_dim": feed_forward[0],
        "encoder_layers": sum(
            name.startswith(f"{prefix}layers.") and name.endswith(".fc1.weight") for name in shapes
        ),
        "encoder_attention_heads": conv[0] // HEAD_WIDTH,
    }
    return sizes | {name: stated[name] for name in STATED if name in stated}


def _read_weights(files: list[Path], prefix: str, names: list[str]) -> dict[str, Tensor]:
    weights = {}
    for file in files:
        with safe_open(file, "pt") as tensors:
            found = set(tensors.keys())
            for name in names:
                if prefix + name in found:
                    weights[name] = tensors.get_tensor(prefix + name).float()
    return weights


def save_whisper(
    path: str | Path,
    model: WhisperModel | WhisperEncoder,
    config: WhisperConfig,
    dtype: torch.dtype = torch.float16,
) -> None:
    """One .safetensors file with the encoder alone and its sizes, as `load_whisper` and ComfyUI name them."""
    encoder = getattr(model, "encoder", model)
    tensors = {PREFIXES[0] + n: t.to("cpu", dtype).contiguous() for n, t in encoder.state_dict().items()}
    sizes = {name: getattr(config, name) for name in FIELDS}
    save_file(tensors, path, {"config": json.dumps({"whisper": sizes})})
