"""Parts of a model that lie in folders, as transformers and diffusers save them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..errors import InputError, first_words


def from_folder(kind: Any, folder: str | Path, what: str, **options: Any) -> Any:
    """`kind.from_pretrained` of a folder on this computer; `what` it should hold is named where it holds something
    else."""
    folder = Path(folder)
    if not folder.is_dir():
        state = "is a file" if folder.exists() else "does not exist"
        raise InputError(f"{folder} {state}; give the folder of {what}, with its config.json.")
    try:
        return kind.from_pretrained(folder, local_files_only=True, **options)
    except Exception as error:  # each library has its own
        raise InputError(
            f"{folder} cannot be read as {what} ({first_words(error)}). Give the folder as it is published, with "
            "config.json and .safetensors files."
        ) from error
