"""What was imported by the paths of the version before still is."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module

import pytest

from skyreels_core.moved import MOVED


@pytest.mark.parametrize("old", MOVED)
def test_an_old_path_gives_what_the_new_one_holds(old):
    sys.modules.pop(f"skyreels_core.{old}", None)
    with pytest.warns(DeprecationWarning, match=f"is skyreels_core.{MOVED[old]} now"):
        found = import_module(f"skyreels_core.{old}")
    new = vars(import_module(f"skyreels_core.{MOVED[old]}"))
    assert {name: vars(found)[name] for name in new if name.isidentifier() and not name.startswith("__")} == {
        name: value for name, value in new.items() if not name.startswith("__")
    }


def test_names_of_old_paths_are_imported_as_before():
    names = (
        "from skyreels_core.video.footage import collect, open_video; from skyreels_core.video import writing;"
        "from skyreels_core.audio.reading import Audio, mono_16k, read_audio; import skyreels_core.work.folder as w;"
        "from skyreels_core.media.sound import Audio as same; assert Audio is same and writing.write_video and w.STATE"
    )
    subprocess.run([sys.executable, "-c", names], check=True)


def test_a_module_that_never_was_is_not_found():
    with pytest.raises(ModuleNotFoundError, match=r"skyreels_core\.video\.nothing"):
        import_module("skyreels_core.video.nothing")


def test_training_is_found_where_it_was():
    recipe, new = (import_module(f"skyreels_core.training.{name}") for name in ("recipe", "train"))
    with pytest.warns(DeprecationWarning, match="train.train now"):
        assert recipe.train is new.train
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = recipe.nothing
