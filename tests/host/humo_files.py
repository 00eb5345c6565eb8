"""Random HuMo models of two blocks, and a Whisper of large-v3's shape that costs next to nothing, also as a node."""

from __future__ import annotations

import json

import torch
from torch import Tensor, nn
from transformers import WhisperConfig
from transformers.models.whisper.modeling_whisper import WhisperEncoder, WhisperEncoderLayer

DIM, TEXT = 128, 64


def tiny_humo(network: type, operations: type, in_dim: int) -> tuple[dict[str, Tensor], dict[str, str]]:
    """State and metadata of the host's HuMo `network`: 16 input channels as the 1.7B, or 36 as the 17B."""
    torch.manual_seed(in_dim)
    model = network(
        in_dim=in_dim, dim=DIM, ffn_dim=DIM, text_dim=TEXT, num_heads=1, num_layers=2, operations=operations,
        dtype=torch.float32,
    )  # fmt: skip
    state = {name: random_weight(name, tensor) for name, tensor in model.state_dict().items()}
    return state, {"config": json.dumps({"transformer": {"text_dim": TEXT}})}


def random_weight(name: str, tensor: Tensor) -> Tensor:
    """Large enough for text, voice and reference to matter."""
    spread = torch.randn(tensor.shape) / max(1, tensor[0].numel()) ** 0.5
    return 1 + 0.1 * spread if "norm" in name and name.endswith("weight") else spread


class Layer(WhisperEncoderLayer):
    """In the place of a layer of 20 million weights: other states out than in."""

    def __init__(self) -> None:
        nn.Module.__init__(self)

    def forward(self, hidden_states: Tensor, *others, **options):
        return 0.8 * hidden_states.roll(1, dims=1) + 0.3 * hidden_states.roll(1, dims=2)


def whisper_of_large_v3_shape() -> WhisperEncoder:
    torch.manual_seed(3)
    config = WhisperConfig(d_model=1280, encoder_layers=1, encoder_attention_heads=20, encoder_ffn_dim=8)
    encoder = WhisperEncoder(config)
    encoder.layers = nn.ModuleList(Layer() for _ in range(32))
    encoder.config.encoder_layers = 32
    return encoder


class LargeWhisper:
    """The Whisper above in the place of another, which brings the pack's own classes."""

    @classmethod
    def INPUT_TYPES(cls):
        return {"required": {"audio_encoder": ("AUDIO_ENCODER",)}}

    RETURN_TYPES = ("AUDIO_ENCODER",)
    FUNCTION = "load"
    CATEGORY = "tests"

    def load(self, audio_encoder):
        tokens = type(audio_encoder.speech)(whisper_of_large_v3_shape())
        return (type(audio_encoder)(tokens),)


NODE_CLASS_MAPPINGS = {"TestLargeWhisper": LargeWhisper}
