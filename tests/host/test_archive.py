"""What the registry packs is a whole pack."""

from __future__ import annotations

import json
import shutil

from archive import archived
from sources import PACK, schemas


def test_the_pack_is_loaded_whole_from_what_the_registry_packs(run_in_host, tmp_path):
    archive, found = tmp_path / "skyreels-audio", tmp_path / "found.json"
    for file in archived():
        (archive / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(PACK / file, archive / file)
    run_in_host("archive_in_host.py", archive, found)
    facts = json.loads(found.read_text(encoding="utf-8"))
    assert set(facts["nodes"]) == {schema.node_id for schema in schemas()}
    assert facts["modules"] > 50 and facts["elsewhere"] == []
