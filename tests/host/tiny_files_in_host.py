"""python tiny_files_in_host.py FOLDER: the small networks of every family as files, with a LoRA for each backbone."""

from __future__ import annotations

import sys
from pathlib import Path

sys.argv, FOLDER = sys.argv[:1], Path(sys.argv[1])

from pack_in_host import load_pack  # noqa: E402

load_pack()

import torch  # noqa: E402
from families import write_files  # noqa: E402
from s2v_files import SIZES  # noqa: E402
from safetensors.torch import load_file, save_file  # noqa: E402
from transformers import Wav2Vec2Config, Wav2Vec2Model  # noqa: E402

RANK = 4


def write_lora(backbone: str) -> None:
    """A small change of the first block."""
    name = "blocks.0.self_attn.q.weight"
    wide, deep = load_file(FOLDER / f"{backbone}.safetensors")[name].shape
    layer = f"diffusion_model.{name.removesuffix('.weight')}"
    state = {
        f"{layer}.lora_up.weight": 0.01 * torch.randn(wide, RANK),
        f"{layer}.lora_down.weight": 0.01 * torch.randn(RANK, deep),
    }
    save_file(state, FOLDER / f"{backbone}_lora.safetensors")


def write_large_wav2vec() -> None:
    """Of the large one's width and number of layers, in half precision: 0.2 GB."""
    torch.set_default_dtype(torch.float16)
    model = Wav2Vec2Model(Wav2Vec2Config(**SIZES | {"num_hidden_layers": 24}))
    torch.set_default_dtype(torch.float32)
    state = {name: tensor.contiguous() for name, tensor in model.state_dict().items()}
    save_file(state, FOLDER / "wav2vec_large.safetensors")


write_files(FOLDER)
write_large_wav2vec()
write_lora("wan")
write_lora("s2v")
