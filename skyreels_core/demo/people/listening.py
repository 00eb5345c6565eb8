"""A small Whisper encoder whose tokens tell what the lips do: it learns the pose of the mouth and its viseme."""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, cast

import numpy as np
import torch
import torch.nn.functional as F
from accelerate import Accelerator
from numpy.typing import NDArray
from torch import Tensor, nn
from transformers import WhisperConfig, WhisperFeatureExtractor
from transformers.models.whisper.modeling_whisper import WhisperEncoder

from ...evaluation.confusion import Confusion
from ...timeline import SAMPLE_RATE, TOKEN_RATE
from ...training.loop import AS_STATED, Budget, Losses, Run, Stage
from .articulation import GROUPS, NAMES, articulation, groups_of, mouth_channels, visemes_at
from .head import Head, load_head
from .rooms import Recording
from .utterances import Utterance, utterances

SECONDS = 30  # that the encoder hears at once
# tokens before or after a moment that the outermost heads of the first layer listen to at the start
REACH = 3
SHARPNESS = 1.5  # of their attention
PAUSES = (0.05, 0.8)  # s between utterances
CLASS_WEIGHT = 0.25  # of the viseme's cross-entropy beside the pose's error
LEAST_DEVIATION = 0.05  # of a channel; rarer ones would count too much
logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class ListeningConfig:
    """layers, width, heads: of the encoder; utterances: how many are spoken; processes: that speak them.

    window: seconds that training hears at once, and as many windows of them as make 30 s: short ones are faster.
    """

    layers: int
    width: int
    heads: int
    utterances: int
    seed: int
    stages: Sequence[Stage]
    processes: int = 1
    window: int = SECONDS

    def __post_init__(self) -> None:
        if not 1 <= self.window <= SECONDS:
            raise ValueError(f"`window` is {self.window} s; it is 1 to {SECONDS}")


class Heard(NamedTuple):
    """b windows of s seconds."""

    features: Tensor  # [b 80 100s]
    poses: Tensor  # [b 50s k], each channel in its own deviations from its mean
    visemes: Tensor  # [b 50s]


class Listener(nn.Module):
    """The encoder and a linear map to the pose's channels and the visemes; the map is thrown away."""

    def __init__(self, config: ListeningConfig, channels: int):
        super().__init__()
        self.config = WhisperConfig(
            d_model=config.width, encoder_layers=config.layers, encoder_attention_heads=config.heads,
            encoder_ffn_dim=4 * config.width, num_mel_bins=80, max_source_positions=SECONDS * TOKEN_RATE,
        )  # fmt: skip
        self.encoder = WhisperEncoder(self.config)
        listen_nearby(self.encoder)
        self.channels = channels
        self.map = nn.Linear(config.width, channels + len(NAMES))

    def forward(self, features: Tensor, first: int = 0) -> tuple[Tensor, Tensor]:
        """Channels [b n k] and the visemes' logits [b n 15] of features [b 80 2n], as if `first` tokens went before.

        The library's encoder takes whole windows of 30 s only.
        """
        x = F.gelu(self.encoder.conv2(F.gelu(self.encoder.conv1(features)))).transpose(1, 2)
        x = x + self.encoder.embed_positions.weight[first : first + x.shape[1]]
        for layer in self.encoder.layers:
            x = layer(x, None)
        said = self.map(self.encoder.layer_norm(x))
        return said[..., : self.channels], said[..., self.channels :]


@torch.no_grad()
def listen_nearby(encoder: WhisperEncoder) -> None:
    """Let each head begin with a few tokens of its own place, before or after the one that asks.

    A sound's neighbours tell what it is, and attention that starts everywhere takes long to find them. Query and key
    pick the same sinusoids of the positions, the query turned by the head's place, so they meet there.
    """
    frequencies = encoder.config.d_model // 2
    heads = encoder.config.encoder_attention_heads
    pairs = frequencies // heads
    steps = torch.arange(pairs)
    speeds = torch.exp(-math.log(10000) / (frequencies - 1) * steps)  # radians a token
    for number, layer in enumerate(encoder.layers, start=1):
        attention = cast(Any, layer.self_attn)  # torch types what a module holds as a tensor or a module
        query, key = attention.q_proj, attention.k_proj
        for projection in (query, key):
            projection.weight.zero_()
        for head, place in enumerate(torch.linspace(-REACH, REACH, heads) * number):
            sines = 2 * pairs * head + steps
            cosines, turn = sines + pairs, speeds * place
            key.weight[sines, steps] = key.weight[cosines, frequencies + steps] = SHARPNESS
            query.weight[sines, steps] = query.weight[cosines, frequencies + steps] = SHARPNESS * turn.cos()
            query.weight[sines, frequencies + steps] = SHARPNESS * turn.sin()
            query.weight[cosines, steps] = -SHARPNESS * turn.sin()


