import itertools

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch.nn.functional import cosine_similarity
from transformers import T5TokenizerFast, UMT5EncoderModel

from skyreels_core.errors import InputError
from skyreels_core.model.text import (
    load_text_encoder,
    random_text_encoder,
    save_text_encoder,
    umt5_config,
)

COLOURS = ("red", "blue", "green", "black", "white")
SENTENCES = [
    f"a {mood} person with {hair} hair, {shirt} shirt"
    for mood, hair, shirt in itertools.product(("happy", "sad"), COLOURS, COLOURS)
]


@pytest.fixture(scope="module")
def encoder():
    return random_text_encoder(SENTENCES, seed=0)


@pytest.fixture(scope="module")
def file(encoder, tmp_path_factory):
    path = tmp_path_factory.mktemp("text") / "text_encoder.safetensors"
    save_text_encoder(path, encoder)
    return path


def token_of(encoder, word, sentence):
    row = encoder.tokenizer.encode(sentence).index(encoder.tokenizer.encode(word)[0])
    return encoder.encode([sentence])[0, row]


def test_tokens_are_zero_padded_to_512_rows(encoder):
    tokens = encoder.encode([SENTENCES[0], ""])
    assert tokens.shape == (2, 512, 64)
    assert tokens.dtype == torch.float32
    lengths = [len(encoder.tokenizer.encode(prompt)) for prompt in (SENTENCES[0], "")]
    assert (tokens.abs().sum(dim=-1) > 0).sum(dim=1).tolist() == lengths


def test_the_empty_prompt_is_the_end_token_alone(encoder):
    assert encoder.tokenizer.encode("") == [1]
    hidden = encoder.network(torch.tensor([[1]])).last_hidden_state
    assert torch.allclose(encoder.encode([""])[:, :1], hidden, atol=1e-6)


def test_a_prompt_gives_the_same_tokens_beside_a_longer_one_and_masked_to_512(encoder):
    short, long = "red hair", SENTENCES[0]
    alone = encoder.encode([short])
    assert torch.allclose(encoder.encode([short, long])[:1], alone, atol=1e-5)
    ids = torch.zeros(1, 512, dtype=torch.long)
    count = len(encoder.tokenizer.encode(short))
    ids[0, :count] = torch.tensor(encoder.tokenizer.encode(short))
    hidden = encoder.network(ids, attention_mask=(torch.arange(512) < count)[None]).last_hidden_state
    assert torch.allclose(alone[0, :count], hidden[0, :count], atol=1e-5)


def test_a_prompt_over_512_tokens_is_cut_aloud(encoder, caplog):
    tokens = encoder.encode(["red " * 600])
    assert tokens.shape == (1, 512, 64)
    assert "601 tokens; those after the first 512 are ignored" in caplog.text


def test_words_are_whole_tokens_and_unknown_letters_are_bytes(encoder):
    words = {word.strip(",") for sentence in SENTENCES for word in sentence.split()}
    assert all(len(encoder.tokenizer.encode(word)) == 2 for word in words)
    assert encoder.tokenizer.encode("RED") == encoder.tokenizer.encode("red")
    assert 2 not in encoder.tokenizer.encode("漢字 zebra")
    assert encoder.tokenizer.decode(encoder.tokenizer.encode("漢字 zebra")) == "漢字 zebra"


def test_other_words_in_the_same_place_give_clearly_other_tokens(encoder):
    tokens = [token_of(encoder, colour, f"a sad person with {colour} hair") for colour in COLOURS]
    for one, other in itertools.combinations(tokens, 2):
        assert cosine_similarity(one, other, dim=0) < 0.6


def test_a_word_tells_what_it_stands_beside(encoder):
    hair = token_of(encoder, "blue", "a sad person with blue hair, red shirt")
    shirt = token_of(encoder, "blue", "a sad person with red hair, blue shirt")
    again = token_of(encoder, "blue", "a happy person with blue hair, green shirt")
    assert cosine_similarity(hair, shirt, dim=0) < 0.9 < cosine_similarity(hair, again, dim=0)


def test_a_seed_gives_the_same_encoder_and_leaves_the_global_generator_alone():
    torch.manual_seed(3)
    expected = torch.rand(1)
    torch.manual_seed(3)
    first, second = (random_text_encoder(SENTENCES, seed=5).encode(["red"]) for _ in range(2))
    assert torch.equal(first, second)
    assert torch.equal(torch.rand(1), expected)


def test_a_stored_encoder_gives_identical_tokens(encoder, file):
    assert torch.equal(load_text_encoder(file).encode(SENTENCES[:3]), encoder.encode(SENTENCES[:3]))


def test_sizes_are_read_from_the_weights(file):
    state = load_file(file)
    expected = {"d_model": 64, "d_kv": 16, "d_ff": 128, "num_heads": 4, "num_layers": 2}
    assert umt5_config(state) == {"vocab_size": state["shared.weight"].shape[0], **expected}


def test_a_hugging_face_folder_is_read_with_its_own_tokenizer(encoder, tmp_path):
    encoder.network.save_pretrained(tmp_path)
    vocabulary = [(encoder.tokenizer.id_to_piece(i), 0.0) for i in range(encoder.tokenizer.vocab_size())]
    T5TokenizerFast(vocab=vocabulary, extra_ids=0).save_pretrained(tmp_path)
    loaded = load_text_encoder(tmp_path)
    assert isinstance(loaded.network, UMT5EncoderModel)
    assert torch.allclose(loaded.encode([""]), encoder.encode([""]), atol=1e-6)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda state: state.pop("shared.weight"), "a text encoder is needed here"),
        (lambda state: state.pop("spiece_model"), r"lacks spiece_model; give ComfyUI's UMT5 file"),
        (
            lambda state: state.update(extra=torch.zeros(2).to(torch.float8_e4m3fn)),
            r"quantised \(F8_E4M3\); give the float16",
        ),
    ],
)
def test_an_unusable_file_is_refused_with_what_to_give_instead(file, tmp_path, change, message):
    state = load_file(file)
    change(state)
    save_file(state, tmp_path / "changed.safetensors")
    with pytest.raises(InputError, match=message):
        load_text_encoder(tmp_path / "changed.safetensors")
