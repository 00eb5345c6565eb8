"""A random Wan2.2-S2V model of two blocks, and a wav2vec2 of the large one's shape that costs next to nothing."""

from __future__ import annotations

import json

import torch
from humo_files import DIM, TEXT, random_weight
from torch import Tensor, nn
from transformers import Wav2Vec2Config, Wav2Vec2Model

SIZES = {
    "hidden_size": 1024, "num_hidden_layers": 1, "num_attention_heads": 16, "intermediate_size": 8,
    "conv_dim": [8] * 7, "conv_bias": True, "feat_extract_norm": "layer", "do_stable_layer_norm": True,
    "num_conv_pos_embeddings": 4, "num_conv_pos_embedding_groups": 16, "mask_time_prob": 0.0,
}  # fmt: skip


def tiny_s2v(network: type, operations: type) -> tuple[dict[str, Tensor], dict[str, str]]:
    """State and metadata of the host's S2V `network`."""
    torch.manual_seed(22)
    model = network(
        in_dim=16, dim=DIM, ffn_dim=DIM, text_dim=TEXT, num_heads=1, num_layers=2, operations=operations,
        dtype=torch.float32,
    )  # fmt: skip
    state = {name: random_weight(name, tensor) for name, tensor in model.state_dict().items()}
    # a layer's share is its weight's SiLU over their sum, which must not be near zero
    state["casual_audio_encoder.weights"] = 1 + 0.1 * state["casual_audio_encoder.weights"]
    return state, {"config": json.dumps({"transformer": {"text_dim": TEXT}})}


class Layer(nn.Module):
    """In the place of a layer of 12 million weights: other states out than in."""

    def forward(self, hidden_states: Tensor, *others, **options):
        return 0.8 * hidden_states.roll(1, dims=1) + 0.3 * hidden_states.roll(1, dims=2)


def wav2vec_of_large_shape() -> Wav2Vec2Model:
    torch.manual_seed(3)
    model = Wav2Vec2Model(Wav2Vec2Config(**SIZES)).eval()
    model.encoder.layers = nn.ModuleList(Layer() for _ in range(24))
    return model
