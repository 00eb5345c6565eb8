import pytest
import torch
from transformers import CLIPVisionConfig, CLIPVisionModel

from skyreels_core.model.clip_vision import MEAN, STD, ClipVision, load_clip_vision


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    config = CLIPVisionConfig(
        hidden_size=32, intermediate_size=64, num_hidden_layers=3, num_attention_heads=4, image_size=28,
        patch_size=14,
    )  # fmt: skip
    return CLIPVisionModel(config)


def test_tokens_are_the_hidden_state_before_the_last_layer(network):
    picture = torch.randint(0, 256, (28, 28, 3)) / 255
    outputs = []
    hook = network.encoder.layers[1].register_forward_hook(lambda *call: outputs.append(call[-1]))
    tokens = ClipVision(network).encode(picture)
    hook.remove()
    assert tokens.shape == (1, 5, 32)
    expected = outputs[0] if isinstance(outputs[0], torch.Tensor) else outputs[0][0]
    assert torch.equal(tokens, expected)


def test_pixels_are_normalised_with_clips_own_statistics(network):
    picture = torch.randint(0, 256, (28, 28, 3)) / 255
    pixels = (picture - torch.tensor(MEAN)) / torch.tensor(STD)
    expected = network(pixels.movedim(-1, 0)[None], output_hidden_states=True).hidden_states[-2]
    assert torch.allclose(ClipVision(network).encode(picture), expected, atol=1e-5)


def test_the_whole_picture_is_seen_whatever_its_shape(network):
    clip_vision = ClipVision(network)
    wide = torch.full((28, 84, 3), 0.5)
    marked = wide.clone()
    marked[:, :8] = 1  # a crop to the middle square would lose this
    assert not torch.allclose(clip_vision.encode(marked), clip_vision.encode(wide), atol=1e-3)


def test_a_hugging_face_folder_is_read(network, tmp_path):
    network.save_pretrained(tmp_path)
    picture = torch.rand(40, 30, 3)
    assert torch.equal(load_clip_vision(tmp_path).encode(picture), ClipVision(network).encode(picture))
