"""Text tokens: a UMT5 encoder of any size, zero-padded to the 512 rows that Wan's backbone attends to."""

from __future__ import annotations

import io
import logging
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from sentencepiece import SentencePieceProcessor, SentencePieceTrainer
from torch import Tensor
from transformers import PreTrainedTokenizerBase, UMT5Config, UMT5EncoderModel

from ..errors import InputError
from ..weights.folders import from_folder
from ..weights.header import Header, ReadHeader, read_header
from ..weights.loading import built, check_formats, check_shapes, fill
from ..weights.signatures import Shapes
from .checkpoint import identify

TEXT_LENGTH = 512
PAD, END, UNKNOWN = 0, 1, 2
VOCABULARY_KEY = "spiece_model"  # a serialised sentencepiece model as bytes, where ComfyUI looks for it
EMBEDDING_KEY = "shared.weight"
# UMT5EncoderModel ties this to the embedding; files hold it once.
TIED_KEY = "encoder.embed_tokens.weight"

logger = logging.getLogger(__name__)


class TextEncoder:
    def __init__(
        self, network: UMT5EncoderModel, tokenizer: SentencePieceProcessor | PreTrainedTokenizerBase
    ):
        """`tokenizer.encode(prompt)` gives ids that end with END."""
        self.network = network.eval().requires_grad_(False)
        self.tokenizer = tokenizer

    @property
    def width(self) -> int:
        return self.network.config.d_model

    def to(self, device: torch.device | str) -> TextEncoder:
        self.network.to(device)  # pyright: ignore[reportArgumentType]  # its decorator hides `self`
        return self

    @torch.no_grad()
    def encode(self, prompts: Sequence[str]) -> Tensor:
        """Prompts -> [b 512 d] float32; rows after a prompt's end are zero, "" is the end token alone."""
        ids = [self._ids(prompt) for prompt in prompts]
        lengths = torch.tensor([len(row) for row in ids])
        padded = torch.tensor([row + [PAD] * (int(lengths.max()) - len(row)) for row in ids])
        mask = torch.arange(padded.shape[1]) < lengths[:, None]  # [b n]
        device = self.network.device
        hidden = self.network(padded.to(device), attention_mask=mask.to(device)).last_hidden_state
        hidden = hidden.float() * mask.to(device)[..., None]
        return torch.nn.functional.pad(hidden, (0, 0, 0, TEXT_LENGTH - hidden.shape[1]))

    def _ids(self, prompt: str) -> list[int]:
        ids = list(self.tokenizer.encode(prompt))
        if len(ids) <= TEXT_LENGTH:
            return ids
        logger.warning("A prompt has %d tokens; those after the first %d are ignored.", len(ids), TEXT_LENGTH)
        return [*ids[: TEXT_LENGTH - 1], END]


def load_text_encoder(
    path: str | Path, dtype: torch.dtype = torch.float32, read: ReadHeader = read_header
) -> TextEncoder:
    """A Hugging Face folder (encoder and tokenizer), or a single safetensors file as ComfyUI uses it.

    The single file has the keys of UMT5EncoderModel, its sizes are read from them, and the vocabulary lies
    beside them in `spiece_model`.
    """
    path = Path(path)
    if path.is_dir():
        network = from_folder(UMT5EncoderModel, path, "a UMT5 text encoder", use_safetensors=True)
        from transformers import AutoTokenizer  # it imports what all models have

        tokenizer = from_folder(AutoTokenizer, path, "a tokenizer", trust_remote_code=False)
        return TextEncoder(network.to(dtype), tokenizer)
    header, _ = identify(path, {"umt5"}, "a text encoder is", read)
    network = _empty_network(header)
    state = load_file(path)
    tokenizer = _read_vocabulary(path, state.pop(VOCABULARY_KEY), state[EMBEDDING_KEY].shape[:1].numel())
    state[TIED_KEY] = state[EMBEDDING_KEY]
    fill(network, path, {key: value.to(dtype) for key, value in state.items()})
    return TextEncoder(network, tokenizer)


def _read_vocabulary(path: Path, pieces: Tensor, rows: int) -> SentencePieceProcessor:
    with suppress(RuntimeError, TypeError):  # what sentencepiece says of bytes that are none of its own
        tokenizer = _tokenizer(pieces.numpy().tobytes())
        if tokenizer.vocab_size() <= rows:
            return tokenizer
    raise InputError(
        f"The {VOCABULARY_KEY} of {path} is damaged or belongs to another encoder. Download the file again."
    )


