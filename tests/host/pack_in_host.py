"""For scripts that run in the host's interpreter: the host on its CPU, and the pack as the host imports it."""

import importlib.util
import sys
import tempfile
from pathlib import Path

PACK = Path(__file__).resolve().parents[2]


def load_pack(place=PACK, arguments=("--cpu",)):
    """The pack as the module `skyreels_audio_pack`; command line arguments are for the script. What is kept of a run
    goes to a folder of its own: the next start of the script finds none of it."""
    sys.argv[1:] = arguments
    import comfy.options

    comfy.options.enable_args_parsing()
    import folder_paths
    import utils.install_util  # noqa: F401  before comfy/utils.py can take its name

    folder_paths.set_output_directory(tempfile.mkdtemp(prefix="output"))
    spec = importlib.util.spec_from_file_location(
        "skyreels_audio_pack", place / "__init__.py", submodule_search_locations=[str(place)]
    )
    pack = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(pack)
    return pack
