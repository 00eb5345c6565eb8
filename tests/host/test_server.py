from __future__ import annotations

from skyreels_core.media.reading import read_picture

PICTURE = {
    "1": {
        "class_type": "EmptyImage",
        "inputs": {"width": 32, "height": 16, "batch_size": 2, "color": 0xFF8000},
    },
    "2": {"class_type": "SaveImage", "inputs": {"images": ["1", 0], "filename_prefix": "plain"}},
}


def test_a_prompt_gives_its_pictures(server):
    ended = server.run(PICTURE)
    assert ended["status"]["completed"]
    images = ended["outputs"]["2"]["images"]
    assert [image["filename"] for image in images] == ["plain_00001_.png", "plain_00002_.png"]
    assert read_picture(server.output / "plain_00002_.png").shape == (16, 32, 3)
    assert server.rss > 1e8
