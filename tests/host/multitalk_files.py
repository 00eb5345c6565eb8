"""Small random networks of the MultiTalk family, in ComfyUI's own modules, and the files that hold them."""

from __future__ import annotations

import json

import torch
from torch import Tensor
from transformers import Wav2Vec2Config, Wav2Vec2Model

FP8 = torch.float8_e4m3fn
WIDTH, LAYERS, TEXT = 256, 2, 64  # of the video model, two heads; text as wide as the demo's
WAV2VEC = {
    "hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 1, "intermediate_size": 64, "conv_dim": [32] * 7,
    "num_conv_pos_embeddings": 16, "num_conv_pos_embedding_groups": 4,
}  # fmt: skip


def random_weights(module: torch.nn.Module, seed: int) -> dict[str, Tensor]:
    """Large enough for text, voice and picture to matter."""
    generator = torch.Generator().manual_seed(seed)

    def drawn(name: str, tensor: Tensor) -> Tensor:
        spread = torch.randn(tensor.shape, generator=generator) / max(1, tensor[0].numel()) ** 0.5
        return 1 + 0.1 * spread if "norm" in name and name.endswith("weight") else spread

    return {name: drawn(name, tensor) for name, tensor in module.state_dict().items()}


def wan(operations: type, picture: bool = True) -> tuple[dict[str, Tensor], dict[str, str]]:
    """State and metadata of a Wan image-to-video model, or one that takes no picture."""
    from comfy.ldm.wan.model import WanModel

    model = WanModel(
        model_type="i2v" if picture else "t2v", in_dim=36 if picture else 16, dim=WIDTH, ffn_dim=WIDTH, text_dim=TEXT,
        num_heads=2, num_layers=LAYERS, operations=operations, dtype=torch.float32,
    )  # fmt: skip
    return random_weights(model, 1), {"config": json.dumps({"transformer": {"text_dim": TEXT}})}


def audio_layers(network: type, config, operations: type) -> dict[str, Tensor]:
    """State of the pack's own `network` of these sizes."""
    return random_weights(network(config, device=None, dtype=torch.float32, operations=operations), 2)


def fp8(state: dict[str, Tensor], scaled: bool = True) -> dict[str, Tensor]:
    """As people quantise: the large matrices of the blocks, the rest in bf16."""
    made = {}
    for name, tensor in state.items():
        if tensor.ndim == 2 and name.startswith("blocks."):
            scale = tensor.abs().max() / 448 if scaled else torch.ones(())
            made[name] = (tensor / scale).to(FP8)
            if scaled:
                made[name.replace(".weight", ".scale_weight")] = scale.float()
        else:
            made[name] = tensor.bfloat16()
    return made | ({"scaled_fp8": torch.zeros(2, dtype=FP8)} if scaled else {})


def wav2vec() -> Wav2Vec2Model:
    torch.manual_seed(3)
    return Wav2Vec2Model(Wav2Vec2Config(**WAV2VEC)).eval()
