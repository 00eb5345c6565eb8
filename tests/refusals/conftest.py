from __future__ import annotations

import pytest
from bad_input import EARLIER, CommandLine, Whole


@pytest.fixture(scope="session")
def whole(tmp_path_factory, bundle_folder):
    return Whole.made_in(tmp_path_factory.mktemp("whole files"), bundle_folder)


@pytest.fixture
def desk(tmp_path, whole, capsys):
    desk = CommandLine(tmp_path, whole, capsys.readouterr)
    desk.output.write_bytes(EARLIER)
    desk.file("mine.txt", "somebody's own")
    return desk
