"""Model folders that not every ComfyUI knows, and files that it does not list."""

from __future__ import annotations

import os
from pathlib import Path

import folder_paths

DETECTION, EVALUATION = "detection", "evaluation"
ONNX = (".onnx",)


def register_folders() -> None:
    """Make models/evaluation known, and models/detection where it is not, with the extensions that it has where it is,
    and ONNX."""
    folder_paths.add_model_folder_path(EVALUATION, os.path.join(folder_paths.models_dir, EVALUATION))
    known = DETECTION in folder_paths.folder_names_and_paths
    folder_paths.add_model_folder_path(DETECTION, os.path.join(folder_paths.models_dir, DETECTION))
    if not known:
        folders, _ = folder_paths.folder_names_and_paths[DETECTION]
        extensions = folder_paths.supported_pt_extensions.union(ONNX)
        folder_paths.folder_names_and_paths[DETECTION] = folders, extensions


def onnx_files() -> list[str]:
    """ONNX files in models/detection by name, as the host lists those of the extensions that it knows."""
    names: set[str] = set()
    for folder in folder_paths.get_folder_paths(DETECTION):
        found, _ = folder_paths.recursive_search(folder, excluded_dir_names=[".git"])
        names.update(folder_paths.filter_files_extensions(found, ONNX))
    return sorted(names)


def evaluation_folders() -> list[Path]:
    """Where the weights of metrics are looked for."""
    return [Path(path) for name in (EVALUATION, DETECTION) for path in folder_paths.get_folder_paths(name)]


def detection_path(name: str) -> str:
    """Where a file of that name is, or would have to be."""
    found = folder_paths.get_full_path(DETECTION, name)
    return found or os.path.join(folder_paths.get_folder_paths(DETECTION)[0], name)
