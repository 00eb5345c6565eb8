"""The English texts of the nodes: `locales/en/nodeDefs.json`, from what a host says about the pack's schemas.

    python -m tools.make_locales

Needs ComfyUI (COMFYUI_PATH, COMFYUI_PYTHON). The Chinese texts are written by hand; what they lack is printed.
"""

from __future__ import annotations

import sys

from tests.nodes.locale_files import Texts, read, texts_of, write

from .host import open_host

PACK = "custom_nodes.skyreels-audio"


def main() -> int:
    english = texts_in_host()
    write("en", "nodeDefs", english)
    lacking = sorted(paths(english) - paths(read("zh", "nodeDefs")))
    sys.stderr.writelines(f"not in Chinese: {path}\n" for path in lacking)
    return int(bool(lacking))


def texts_in_host() -> Texts:
    """Those of the pack's nodes, as the ComfyUI in COMFYUI_PATH lists them."""
    with open_host() as server:
        listed = server.client.ask("GET", "/object_info")
    return {key: texts_of(node) for key, node in sorted(listed.items()) if node["python_module"] == PACK}


def paths(texts: Texts, before: str = "") -> set[str]:
    """Every text by its place, such as SkyReelsAudioTokens.inputs.fps.name."""
    below = [paths(value, f"{before}{key}.") for key, value in texts.items() if isinstance(value, dict)]
    here = {f"{before}{key}" for key, value in texts.items() if not isinstance(value, dict)}
    return here.union(*below)


if __name__ == "__main__":
    sys.exit(main())
