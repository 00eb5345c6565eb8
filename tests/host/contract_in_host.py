"""Runs in the host's interpreter: the contract of every family, and of a toy that lies in a folder of its own.

python contract_in_host.py FOLDER. Writes what it found to found.json there.
"""

import json
import sys
from pathlib import Path

from pack_in_host import load_pack

folder = Path(sys.argv[1])
load_pack()

import torch  # noqa: E402
from contract import facts  # noqa: E402
from families import families, write_files  # noqa: E402
from family_list import CONTRACT  # noqa: E402
from skyreels_audio_pack.nodes.families import family_nodes, names  # noqa: E402
from skyreels_audio_pack.nodes.families.skyreels_audio.loading import load_demo  # noqa: E402
from skyreels_audio_pack.skyreels_core import assets  # noqa: E402

with torch.inference_mode():
    write_files(folder)
    vae = load_demo(assets.model())[2]
    kinds = families(folder)
    found = {name: facts(kinds[name], vae) for name in CONTRACT}
nodes = [node.define_schema().node_id for node in family_nodes()]
listed = {"families": found, "names": names(), "nodes": nodes}
(folder / "found.json").write_text(json.dumps(listed, indent=1), encoding="utf-8")