class Talk:
    """Windows full of speech: random utterances one after the other, each as it was recorded in some room."""

    def __init__(
        self,
        spoken: Sequence[Utterance],
        head: Head,
        recording: Recording | None = None,
        seconds: int = SECONDS,
    ):
        self.spoken, self.recording, self.seconds = spoken, recording or Recording(), seconds
        self.extractor = WhisperFeatureExtractor(feature_size=80)
        self.poses, self.visemes = [], []
        for utterance in spoken:
            instants = (np.arange(len(utterance.samples) // (SAMPLE_RATE // TOKEN_RATE)) + 0.5) / TOKEN_RATE
            self.poses.append(articulation(head, utterance.phones, instants))
            self.visemes.append(visemes_at(utterance.phones, instants))
        every = np.concatenate(self.poses)
        mean, deviation = every.mean(0), every.std(0).clip(LEAST_DEVIATION)
        self.poses = [(poses - mean) / deviation for poses in self.poses]
        rest = articulation(head, spoken[0].phones, np.array([-1.0]))[0]
        self.rest = torch.from_numpy((rest - mean) / deviation)

    def batch(self, size: int, generator: torch.Generator) -> Heard:
        windows = [self._window(generator) for _ in range(size)]
        samples, poses, visemes = zip(*windows, strict=True)
        features = self.extractor(
            list(samples), sampling_rate=SAMPLE_RATE, return_tensors="pt", padding="longest"
        ).input_features
        return Heard(features, torch.stack(poses), torch.stack(visemes))

    def _window(self, generator: torch.Generator) -> tuple[NDArray, Tensor, Tensor]:
        tokens, hop = self.seconds * TOKEN_RATE, SAMPLE_RATE // TOKEN_RATE
        samples, at = torch.zeros(self.seconds * SAMPLE_RATE), _pause(generator)
        poses = self.rest.expand(tokens, -1).clone()
        visemes = torch.zeros(tokens, dtype=torch.long)
        while True:
            index = int(torch.randint(len(self.spoken), (), generator=generator))
            length = len(self.poses[index])
            if at + length > tokens:
                return samples.numpy(), poses, visemes
            heard = self.recording.of(self.spoken[index].samples, generator)
            samples[at * hop : (at + length) * hop] = heard[: length * hop]
            poses[at : at + length] = torch.from_numpy(self.poses[index])
            visemes[at : at + length] = torch.from_numpy(self.visemes[index])
            at += length + _pause(generator)


def _pause(generator: torch.Generator) -> int:
    low, high = PAUSES
    return round((low + (high - low) * float(torch.rand((), generator=generator))) * TOKEN_RATE)


def train_listener(
    config: ListeningConfig, folder: Path, accelerator: Accelerator | None = None, budget: Budget = AS_STATED
) -> Listener:
    """Speak, train, and resume what `folder` holds of both."""
    folder.mkdir(parents=True, exist_ok=True)
    head = load_head()
    spoken = utterances(folder / "speech.npz", config.utterances, processes=config.processes)
    talk = Talk(spoken, head, seconds=config.window)
    logger.info("%d utterances prepared in %s", config.utterances, folder)
    torch.manual_seed(config.seed)
    model = Listener(config, len(mouth_channels(head)))
    run = Run(folder, model, accelerator or Accelerator(cpu=True), config.seed, budget=budget)
    for stage in config.stages:
        run.stage(stage, model.parameters(), lambda m, g, s=stage: _step(m, talk, s.batch, g))
    run.use_average()
    return model.eval()


def _step(model: nn.Module, talk: Talk, size: int, generator: torch.Generator) -> Losses:
    device = next(model.parameters()).device
    with torch.autocast(device.type, enabled=False):  # numpy, which makes the features, knows no bfloat16
        heard = Heard(*(part.to(device) for part in talk.batch(size * SECONDS // talk.seconds, generator)))
    first = torch.randint((SECONDS - talk.seconds) * TOKEN_RATE + 1, (), generator=generator)
    poses, logits = model(heard.features, int(first))
    error = (poses - heard.poses).square().mean()
    cross_entropy = F.cross_entropy(logits.flatten(0, 1), heard.visemes.flatten())
    return {"loss": error + CLASS_WEIGHT * cross_entropy, "pose": error, "viseme": cross_entropy}


class Understanding(NamedTuple):
    """What a listener makes of speech. Frames of silence and of visemes in no group are left out of the groups."""

    groups: Confusion  # of GROUPS
    visemes: float  # share of frames with the right one of 15, silence left out
    correlation: dict[str, float]  # of each channel of the pose


@torch.no_grad()
def examine(model: Listener, talk: Talk, head: Head, windows: int, seed: int) -> Understanding:
    """Listen to windows of `talk`, which may hold voices that training never heard."""
    generator = torch.Generator().manual_seed(seed)
    said, true = [], []
    for _ in range(windows):
        heard = talk.batch(1, generator)
        poses, logits = model(heard.features)
        said.append((poses[0].numpy(), logits[0].numpy()))
        true.append((heard.poses[0].numpy(), heard.visemes[0].numpy()))
    poses, logits = (np.concatenate(parts) for parts in zip(*said, strict=True))
    wanted, visemes = (np.concatenate(parts) for parts in zip(*true, strict=True))
    spoken = visemes != NAMES.index("sil")
    correlation = {
        name: float(np.corrcoef(poses[:, i], wanted[:, i])[0, 1])
        for i, name in enumerate(mouth_channels(head))
    }
    right = float((logits.argmax(1) == visemes)[spoken].mean())
    heard = Confusion.of(tuple(GROUPS), groups_of(visemes), _likeliest_group(logits))
    return Understanding(heard, right, correlation)


def _likeliest_group(logits: NDArray) -> NDArray[np.int64]:
    shares = np.exp(logits - logits.max(1, keepdims=True))
    belongs = groups_of(np.arange(len(NAMES)))
    return np.stack([shares[:, belongs == group].sum(1) for group in range(len(GROUPS))], axis=1).argmax(1)
