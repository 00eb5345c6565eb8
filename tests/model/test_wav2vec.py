import math

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch.nn import functional as F
from transformers import Wav2Vec2Config, Wav2Vec2Model

from skyreels_core import assets
from skyreels_core.audio.loudness import to_loudness
from skyreels_core.audio.reading import mono_16k
from skyreels_core.errors import InputError
from skyreels_core.media.sound import read_audio
from skyreels_core.model import wav2vec
from skyreels_core.model.wav2vec import Wav2VecStates, chunks, conv_features, load_wav2vec
from skyreels_core.timeline import SAMPLE_RATE

SMALL = {
    "hidden_size": 64, "num_hidden_layers": 3, "num_attention_heads": 1, "intermediate_size": 96, "conv_dim": [32] * 7,
    "num_conv_pos_embeddings": 16, "num_conv_pos_embedding_groups": 4,
}  # fmt: skip
NORMS = {
    "group": {"feat_extract_norm": "group"},
    "layer": {"feat_extract_norm": "layer", "do_stable_layer_norm": True, "conv_bias": True},
}


def small(norm):
    torch.manual_seed(0)
    return Wav2Vec2Model(Wav2Vec2Config(**SMALL, **NORMS[norm])).eval()


@pytest.fixture(scope="module")
def voice():
    return mono_16k(read_audio(assets.voice(1)))


def published(model, samples):
    """The steps of the published preprocessing, over the whole voice at once."""
    frames = math.ceil(len(samples) / SAMPLE_RATE * 25)
    with torch.no_grad():
        features = model.feature_extractor(samples[None])
        features = F.interpolate(features, size=frames, align_corners=True, mode="linear")
        projected, _ = model.feature_projection(features.transpose(1, 2))
        hidden = [projected + model.encoder.pos_conv_embed(projected)]
        stable = model.config.do_stable_layer_norm
        if not stable:
            hidden = [model.encoder.layer_norm(hidden[0])]
        for layer in model.encoder.layers:
            out = layer(hidden[-1])
            hidden.append(out[0] if isinstance(out, tuple) else out)
        if stable:
            hidden[-1] = model.encoder.layer_norm(hidden[-1])
    return torch.cat(hidden[1:])


@pytest.mark.parametrize("norm", NORMS)
def test_a_voice_is_heard_as_published(voice, norm):
    model = small(norm)
    given = to_loudness(voice, SAMPLE_RATE)
    if norm == "layer":
        given = (given - given.mean()) / torch.sqrt(given.var(correction=0) + 1e-7)
    states = Wav2VecStates(model).encode(voice)
    assert states.shape == (math.ceil(len(voice) / 640), 3, 64)
    assert states.movedim(1, 0) == pytest.approx(published(model, given), abs=1e-5)


@pytest.mark.parametrize("norm", NORMS)
def test_pieces_of_the_convolutions_are_the_whole(voice, norm, monkeypatch):
    extractor = small(norm).feature_extractor
    monkeypatch.setattr(wav2vec, "PIECE", 7)
    with torch.no_grad():
        assert conv_features(extractor, voice) == pytest.approx(extractor(voice[None]), abs=1e-5)


def test_loudness_changes_nothing_where_the_first_norm_is_over_time(voice):
    states = Wav2VecStates(small("group"))
    assert states.encode(voice) == pytest.approx(states.encode(voice * 0.2 + 0.01), abs=2e-3)


def test_chunks_cover_everything_once():
    for count in (1, 59, 60, 61, 110, 111, 500):
        taken = [i for start, first, last in chunks(count, 60, 5) for i in range(first, last)]
        assert taken == list(range(count))
        assert all(first - start >= (5 if start else 0) for start, first, _ in chunks(count, 60, 5))


