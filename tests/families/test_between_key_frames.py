"""What a window between key frames is shown and hears."""

from __future__ import annotations

import torch

from skyreels_core.conditioning.visual import WindowConditions
from skyreels_core.families.multitalk.between_frames import BetweenFrames, between_frames, voice_from
from skyreels_core.families.multitalk.features import MultiTalkVoice
from skyreels_core.timeline import Timeline
from skyreels_core.windows import WindowPlan


class Pixels:
    """Keeps what it is given; a latent frame is its last frame, a latent pixel its block's first pixel."""

    def encode(self, video):
        self.video = video
        return video[:, :1, ::4, ::8, ::8].expand(-1, 16, -1, -1, -1)


def test_frames_are_given_at_both_ends_and_grey_between():
    vae, motion, key = Pixels(), torch.rand(5, 16, 32, 3), torch.rand(16, 32, 3)
    condition = between_frames(vae, motion, key)
    frames = (vae.video[0].movedim(0, -1) + 1) / 2
    assert condition.shape == (1, 20, 21, 2, 4)
    torch.testing.assert_close(frames[:5], motion)
    torch.testing.assert_close(frames[-5:], key.expand(5, -1, -1, -1))
    assert (vae.video[:, :, 5:-5] == 0).all()


def test_mask_channels_are_the_frames_of_a_latent_frame():
    """Of the five that hold the key, the first shares a latent frame with three that are not given."""
    mask = between_frames(Pixels(), torch.rand(5, 16, 16, 3), torch.rand(16, 16, 3))[0, :4, :, 0, 0]
    assert mask[:, :2].eq(1).all() and mask[:, 2:19].eq(0).all()
    assert mask[:, 19].tolist() == [0, 0, 0, 1] and mask[:, 20].eq(1).all()


def test_a_portrait_is_given_as_one_frame():
    mask = between_frames(Pixels(), torch.rand(1, 16, 16, 3), torch.rand(16, 16, 3))[0, :4, :, 0, 0]
    assert mask[:, 0].eq(1).all() and mask[:, 1].eq(0).all()


def test_one_window_is_encoded():
    shot, told = BetweenFrames(torch.rand(5, 16, 32, 3), torch.rand(16, 32, 3)), []
    conditions = WindowConditions(shot, Pixels(), WindowPlan.plan(21, 21, 0))
    conditions.encode_all(["video"], told.append)
    assert list(conditions.kept) == ["between"] and told == [1]
    assert shot.size == (32, 16) and shot.hybrid is None


class TestVoice:
    voice = MultiTalkVoice((torch.arange(200.0)[:, None, None],), Timeline(200, 25))
    window = WindowPlan.plan(21, 21, 0).windows[0]

    def heard(self, first):
        return voice_from(self.voice, first, 209).features_for(self.window)[0, :, 2, 0, 0].tolist()

    def test_a_pass_hears_its_own_part(self):
        assert self.heard(0) == list(range(81))
        assert self.heard(64) == list(range(64, 145))

    def test_neighbours_are_heard_over_its_edges(self):
        assert voice_from(self.voice, 64, 209).features_for(self.window)[0, 0, :, 0, 0].tolist() == [
            62,
            63,
            64,
            65,
            66,
        ]

    def test_after_its_end_the_voice_is_heard_backwards(self):
        assert self.heard(128) == [*range(128, 200), *range(199, 190, -1)]

    def test_one_that_is_long_enough_stays(self):
        assert torch.equal(voice_from(self.voice, 0, 200).states[0], self.voice.states[0])
