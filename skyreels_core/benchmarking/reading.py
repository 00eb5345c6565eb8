"""A specification as it is read from its file, or the included one of a name."""

from __future__ import annotations

import math
from inspect import signature
from pathlib import Path
from typing import Any, get_args

from ..api.inputs import as_loras, face_of, is_weighted
from ..api.model import load
from ..api.options import OPTIONS
from ..api.weights import FILES
from ..conditioning.crop import CropShape
from ..conditioning.faces import Gaps
from ..conditioning.fitting import SHAPES, Length
from ..errors import InputError, naming
from ..evaluation.metrics.registry import names_in
from .fields import Fields, read_yaml
from .inputs import inputs_of
from .lists import files_of, located
from .spec import OWN, ROPE, Benchmark, Region, Server, Setting, Task

SPECS = Path(__file__).parent / "specs"
SUFFIX = ".yaml"
PATHS = (*FILES, "model")
MODEL_FIELDS = (*signature(load).parameters, ROPE)
# what the front door takes beside its options
CALLS: dict[Task, dict[str, tuple[str, ...]]] = {
    "animate": {"fit": SHAPES},
    "edit": {"length": get_args(Length), "crop": get_args(CropShape)},
}
SAVE_FIELDS = ("crf", "codec", "lossless")
BESIDE = ("masks", "keypoints")  # that may lie beside each portrait or clip
WAYS = ("masks", "keypoints", "dwpose", "yunet")  # to mark what an edit regenerates; one of them
ROLES = ("portrait", "clip", "voice", "prompt", "seed", "mask")  # what a server's workflow is given


def included() -> list[Path]:
    return sorted(SPECS.glob(f"*{SUFFIX}"))


def find(given: str) -> Benchmark:
    """The specification of that path, or the included one of that name, whose paths start at the current folder."""
    path = Path(given)
    own = SPECS / f"{given}{SUFFIX}"
    if path.is_file():
        return read(path, path.absolute().parent)
    if own.parent == SPECS and own.is_file():
        return read(own, Path.cwd())
    names = ", ".join(file.stem for file in included())
    raise InputError(
        f"{given} is neither a file nor an included benchmark. Give the path of a specification, or one of {names}."
    )


def read(path: Path, base: Path) -> Benchmark:
    """Raises InputError, naming file and field, for what cannot be meant, and for inputs that are not there."""
    fields = read_yaml(path)
    task = _choice(fields, "task", ("animate", "edit"), "animate")
    server = _server(fields, base)
    benchmark = Benchmark(
        path,
        fields.text("title", path.stem),
        fields.text("about"),
        task,
        base,
        inputs_of(fields, task, base),
        _region(fields, task, base, server),
        _settings(fields, task, base, server),
        fields.name("baseline", "the name of a setting") or None,
        _metrics(fields),
        _names(fields.texts("columns", "the names of figures, such as [sync_c, sync_d]")),
        _weights(fields, base),
        tuple(files_of(path, "references", fields.texts("references", "files, folders or patterns"), base)),
        _named(fields.section("save", "options of the video files, such as {crf: 18}"), SAVE_FIELDS),
        server,
    )
    fields.end()
    return _checked(benchmark)


def _checked(benchmark: Benchmark) -> Benchmark:
    names = [setting.name for setting in benchmark.settings]
    if benchmark.baseline is not None and benchmark.baseline not in names:
        raise InputError(
            f"{benchmark.file}: the baseline {benchmark.baseline!r} is no setting; choose one of {', '.join(names)}."
        )
    return benchmark


def _region(fields: Fields, task: Task, base: Path, server: Server | None) -> Region:
    folders = {name: fields.text(name) for name in WAYS}
    given = [name for name, value in folders.items() if value]
    wanted = (0, 1) if task == "animate" or server is not None else (1,)
    if task == "animate" and server is None and (useless := [name for name in given if name != "keypoints"]):
        raise InputError(f"{fields.path}: {useless[0]} marks what an edit regenerates; the task is {task}.")
    if len(given) not in wanted:
        raise InputError(
            f"{fields.path}: an edit needs one of {', '.join(WAYS)}, to mark what is regenerated; {len(given)} are "
            "given."
        )
    paths = {
        name: Path(OWN) if name in BESIDE and value == OWN else located(value, base)
        for name, value in folders.items()
        if value
    }
    for name, path in paths.items():
        if path != Path(OWN) and not path.exists():
            raise InputError(
                f"{fields.path}: {name} names {path}, which does not exist. Check the path; it starts at {base}."
            )
    face = fields.take("face", "largest, all, or the number of a face from 0", (str, int), "largest")
    gaps = _choice(fields, "gaps", get_args(Gaps), "pass_through")
    with naming(fields.path):
        return Region(**paths, face=face_of(face), gaps=gaps)


