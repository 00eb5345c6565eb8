import pytest
import torch

from skyreels_core.errors import InputError
from skyreels_core.families.multitalk.features import (
    MultiTalkVoice,
    features_of_frames,
    packed,
    place,
    speaker_masks,
    states_of_frames,
)
from skyreels_core.timeline import Timeline
from skyreels_core.windows import Window


def numbered(frames):
    """States whose value is the number of their frame."""
    return torch.arange(frames, dtype=torch.float32).reshape(-1, 1, 1).expand(-1, 2, 3)


def test_a_frame_hears_two_on_each_side_and_the_ends_are_repeated():
    heard = features_of_frames(numbered(9), 0, 9)
    assert heard.shape == (9, 5, 2, 3)
    assert heard[0, :, 0, 0].tolist() == [0, 0, 0, 1, 2]
    assert heard[4, :, 1, 2].tolist() == [2, 3, 4, 5, 6]
    assert heard[8, :, 0, 0].tolist() == [6, 7, 8, 8, 8]


def test_a_window_hears_its_own_part_of_the_whole():
    one, other = torch.randn(2, 61, 2, 3)
    heard = MultiTalkVoice((one, other), Timeline(61, 25)).features_for(Window(1, start=5, length=6))
    assert heard.shape == (2, 21, 5, 2, 3)
    assert torch.equal(heard[0], features_of_frames(one, 0, 61)[20:41])
    assert torch.equal(heard[1], features_of_frames(other, 0, 61)[20:41])


def test_frames_after_the_voice_repeat_its_end():
    assert features_of_frames(numbered(7), 6, 3)[:, 2, 0, 0].tolist() == [6, 6, 6]


def test_a_latent_frame_hears_the_group_that_it_shows():
    first, later = packed(features_of_frames(numbered(9), 0, 9)[None])
    assert first.shape == (1, 1, 5, 2, 3) and later.shape == (1, 2, 8, 2, 3)
    assert first[0, 0, :, 0, 0].tolist() == [0, 0, 0, 1, 2]
    assert later[0, 0, :, 0, 0].tolist() == [0, 0, 1, 2, 3, 4, 5, 6]
    assert later[0, 1, :, 0, 0].tolist() == [3, 4, 5, 6, 7, 8, 8, 8]


@pytest.mark.parametrize("fps", [24, 30000 / 1001, 50])
def test_at_other_frame_rates_states_keep_their_time(fps):
    timeline = Timeline.from_seconds(2, fps)
    seconds = (torch.arange(50) + 0.5).reshape(-1, 1, 1) / 25
    centres = (torch.arange(timeline.frames) + 0.5) / fps
    frames = states_of_frames(seconds, timeline).flatten()
    assert len(frames) == timeline.frames
    assert frames[2:-2] == pytest.approx(centres[2:-2], abs=1e-6)


def test_at_25_fps_states_are_the_frames():
    states = torch.randn(50, 2, 3)
    assert states_of_frames(states, Timeline(50, 25.0)) is states


def test_a_voice_is_placed_in_silence():
    assert place(torch.ones(3), 2, 8).tolist() == [0, 0, 1, 1, 1, 0, 0, 0]


def test_tokens_belong_to_one_speaker_or_the_other_or_neither():
    left, right = torch.zeros(2, 32, 64)
    left[:, :16], right[:, 48:] = 1, 0.9
    assert speaker_masks([left, right]).tolist() == [
        [1, 0, 0, 0, 1, 0, 0, 0],
        [0, 0, 0, 1, 0, 0, 0, 1],
        [0, 1, 1, 0, 0, 1, 1, 0],
    ]
    with pytest.raises(InputError, match="speaker 2 is empty"):
        speaker_masks([left, torch.zeros(32, 64)])
    with pytest.raises(InputError, match=r"are 64x32 and 64x64\. Give masks of the video's size"):
        speaker_masks([left, torch.ones(64, 64)])


def test_soft_edges_that_overlap_are_of_the_nearer_speaker():
    left, right = torch.zeros(2, 16, 128)
    left[:, :80], right[:, 48:] = 1, 1
    assert speaker_masks([left, right]).tolist() == [[1] * 4 + [0] * 4, [0] * 4 + [1] * 4, [0] * 8]


@pytest.mark.parametrize("first", [slice(0, 64), slice(0, 128), slice(16, 64)])
def test_two_speakers_in_one_place_are_refused(first):
    masks = torch.zeros(2, 16, 128)
    masks[0, :, first], masks[1, :, :64] = 1, 1
    with pytest.raises(InputError, match=r"overlap: .*% of the smaller"):
        speaker_masks(list(masks))
