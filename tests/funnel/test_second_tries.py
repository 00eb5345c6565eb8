"""What went wrong once is tried again, and what lies about does not disturb."""

import sys

import pytest

from skyreels_core.data.record import ShotRecord
from skyreels_core.data.stages.captions import asked
from skyreels_core.data.stages.shot import Recording
from skyreels_core.data.stages.thresholds import Thresholds
from skyreels_core.errors import InputError


def test_a_caption_in_another_encoding_is_a_caption():
    code = r"import sys; sys.stdout.buffer.write(b'a caf\xe9 owner talks')"
    assert asked([sys.executable, "-c", code], 60)["caption"] == "a caf\N{REPLACEMENT CHARACTER} owner talks"


def test_a_failed_captioner_is_quoted_in_any_encoding():
    code = r"import sys; sys.stderr.buffer.write(b'no m\xe9moire'); sys.exit(3)"
    assert "moire" in asked([sys.executable, "-c", code], 60)["failed"]


def test_a_command_with_an_open_quote_is_refused_before_anything_is_measured(tmp_path):
    given = tmp_path / "mine.yaml"
    given.write_text("captions:\n  command: 'echo \"a'\n")
    with pytest.raises(InputError, match="close every quote"):
        Thresholds.read(given)


@pytest.mark.parametrize("values", [{}, {"failed": "timed out"}])
def test_captions_that_were_not_asked_for_or_failed_are_asked_for_again(values):
    shot = ShotRecord(0, 50, 0, 2, {"captions": values}, {"captions": 1})
    assert not shot.measured("captions", 1)


def test_what_a_downloader_writes_beside_a_video_is_no_landmarks(tmp_path):
    (tmp_path / "talk.info.json").write_text('{"title": "a talk"}')
    assert Recording(tmp_path / "talk.mp4").landmarks is None
