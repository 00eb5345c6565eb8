from __future__ import annotations

import subprocess
import sys

from PIL import Image, ImageCms

READ_OFTEN = """
import gc, sys
from skyreels_core.media.video import open_video
for _ in range(20):
    assert len(list(open_video(sys.argv[1]).stream())) == 1
    gc.collect()
"""


def test_a_picture_with_a_profile_read_as_a_video_does_not_end_the_process(tmp_path):
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    Image.new("RGBA", (32, 32), "red").save(tmp_path / "a.png", icc_profile=profile)
    done = subprocess.run(
        [sys.executable, "-c", READ_OFTEN, str(tmp_path / "a.png")], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
