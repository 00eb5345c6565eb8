"""Voices of any length as the states of a wav2vec2 encoder, 25 a second: as the MultiTalk family encodes a voice.

As published: -23 LUFS, the convolutions' features resized to one for each frame, and of the transformer over
them what every layer says. The convolutions are computed in pieces that give what the whole gives; the
transformer hears at most a minute at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from torch import Tensor
from torch.nn import functional as F
from transformers import Wav2Vec2Config, Wav2Vec2Model

from ..audio.loudness import to_loudness
from ..errors import InputError, first_words
from ..timeline import SAMPLE_RATE
from ..weights.header import Header, read_header, read_json
from ..weights.loading import built, check_formats, check_shapes, fill
from ..weights.signatures import KINDS, find_kind

STATE_RATE = 25  # states per second, the frame rate of the MultiTalk family
CHUNK_SECONDS = 60  # that the transformer encodes at once; a voice up to here is encoded whole, as published
GUARD_SECONDS = 5  # at a cut, that hear too little of one side
SHORTEST = round(0.4 * SAMPLE_RATE)  # samples; what is shorter is followed by silence
PIECE = 1500  # features of the convolutions computed at once, 30 s

PREFIXES = ("wav2vec2.", "")
RENAMED = {  # what older files call the two halves of a normalised weight
    "encoder.pos_conv_embed.conv.parametrizations.weight.original0": "encoder.pos_conv_embed.conv.weight_g",
    "encoder.pos_conv_embed.conv.parametrizations.weight.original1": "encoder.pos_conv_embed.conv.weight_v",
}
POSITIONS = tuple(RENAMED)[1]
HEAD_WIDTH = 64  # of every published wav2vec2
SIZES = ("feature_projection.projection.weight", "encoder.layers.0.feed_forward.intermediate_dense.weight")
STATED = ("num_attention_heads", "do_stable_layer_norm", "conv_stride", "hidden_act", "layer_norm_eps")
STRIDES = (5, 2, 2, 2, 2, 2, 2)


class Wav2VecStates:
    """A wav2vec2 encoder for any length. Move it with `model.to(...)`."""

    def __init__(self, model: Wav2Vec2Model) -> None:
        self.model = model.eval().requires_grad_(False)

    @torch.no_grad()
    def encode(self, samples: Tensor, callback: Callable[[int, int], None] | None = None) -> Tensor:
        """States [ceil(25 seconds), layers, width] of `samples` [n] at 16 kHz: float32, on the samples' device.

        `callback` gets after each chunk how many of how many are there, and may raise to cancel.
        """
        count = -(-len(samples) * STATE_RATE // SAMPLE_RATE)
        features = self._features(samples)
        frames = max(count, -(-max(len(samples), SHORTEST) * STATE_RATE // SAMPLE_RATE))
        resized = F.interpolate(features, size=frames, mode="linear", align_corners=True)
        return self._stitched(resized, STATE_RATE, callback)[1:, :count].movedim(0, 1).to(samples.device)

    @torch.no_grad()
    def encode_layers(self, samples: Tensor) -> Tensor:
        """What every layer says at the convolutions' own rate, about 50 a second, the input of the first one too:
        [layers + 1, n, width]."""
        return self._stitched(self._features(samples), 50).to(samples.device)

    def _features(self, samples: Tensor) -> Tensor:
        heard = to_loudness(F.pad(samples, (0, max(0, SHORTEST - len(samples)))), SAMPLE_RATE)
        if self.model.config.feat_extract_norm == "layer":
            heard = (heard - heard.mean()) / torch.sqrt(heard.var(correction=0) + 1e-7)
        return conv_features(self.model.feature_extractor, heard.to(self.model.device, self.model.dtype))

    def _stitched(
        self, features: Tensor, rate: int, callback: Callable[[int, int], None] | None = None
    ) -> Tensor:
        """[1 width n] -> [layers + 1, n, width]"""
        count, states = features.shape[2], None
        for start, first, last in chunks(count, CHUNK_SECONDS * rate, GUARD_SECONDS * rate):
            chunk = self._encode_chunk(features[:, :, start : start + CHUNK_SECONDS * rate])
            if states is None:
                states = torch.empty(len(chunk), count, chunk.shape[2])
            states[:, first:last] = chunk[:, first - start : last - start]
            if callback is not None:
                callback(last, count)
        assert states is not None  # there is one chunk at least
        return states

    def _encode_chunk(self, features: Tensor) -> Tensor:
        """[1 width n] -> [layers + 1, n, width]"""
        layers, said = self.model.encoder.layers, []
        hooks = [layers[0].register_forward_pre_hook(lambda _, given: said.append(given[0]))]
        hooks += [
            layer.register_forward_hook(lambda _, __, out: said.append(first_of(out))) for layer in layers
        ]
        try:
            projected = self.model.feature_projection(features.transpose(1, 2))[0]
            last = self.model.encoder(projected).last_hidden_state
        finally:
            for hook in hooks:
                hook.remove()
        return torch.cat([*said[:-1], last]).float().cpu()


def first_of(output: Tensor | tuple[Tensor, ...]) -> Tensor:
    return output[0] if isinstance(output, tuple) else output


def chunks(count: int, chunk: int, guard: int) -> Iterator[tuple[int, int, int]]:
    """Chunks that cover `count`: where each starts, and the first..last-1 taken from it."""
    start, first = 0, 0
    while start + chunk < count:
        yield start, first, start + chunk - guard
        start, first = start + chunk - 2 * guard, start + chunk - guard
    yield start, first, count


def conv_features(extractor, samples: Tensor) -> Tensor:
    """What the convolutions give for [n], as [1 width n'], in pieces.

    A piece overlaps the next one by what a feature reaches; the norm of the first convolution, over the whole
    voice where it is a group norm, gets the whole voice's mean and variance.
    """
    layers = extractor.conv_layers
    kernels, strides = zip(
        *((layer.conv.kernel_size[0], layer.conv.stride[0]) for layer in layers), strict=True
    )
    stride, reach = 1, 1
    for kernel, step in zip(kernels, strides, strict=True):
        reach, stride = reach + (kernel - 1) * stride, stride * step
    statistics = group_statistics(layers[0], samples)
    count = (len(samples) - reach) // stride + 1
    parts = []
    for first in range(0, count, PIECE):
        last = min(first + PIECE, count)
        x = samples[None, None, first * stride : (last - 1) * stride + reach]
        x = first_layer(layers[0], x, statistics)
        for layer in layers[1:]:
            x = layer(x)
        parts.append(x)
    return torch.cat(parts, dim=2)


def group_statistics(layer, samples: Tensor) -> tuple[Tensor, Tensor] | None:
    """Mean and variance of each channel of the first convolution over the whole voice; None where no norm asks."""
    if not isinstance(getattr(layer, "layer_norm", None), torch.nn.GroupNorm):
        return None
    kernel, stride = layer.conv.kernel_size[0], layer.conv.stride[0]
    count, step = (len(samples) - kernel) // stride + 1, 64 * PIECE
    total, squares = 0.0, 0.0
    for first in range(0, count, step):
        last = min(first + step, count)
        x = layer.conv(samples[None, None, first * stride : (last - 1) * stride + kernel])[0].double()
        total, squares = total + x.sum(1), squares + x.square().sum(1)
    mean = total / count
    return mean.to(samples.dtype), (squares / count - mean.square()).clamp(min=0).to(samples.dtype)


def first_layer(layer, x: Tensor, statistics: tuple[Tensor, Tensor] | None) -> Tensor:
    if statistics is None:
        return layer(x)
    norm = layer.layer_norm
    return layer.activation(F.batch_norm(layer.conv(x), *statistics, norm.weight, norm.bias, eps=norm.eps))


def load_wav2vec(path: str | Path) -> Wav2VecStates:
    """A wav2vec2 encoder of any size: a folder of transformers, or one .safetensors file. float32 on the CPU.

    Raises InputError, naming what the file is, where it is none.
    """
    path = Path(path)
    folder = path.is_dir()
    stated = read_config(path) if folder else {}
    file = path / "model.safetensors" if folder else path
    prefix, known, model = prepare(read_header(file), stated)
    fill(model, file, read_weights(file, prefix, known, list(model.state_dict())))
    return Wav2VecStates(model)


def check(header: Header) -> None:
    """Raises InputError where a file with a wav2vec2 encoder cannot be loaded; no tensor is read."""
    prepare(header, {})


def prepare(header: Header, stated: dict[str, Any]) -> tuple[str, dict[str, str], Wav2Vec2Model]:
    """What the file puts before its names, those it spells otherwise, and the encoder without memory."""
    file = header.path
    prefix = next((p for p in PREFIXES if p + SIZES[0] in header.shapes), None)
    kind = find_kind(header.shapes)
    if prefix is None and kind == "wav2vec2":
        raise InputError(
            f"{file.name} lacks {SIZES[0]}; it is incomplete. Download it again, or give another."
        )
    if prefix is None:
        raise InputError(
            f"{file.name} is {KINDS[kind].title}; a wav2vec2 encoder is needed here: "
            "wav2vec2-chinese-base_fp16.safetensors in models/audio_encoders."
        )
    shapes = {name.removeprefix(prefix): shape for name, shape in header.shapes.items()}
    known = {new: old if old in shapes else new for new, old in RENAMED.items()}
    try:
        config = find_config(shapes, known[POSITIONS], stated)
    except KeyError as error:
        raise InputError(f"{file.name} lacks {error.args[0]}; download it again.") from error
    except Exception as error:  # transformers refuses sizes in many ways
        raise InputError(
            f"{file.name} is damaged: it states sizes that no encoder has ({first_words(error)}). Download it again."
        ) from error
    model = built(file, Wav2Vec2Model, lambda: config)
    names = {name: known.get(name, name) for name in model.state_dict()}
    check_formats(header, header.shapes.keys() & {prefix + name for name in names.values()})
    check_shapes(file, model.state_dict(), {new: shapes[old] for new, old in names.items() if old in shapes})
    return prefix, known, model


def read_config(path: Path) -> dict[str, Any]:
    config = path / "config.json"
    if not (config.is_file() and (path / "model.safetensors").is_file()):
        raise InputError(f"{path} has no config.json with model.safetensors; give a wav2vec2 folder or file.")
    stated = read_json(config)
    if stated.get("model_type") != "wav2vec2":
        raise InputError(
            f"{path} holds a model of type {stated.get('model_type')}; a wav2vec2 is needed here."
        )
    return stated


def find_config(shapes: dict[str, tuple[int, ...]], positions: str, stated: dict[str, Any]) -> Wav2Vec2Config:
    width = shapes[SIZES[0]][0]
    convolutions = [shapes[f"feature_extractor.conv_layers.{i}.conv.weight"] for i in range(len(STRIDES))]
    norm = "layer" if "feature_extractor.conv_layers.1.layer_norm.weight" in shapes else "group"
    sizes = {
        "hidden_size": width,
        "num_hidden_layers": len({n.split(".")[2] for n in shapes if n.startswith("encoder.layers.")}),
        "num_attention_heads": max(1, width // HEAD_WIDTH),
        "intermediate_size": shapes[SIZES[1]][0],
        "conv_dim": [shape[0] for shape in convolutions],
        "conv_kernel": [shape[2] for shape in convolutions],
        "conv_stride": list(STRIDES),
        "conv_bias": "feature_extractor.conv_layers.0.conv.bias" in shapes,
        "feat_extract_norm": norm,
        "do_stable_layer_norm": norm == "layer",  # so in every published size
        "num_conv_pos_embeddings": shapes[positions][2],
        "num_conv_pos_embedding_groups": width // shapes[positions][1],
        "mask_time_prob": 0.0,
        "mask_feature_prob": 0.0,
    }
    return Wav2Vec2Config(**sizes | {name: stated[name] for name in STATED if name in stated})


def read_weights(file: Path, prefix: str, known: dict[str, str], names: list[str]) -> dict[str, Tensor]:
    with safe_open(file, "pt") as tensors:
        return {name: tensors.get_tensor(prefix + known.get(name, name)).float() for name in names}
