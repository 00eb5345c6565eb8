"""How many kinds of bad input there are in this folder."""

from __future__ import annotations

import test_any_names
import test_bad_models
import test_bad_options
import test_bad_outputs
import test_bad_pictures
import test_bad_regions
import test_bad_sounds
import test_bad_videos

TABLES = (
    test_bad_sounds.VOICES, test_bad_pictures.PICTURES, test_bad_videos.VIDEOS, test_bad_regions.MASKS,
    test_bad_regions.POSES, test_bad_options.OPTIONS, test_bad_models.FILES, test_bad_models.OTHERS,
    test_bad_models.META, test_bad_models.CHANGES, test_bad_outputs.PLACES, test_bad_outputs.DAMAGES,
    test_bad_outputs.OTHERS, test_any_names.NAMES,
)  # fmt: skip


def test_there_are_hundreds_of_kinds_of_bad_input_and_no_table_is_empty():
    assert all(len(table) >= 6 for table in TABLES)
    assert sum(map(len, TABLES)) >= 300