def save_text_encoder(path: str | Path, encoder: TextEncoder, dtype: torch.dtype = torch.float16) -> None:
    """Write a single file; the encoder's tokenizer must be a sentencepiece model."""
    assert isinstance(encoder.tokenizer, SentencePieceProcessor)
    state = {key: value.to("cpu", dtype) for key, value in encoder.network.state_dict().items()}
    del state[TIED_KEY]
    vocabulary = bytearray(encoder.tokenizer.serialized_model_proto())
    save_file({**state, VOCABULARY_KEY: torch.frombuffer(vocabulary, dtype=torch.uint8)}, path)


def umt5_config(state: Mapping[str, Tensor]) -> dict[str, Any]:
    """The sizes of a UMT5 encoder, read from its weights; transformers and ComfyUI share the names."""
    return umt5_sizes({name: tuple(tensor.shape) for name, tensor in state.items()})


def umt5_sizes(shapes: Shapes) -> dict[str, Any]:
    block = "encoder.block.0.layer."
    heads = shapes[block + "0.SelfAttention.relative_attention_bias.weight"][1]
    vocabulary, width = shapes[EMBEDDING_KEY]
    return {
        "vocab_size": vocabulary,
        "d_model": width,
        "d_kv": shapes[block + "0.SelfAttention.q.weight"][0] // heads,
        "d_ff": shapes[block + "1.DenseReluDense.wi_0.weight"][0],
        "num_heads": heads,
        "num_layers": sum(key.endswith(".SelfAttention.q.weight") for key in shapes),
    }


def random_text_encoder(sentences: Iterable[str], seed: int, vocab_size: int = 400) -> TextEncoder:
    """A small encoder that needs no training: random, yet other words give clearly other tokens.

    The strong position bias makes each head look at a few fixed offsets, so that a word's token also tells
    its neighbours: with the usual one "blue" means the same in "blue hair" and "blue shirt". Weights are
    float16 values, so that storing them changes nothing.
    """
    tokenizer = _tokenizer(train_sentencepiece(sentences, vocab_size))
    sizes: dict[str, Any] = {"d_model": 64, "d_kv": 16, "d_ff": 128, "num_heads": 4, "num_layers": 2}
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(seed)
        network = UMT5EncoderModel(UMT5Config(vocab_size=tokenizer.vocab_size(), **sizes))
        network.shared.weight.mul_(2)
        for name, parameter in network.named_parameters():
            if "relative_attention_bias" in name:
                parameter.normal_(std=4)
    return TextEncoder(network.half().float(), tokenizer)


def train_sentencepiece(sentences: Iterable[str], vocab_size: int) -> bytes:
    """A sentencepiece model with UMT5's special ids, case folded, unknown letters as bytes (256 pieces).

    Byte pairs merge the words of a small corpus whole, where UMT5's own unigram model would prune them.
    """
    model = io.BytesIO()
    SentencePieceTrainer.train(
        sentence_iterator=iter(sentences),
        model_writer=model,
        vocab_size=vocab_size,
        hard_vocab_limit=False,
        model_type="bpe",
        normalization_rule_name="nmt_nfkc_cf",
        byte_fallback=True,
        character_coverage=1.0,
        pad_id=PAD,
        eos_id=END,
        unk_id=UNKNOWN,
        bos_id=-1,
        num_threads=1,
        minloglevel=2,
    )
    return model.getvalue()


def _tokenizer(vocabulary: bytes) -> SentencePieceProcessor:
    return SentencePieceProcessor(model_proto=vocabulary, add_eos=True)


def check(header: Header) -> None:
    """Raises InputError where a file with a UMT5 cannot be loaded; no tensor is read."""
    for needed in (EMBEDDING_KEY, VOCABULARY_KEY):
        if needed not in header.shapes:
            raise InputError(
                f"{header.path} lacks {needed}; give ComfyUI's UMT5 file, or a folder in transformers format."
            )
    check_formats(header, [name for name in header.shapes if name != VOCABULARY_KEY])
    shapes = {TIED_KEY: header.shapes[EMBEDDING_KEY]} | header.shapes
    check_shapes(header.path, _empty_network(header).state_dict(), shapes)


def _empty_network(header: Header) -> UMT5EncoderModel:
    return built(header.path, UMT5EncoderModel, lambda: UMT5Config(**umt5_sizes(header.shapes)))