def _settings(fields: Fields, task: Task, base: Path, server: Server | None) -> tuple[Setting, ...]:
    common = _options(fields.section("options", "options of all settings, by name"), task, server)
    model = _model(fields.section("model", "a model folder or files, as skyreels_core.load has them"), base)
    if model and server is not None:
        raise InputError(
            f"{fields.path}: model and server are both given; the server has the model. Leave it out."
        )
    section = fields.section("settings", "settings by name, each with its options")

    def setting(name: str, value: Any) -> Setting:
        if not name.strip():
            raise InputError(
                f"{fields.path}: a setting has an empty name; give it one for its row of the table."
            )
        if not isinstance(value, dict | None):
            raise section.wrong(name, value, "its options by name, such as {audio_guidance: 3}")
        own = Fields(section.path, value or {}, section.where(name))
        other = _model(own.section("model", "a model folder or files"), base)
        if other and server is not None:
            raise section.wrong(name, value, "NODE.INPUT values alone; the server has the model")
        return Setting(name, {**common, **_options(own, task, server)}, {**model, **other})

    found = section.each(setting)
    if not found:
        raise InputError(
            f"{fields.path}: settings is missing: the rows of the table, each with its options by name."
        )
    return tuple(found)


def _options(fields: Fields, task: Task, server: Server | None) -> dict[str, Any]:
    if server is not None:
        return dict(fields.each(lambda name, value: (name, value)))
    if "seed" in fields:
        raise InputError(
            f"{fields.path}: {fields.where('seed')} has a field of its own: seeds, for all settings."
        )
    found = _named(fields, (*(name for name in OPTIONS if name != "seed"), *CALLS[task]))
    for name, choices in CALLS[task].items():
        if name in found and found[name] not in choices:
            raise fields.wrong(name, found[name], f"one of {', '.join(choices)}")
    return found


def _model(fields: Fields, base: Path) -> dict[str, Any]:
    found = _named(fields, MODEL_FIELDS)
    if not isinstance(found.get(ROPE, True), bool):
        raise fields.wrong(ROPE, found[ROPE], "true or false")
    if wrong := next((name for name in PATHS if name in found and not isinstance(found[name], str)), None):
        raise fields.wrong(wrong, found[wrong], "a path")
    if "lora" in found:
        with naming(fields.path):
            found["lora"] = _loras(found["lora"], base)
    return {name: located(value, base) if name in PATHS else value for name, value in found.items()}


def _loras(value: Any, base: Path) -> list[str]:
    """Each as FILE:STRENGTH, relative to `base`."""

    def at_base(one: Any) -> Any:
        if isinstance(one, str):
            return str(located(one, base))
        return (located(one[0], base), one[1]) if is_weighted(one) else one

    several = isinstance(value, list) and not is_weighted(value)
    return [str(lora) for lora in as_loras([at_base(one) for one in value] if several else at_base(value))]


def _named(fields: Fields, names: tuple[str, ...]) -> dict[str, Any]:
    found = {name: fields.content.pop(name) for name in names if name in fields}
    fields.known += names
    fields.end()
    return found


def _server(fields: Fields, base: Path) -> Server | None:
    if "server" not in fields:
        return None
    section = fields.section("server", "url, workflow and inputs")
    workflow = section.text("workflow")
    inputs = section.section("inputs", f"the NODE.INPUT of each of {', '.join(ROLES)}")
    places = {role: place for role in ROLES if (place := inputs.text(role))}
    inputs.end()
    url = section.text("url", "http://127.0.0.1:8188")
    wait = section.take("wait", "seconds", (int, float), 300)
    section.end()
    if not 0 <= wait < math.inf:
        raise section.wrong("wait", wait, "seconds from 0 on")
    if not workflow or not places:
        raise InputError(
            f"{fields.path}: server needs a workflow, of ComfyUI's Export (API), and inputs: which NODE.INPUT takes "
            f"each of {', '.join(ROLES)}."
        )
    return Server(url, located(workflow, base), places, float(wait))


def _choice(fields: Fields, name: str, choices: tuple[str, ...], default: str) -> Any:
    value = fields.text(name, default)
    if value not in choices:
        raise fields.wrong(name, value, f"one of {', '.join(choices)}")
    return value


def _metrics(fields: Fields) -> tuple[str, ...]:
    needed = "the names of metrics, such as [sync, identity]"
    if names := _names(fields.filled("metrics", needed)):
        return names
    raise InputError(f"{fields.path}: metrics holds no name; give {needed}.")


def _weights(fields: Fields, base: Path) -> tuple[Path, ...]:
    """Folders, which need not be there."""
    names = fields.texts("weights", "folders with the metrics' weights")
    found = [located(name, base) for name in names if name.strip()]
    if file := next((path for path in found if path.is_file()), None):
        raise InputError(f"{fields.path}: weights names {file}, a file. Give its folder, {file.parent}.")
    return tuple(found)


def _names(texts: list[str]) -> tuple[str, ...]:
    """Each once; also with commas between them, as on the command line."""
    return tuple(dict.fromkeys(name for text in texts for name in names_in(text)))
