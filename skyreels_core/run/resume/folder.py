"""The folder of one run: one process at a time, whole files only, nothing of anybody else's touched."""

from __future__ import annotations

import json
import logging
import os
import platform
import re
from collections.abc import Collection, Iterator, Mapping, MutableMapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Literal

import torch
from filelock import FileLock, Timeout
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

from ...errors import InputError, first_words
from ...files import atomic
from .fingerprint import differences

logger = logging.getLogger(__name__)

VERSION = 1
START_AGAIN = "start again (--restart; in Python restart=True)"
LOCK, HOLDER, RUN, STATE, PART = "lock", "holder.json", "run.json", "state.safetensors", ".part"
SUBFOLDERS = ("conditions",)
SHOTS = "shots"  # whose runs are edits of their own
# The file that safetensors (0.8) fills before it renames it; a kill in between leaves it.
UNNAMED = re.compile(r"\.tmp\w+")
Begin = Literal["new", "resume", "restart"]


class WorkFolder:
    """Where a run keeps what it would lose. `with` releases it; what was not saved at all leaves nothing behind."""

    def __init__(self, path: str | Path, begin: Begin = "new") -> None:
        """Take the folder for this process: make it, or continue (`resume`) or discard (`restart`) what it holds.

        Raises InputError where another process has it, where it holds an unfinished run and `begin` is `new`, and
        for a folder that is none of ours.
        """
        self.path = Path(path)
        self.begun = False
        self.shots: list[WorkFolder] = []
        self._check_ours()
        self.lock = self._take()
        try:
            self._clear_parts()
            if begin == "restart":
                self.discard()
            self.unfinished = (self.path / RUN).is_file()
            if self.unfinished and begin == "new":
                raise InputError(
                    f"{self.path} holds an unfinished run. Resume it (--resume), or {START_AGAIN}."
                )
        except BaseException:
            self.release()
            raise

    def __enter__(self) -> WorkFolder:
        return self

    def __exit__(self, *error: object) -> None:
        if self.lock.is_locked:
            if not self._states():
                self.finish()
            self.release()

    def begin(self, inputs: Mapping[str, str], unused: Collection[str] = ()) -> None:
        """Say what goes into the run; `unused` names what changes nothing in it. Raises InputError, naming it, where
        the unfinished one was given something else."""
        if not self.unfinished:
            self._write_json(RUN, {"version": VERSION, "inputs": dict(inputs)})
        elif changed := differences(*(without(unused, of) for of in (self._read_run()["inputs"], inputs))):
            raise InputError(
                f"{self.path} holds a run with other inputs: {'; '.join(changed)}. Use the same inputs, or "
                f"{START_AGAIN}."
            )
        self.begun = True

    @property
    def keeps(self) -> bool:
        """Whether this run could go on from what is saved."""
        return self.begun and bool(self._states())

    def shot(self, number: int) -> WorkFolder:
        """The folder of one of several edits that are one run; it ends with this one."""
        self.shots.append(WorkFolder(self.path / SHOTS / f"{number:04}", "resume"))
        return self.shots[-1]

    def save(self, tensors: Mapping[str, Tensor], values: Mapping[str, object]) -> None:
        """Replace the state: after a kill at any moment there is this one or the one before."""
        metadata = {name: json.dumps(value) for name, value in values.items()}
        held = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
        with _writing(self.path / STATE) as part:
            save_file(held, part, metadata)

    def load(self) -> tuple[dict[str, Tensor], dict[str, object]] | None:
        """What `save` was given last; None where nothing was. Raises InputError for a damaged file."""
        path = self.path / STATE
        if not path.is_file():
            return None
        try:
            with safe_open(path, "pt") as file:
                values = {name: json.loads(text) for name, text in (file.metadata() or {}).items()}
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        except (SafetensorError, ValueError, OSError, RecursionError) as error:
            raise self._damaged(STATE, first_words(error)) from error
        if not all(torch.isfinite(tensor).all() for tensor in tensors.values()):
            raise self._damaged(STATE, "it holds NaN or infinity")
        return tensors, values

    def tensors(self, name: str) -> TensorFolder:
        """A mapping from names to tensors that lies in files; `name` is one of SUBFOLDERS."""
        return TensorFolder(self.path / name)

    def part_of(self, output: Path) -> Path:
        """The temporary name beside a file that this run writes, which a later run finds again."""
        return output.with_name(f".{output.name.encode()[:80].decode(errors='ignore')}{PART}{output.suffix}")

    def discard(self) -> None:
        """Begin again with an empty folder."""
        self._clear()
        self.unfinished = self.begun = False

    def finish(self) -> None:
        """The video is whole: remove everything that was kept for it."""
        self._clear()
        self.release()
        self._remove()

    def release(self) -> None:
        for shot in self.shots:
            shot.release()
        if self.lock.is_locked:
            (self.path / HOLDER).unlink(missing_ok=True)
            self.lock.release()

    def _remove(self) -> None:
        with suppress(OSError):  # somebody's own file is in there, or the next run already
            (self.path / LOCK).unlink(missing_ok=True)
            self.path.rmdir()

    def _check_ours(self) -> None:
        if self.path.exists() and not self.path.is_dir():
            raise InputError(f"{self.path} is a file; give a folder for the run state (--work), or omit it.")
        if self.path.is_dir():
            foreign = sorted(item.name for item in self.path.iterdir() if not _is_ours(item.name))
            if foreign:
                raise InputError(
                    f"{self.path} holds {foreign[0]}, so it is not a run state. Give an empty or a new folder "
                    "(--work)."
                )

    def _take(self) -> FileLock:
        there = self.path.is_dir()
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            lock = FileLock(self.path / LOCK, timeout=0)
            lock.acquire()
        except Timeout:
            raise InputError(
                f"{self.path} is in use by {self._holder()}. Wait until it ends, or give another folder (--work)."
            ) from None
        except (OSError, NotImplementedError) as error:  # the latter: a file system without locks
            reason = getattr(error, "strerror", None) or error
            raise InputError(
                f"The run state cannot be kept in {self.path} ({reason}). Give another folder (--work)."
            ) from error
        try:
            self._write_json(HOLDER, {"host": platform.node(), "pid": os.getpid()})
        except InputError:
            lock.release()
            if not there:
                self._remove()
            raise
        return lock

    def _holder(self) -> str:
        try:
            holder = json.loads((self.path / HOLDER).read_text(encoding="utf-8"))
            return f"process {holder['pid']} on {holder['host']}"
        except (OSError, ValueError, KeyError, TypeError, RecursionError):
            return "another process"

    def _read_run(self) -> dict:
        try:
            run = json.loads((self.path / RUN).read_text(encoding="utf-8"))
            version, inputs = run["version"], run["inputs"]
            if not all(isinstance(text, str) for text in inputs.values()):
                raise ValueError("its inputs are not strings")
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise self._damaged(RUN, first_words(error)) from error
        if version != VERSION:
            raise InputError(
                f"{self.path} was written by another release (format {version}, this one reads {VERSION}). Use "
                f"that release, or {START_AGAIN}."
            )
        return run

    def _damaged(self, name: str, error: object) -> InputError:
        return InputError(f"{self.path / name} is damaged ({error}). It cannot be resumed: {START_AGAIN}.")

    def _write_json(self, name: str, value: Mapping[str, object]) -> None:
        with _writing(self.path / name) as part:
            part.write_text(json.dumps(value, indent=2, ensure_ascii=False), encoding="utf-8")

    def _states(self) -> list[Path]:
        return [*self.path.glob(STATE), *self.path.glob(f"{SHOTS}/*/{STATE}")]

    def _clear(self) -> None:
        for shot in self.shots:
            shot.release()
        for folder in sorted(self.path.glob(f"{SHOTS}/*")):
            WorkFolder(folder, "restart").finish()
        with suppress(OSError):
            (self.path / SHOTS).rmdir()
        for name in SUBFOLDERS:
            self.tensors(name).clear()
            with suppress(OSError):
                (self.path / name).rmdir()
        for name in (STATE, RUN):
            (self.path / name).unlink(missing_ok=True)

    def _clear_parts(self) -> None:
        for folder in (self.path, *(self.path / name for name in SUBFOLDERS)):
            for file in list(folder.glob("*")):
                if file.name.endswith(PART) or UNNAMED.fullmatch(file.name):
                    file.unlink()


