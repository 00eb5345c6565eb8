"""Videos as arrays, and the small inputs that both trees are given."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
import soundfile
from PIL import Image

from .findings import Findings
from .trees import Tree

SIZE = 64  # pixels, of the masks


@dataclass(frozen=True)
class Inputs:
    """Files of the old tree, cut short. Both trees read the same ones."""

    folder: Path

    def __getattr__(self, name: str) -> Path:
        (found,) = self.folder.glob(f"{name}.*")
        return found


def write_inputs(tree: Tree, folder: Path) -> Inputs:
    if (folder / "prompts.txt").is_file():  # the last one
        return Inputs(folder)
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("portrait.png", "portrait.json", "video.mp4", "video.json"):
        stem, suffix = name.split(".")
        shutil.copy(tree.file(name), folder / (f"{stem}_keypoints.json" if suffix == "json" else name))
    for name, source, seconds in (
        ("first", "voice_1", 1.2),
        ("second", "voice_2", 1.0),
        ("long", "voice_long", 3.0),
    ):
        cut(tree.file(f"{source}.flac"), folder / f"{name}.wav", seconds)
    for name, columns in (("left", slice(0, SIZE // 2)), ("right", slice(SIZE // 2, SIZE))):
        mask = np.zeros((SIZE, SIZE, 3), np.uint8)
        mask[:, columns] = 255
        Image.fromarray(mask).save(folder / f"{name}.png")
    (folder / "prompts.txt").write_text("0 a person with red hair\n0.6 a person with black hair, grey wall\n")
    return Inputs(folder)


def cut(source: Path, target: Path, seconds: float) -> None:
    samples, rate = soundfile.read(source)
    soundfile.write(target, samples[: round(seconds * rate)], rate)


def decoded(name: str, path: Path) -> Findings:
    """Frames [f h w 3] with their times, and samples of the sound, if there is one."""
    found: Findings = {}
    with av.open(str(path)) as container:
        frames = list(container.decode(container.streams.video[0]))
        found[f"{name}/frames"] = np.stack([frame.to_ndarray(format="rgb24") for frame in frames])
        found[f"{name}/times"] = np.array([float(frame.pts * frame.time_base) for frame in frames])
    with av.open(str(path)) as container:
        if container.streams.audio:
            parts = [frame.to_ndarray() for frame in container.decode(container.streams.audio[0])]
            found[f"{name}/sound"] = np.concatenate(parts, axis=1)
    return found


def bytes_of(path: Path) -> np.ndarray:
    return np.frombuffer(path.read_bytes(), np.uint8)


def measured(name: str, report: Path) -> Findings:
    """The numbers of a run's report; its words may be others, and its seconds always are."""
    content = json.loads(report.read_text(encoding="utf-8"))
    parts = ("video", "forwards", "windows", "worst_window", "joins", "worst_join", "colours")
    return {f"{name}/report/{part}": json.dumps(content[part], sort_keys=True) for part in parts}
