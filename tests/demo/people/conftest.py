from __future__ import annotations

import shutil

import pytest
from people_stage import Stage

from skyreels_core.demo.people import gl
from skyreels_core.demo.people.head import Head, load_head
from skyreels_core.errors import InputError


@pytest.fixture(scope="session")
def head() -> Head:
    try:
        return load_head()
    except InputError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def stage(head) -> Stage:
    try:
        gl.context()
    except InputError as error:
        pytest.skip(str(error))
    return Stage(head)


@pytest.fixture(scope="session")
def flite() -> None:
    if shutil.which("flite") is None:
        pytest.skip("flite is not installed")


@pytest.fixture(scope="session")
def espeak() -> None:
    if shutil.which("espeak-ng") is None:
        pytest.skip("espeak-ng is not installed")