def without(names: Collection[str], inputs: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in inputs.items() if name not in names}


@contextmanager
def _writing(path: Path) -> Iterator[Path]:
    """The temporary path of a file that is whole or as it was; what the system refuses is said of the file."""
    try:
        with atomic(path, path.with_name(path.name + PART)) as part:
            yield part
    except (SafetensorError, OSError) as error:
        reason = getattr(error, "strerror", None) or first_words(error)
        raise InputError(
            f"{path} cannot be written ({reason}). Free disk space there, or give another folder (--work)."
        ) from error


def _is_ours(name: str) -> bool:
    known = name.removesuffix(PART) in (LOCK, HOLDER, RUN, STATE, SHOTS, *SUBFOLDERS)
    return known or UNNAMED.fullmatch(name) is not None


class TensorFolder(MutableMapping[str, Tensor]):
    """Tensors by name, each in a file of its own, read when asked for. Names are letters, digits and `-_.`."""

    SUFFIX = ".safetensors"

    def __init__(self, path: Path) -> None:
        self.path = path

    def __getitem__(self, name: str) -> Tensor:
        if not self._file(name).is_file():
            raise KeyError(name)
        try:
            tensor = load_file(self._file(name))["tensor"]
            if not torch.isfinite(tensor).all():
                raise ValueError("it holds NaN or infinity")
        except (SafetensorError, KeyError, OSError, ValueError) as error:
            raise InputError(
                f"{self._file(name)} is damaged ({first_words(error)}). It cannot be resumed: {START_AGAIN}."
            ) from error
        return tensor

    def __contains__(self, name: object) -> bool:
        return self._file(str(name)).is_file()

    def __setitem__(self, name: str, tensor: Tensor) -> None:
        self.path.mkdir(exist_ok=True)
        with _writing(self._file(name)) as part:
            save_file({"tensor": tensor.contiguous()}, part)

    def __delitem__(self, name: str) -> None:
        self._file(name).unlink()

    def __iter__(self) -> Iterator[str]:
        return (file.name.removesuffix(self.SUFFIX) for file in sorted(self.path.glob("*" + self.SUFFIX)))

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def _file(self, name: str) -> Path:
        return self.path / (name + self.SUFFIX)
