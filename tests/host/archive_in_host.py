"""Runs in the host's interpreter: the pack from the files that the registry packs, in a folder of its own.

python archive_in_host.py ARCHIVE FOUND. Writes the ids of its nodes, and the modules from elsewhere, to FOUND.
"""

import asyncio
import json
import sys
from pathlib import Path

from pack_in_host import load_pack

archive, found = map(Path, sys.argv[1:3])
pack = load_pack(archive)


async def node_ids():
    extension = await pack.comfy_entrypoint()
    await extension.on_load()
    return [node.GET_SCHEMA().node_id for node in await extension.get_node_list()]


ids = asyncio.run(node_ids())
ours = {name: module for name, module in sys.modules.items() if name.startswith(pack.__name__)}
elsewhere = [name for name, module in ours.items() if archive not in Path(module.__file__).parents]
found.write_text(json.dumps({"nodes": ids, "modules": len(ours), "elsewhere": elsewhere}), encoding="utf-8")