def test_a_chunked_voice_is_nearly_the_whole_one(monkeypatch):
    samples = mono_16k(read_audio(assets.voice("long")))
    states = Wav2VecStates(small("group"))
    whole = states.encode(samples)
    monkeypatch.setattr(wav2vec, "CHUNK_SECONDS", 6)
    monkeypatch.setattr(wav2vec, "GUARD_SECONDS", 1)
    told = []
    chunked = states.encode(samples, lambda done, count: told.append((done, count)))
    assert [count for _, count in told] == [len(whole)] * 3 and told[-1][0] == len(whole)
    difference = (chunked - whole).square().mean().sqrt() / whole.std()
    print(
        f"6 s at once, 1 s guards, in place of {len(samples) / SAMPLE_RATE:.1f} s: {difference:.1e} of the spread"
    )
    assert 0 < difference < 0.02


@pytest.mark.parametrize("samples", [0, 1, 639, 641, 6399, 6401])
def test_every_length_has_its_frames(samples):
    states = Wav2VecStates(small("group")).encode(torch.randn(samples) * 0.1)
    assert states.shape == (math.ceil(samples / 640), 3, 64)
    assert states.isfinite().all()


def test_layers_at_their_own_rate_are_what_transformers_gives(voice):
    model = small("group")
    layers = Wav2VecStates(model).encode_layers(voice)
    with torch.no_grad():
        native = model(to_loudness(voice, SAMPLE_RATE)[None], output_hidden_states=True).hidden_states
    assert layers == pytest.approx(torch.cat(native), abs=1e-5)


def renamed(state, names):
    """As older files call the halves of the normalised weight."""
    ends = {"parametrizations.weight.original0": "weight_g", "parametrizations.weight.original1": "weight_v"}
    for new, old in ends.items() if names == "old" else ():
        state = {name.replace(new, old): tensor for name, tensor in state.items()}
    return state


@pytest.mark.parametrize("names", ["old", "new"])
@pytest.mark.parametrize("prefix", ["", "wav2vec2."])
@pytest.mark.parametrize("norm", NORMS)
def test_a_file_tells_its_sizes(tmp_path, voice, norm, prefix, names):
    model = small(norm)
    state = {prefix + name: t.clone() for name, t in renamed(model.state_dict(), names).items()}
    save_file(state | {"quantizer.codevectors": torch.zeros(1)}, tmp_path / "file.safetensors")
    loaded = load_wav2vec(tmp_path / "file.safetensors")
    assert torch.equal(loaded.encode(voice[:8000]), Wav2VecStates(model).encode(voice[:8000]))


def test_a_folder_is_read_by_its_config(tmp_path, voice):
    model = small("group")
    model.save_pretrained(tmp_path)
    loaded = load_wav2vec(tmp_path)
    assert torch.equal(loaded.encode(voice[:8000]), Wav2VecStates(model).encode(voice[:8000]))


def test_the_published_size_is_read_from_its_shapes():
    with torch.device("meta"):
        state = Wav2Vec2Model(Wav2Vec2Config()).state_dict()
    config = wav2vec.find_config({n: tuple(t.shape) for n, t in state.items()}, wav2vec.POSITIONS, {})
    stated = Wav2Vec2Config()
    names = (*SMALL, "conv_kernel", "conv_stride", "feat_extract_norm", "do_stable_layer_norm", "conv_bias")
    assert {n: list(np.atleast_1d(getattr(config, n))) for n in names} == {
        n: list(np.atleast_1d(getattr(stated, n))) for n in names
    }


def test_another_file_is_named(tmp_path):
    save_file({"conv1.weight": torch.zeros(1), "conv2.weight": torch.zeros(1), "layers.0.fc1.weight": torch.zeros(1)},
              tmp_path / "whisper.safetensors")  # fmt: skip
    with pytest.raises(
        InputError, match=r"is a Whisper encoder; a wav2vec2 encoder is needed.*audio_encoders"
    ):
        load_wav2vec(tmp_path / "whisper.safetensors")
    state = {n: t for n, t in small("group").state_dict().items() if "layers.2.final" not in n}
    save_file(state, tmp_path / "part.safetensors")
    with pytest.raises(InputError, match="lacks 2 weights, such as encoder"):
        load_wav2vec(tmp_path / "part.safetensors")
