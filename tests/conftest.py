from __future__ import annotations

import pytest
from hypothesis import settings

from skyreels_core.model.bundle import load_bundle, random_bundle

# --hypothesis-profile=default looks for new examples
settings.register_profile("repeatable", derandomize=True)
settings.load_profile("repeatable")


@pytest.fixture(scope="session")
def bundle_folder(tmp_path_factory):
    """A folder as `load_bundle` reads it: the demo model's shapes, random weights."""
    folder = tmp_path_factory.mktemp("model")
    random_bundle(folder, seed=0)
    return folder


@pytest.fixture(scope="session")
def bundle(bundle_folder):
    return load_bundle(bundle_folder)
