"""Files in the host's output folder, named and described as its own Save Video does it."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import folder_paths
from comfy.cli_args import args
from comfy_api.latest import io, ui

from ...skyreels_core.errors import InputError, sentence


@dataclass(frozen=True)
class OutputFile:
    folder: Path
    name: str
    subfolder: str

    @property
    def path(self) -> Path:
        return self.folder / self.name

    @property
    def display_name(self) -> str:
        """Where it lies in the output folder."""
        return (Path(self.subfolder) / self.name).as_posix()

    @property
    def preview(self) -> ui.PreviewVideo:
        return ui.PreviewVideo([ui.SavedResult(self.name, self.subfolder, io.FolderType.output)])


def new_output(prefix: str, suffix: str, size: tuple[int, int]) -> OutputFile:
    """The next free name, `prefix` with a number; its folder is made.

    Raises InputError for a prefix that leads out of the output folder or makes no name there.
    """
    root = os.path.abspath(folder_paths.get_output_directory())
    if not prefix.strip() or not _inside(root, os.path.join(root, os.path.normpath(prefix))):
        raise InputError(
            f"The file name prefix is {prefix!r}; give a name, with folders before it if you like, inside the output "
            "folder, such as video/skyreels."
        )
    try:
        folder, name, counter, subfolder, _ = folder_paths.get_save_image_path(prefix, root, *size)
    except OSError as error:
        raise InputError(f"The folder of {prefix!r} cannot be made: {sentence(error)}") from error
    return OutputFile(Path(folder), f"{name}_{counter:05}_{suffix}", subfolder)


def _inside(root: str, path: str) -> bool:
    try:
        return os.path.abspath(path) != root and os.path.commonpath((root, os.path.abspath(path))) == root
    except ValueError:  # another drive
        return False


def metadata(hidden: Any) -> dict[str, str]:
    """The graph, from a node's hidden inputs, as it goes into a file; nothing where the user wants none."""
    if args.disable_metadata:
        return {}
    values = {**(hidden.extra_pnginfo or {})}
    if hidden.prompt is not None:
        values["prompt"] = hidden.prompt
    return {name: json.dumps(value) for name, value in values.items()}
