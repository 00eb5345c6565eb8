"""A workflow in API format: its nodes by name, and values put into their inputs."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Iterator
from copy import deepcopy
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from ..errors import InputError
from ..typed import BLANKS, read_frame_rate, read_number, read_whole
from .client import Prompt

WIDGETS = ("INT", "FLOAT", "BOOLEAN", "STRING", "COMBO")  # types whose inputs take a value
RATES = ("fps", "frame_rate")  # inputs of frames per second
UPLOADS = ("image_upload", "audio_upload", "video_upload", "file_upload")

# As people and programs write them, and as spreadsheets do in their own languages.
TRUE = {word.casefold() for word in (
    "true", "yes", "on", "t", "y", "1", "1.0", "1,0", "WAHR", "ja", "VRAI", "oui", "VERDADERO", "sí", "VERO", "sì",
    "VERDADEIRO", "WAAR", "PRAWDA", "SANT", "SAND", "SANN", "TOSI", "ИСТИНА", "DOĞRU", "PRAVDA", "IGAZ", "真", "是",
)}  # fmt: skip
FALSE = {word.casefold() for word in (
    "false", "no", "off", "f", "n", "0", "0.0", "0,0", "FALSCH", "nein", "FAUX", "non", "FALSO", "ONWAAR", "nee",
    "FAŁSZ", "FALSKT", "FALSK", "USANN", "EPÄTOSI", "ЛОЖЬ", "YANLIŞ", "NEPRAVDA", "HAMIS", "假", "否",
)}  # fmt: skip
MONTH = r"(jan|feb|m[aä]r|apr|ma[iy]|jun|jul|aug|sep|o[ck]t|nov|de[cz])[a-zä]*"
DATE = re.compile(rf"\d{{1,4}}[./-]\d{{1,2}}[./-]\d{{1,4}}\b|\d[. -]*{MONTH}|{MONTH}[. -]*\d", re.IGNORECASE)
DATED = (
    "It looks like a date that a spreadsheet made of it: give the column the format Text and type it again."
)

NodeInfo = Callable[[str], dict[str, Any] | None]  # `Client.node_info`


@dataclass(frozen=True)
class Workflow:
    prompt: Prompt
    node_info: NodeInfo

    def find(self, target: str) -> tuple[str, str]:
        """Node id and input of `node.input`; the node by id, title or class. Either may contain dots."""
        found = [(ids, name) for node, name in splits(target) if (ids := self.matching(node))]
        if not found:
            raise InputError(
                f"'{target}' names no node of the workflow; write node.input with one of its nodes: "
                f"{', '.join(map(self.describe, self.prompt))}."
            )
        ids, name = next(((ids, name) for ids, name in found if name in self.inputs(ids[0])), found[-1])
        if len(ids) > 1:
            raise InputError(f"'{target}' may mean node {' or '.join(ids)}; name the node by its id.")
        if name not in self.inputs(ids[0]):
            raise InputError(
                f"Node {self.describe(ids[0])} has no input '{name}'; it has {', '.join(self.inputs(ids[0]))}."
            )
        return ids[0], name

    def matching(self, name: str) -> list[str]:
        if name in self.prompt:
            return [name]
        titled = [node for node, entry in self.prompt.items() if own_title(entry) == name]
        return titled or [node for node, entry in self.prompt.items() if entry["class_type"] == name]

    def title(self, node: str) -> str:
        return own_title(self.prompt[node]) or self.prompt[node]["class_type"]

    def describe(self, node: str) -> str:
        if node not in self.prompt:
            return node
        title, kind = self.title(node), self.prompt[node]["class_type"]
        return f'{node} "{title}"' if title == kind else f'{node} "{title}" ({kind})'

    def inputs(self, node: str) -> list[str]:
        return sorted(
            {*self.prompt[node]["inputs"], *declared(self.node_info, self.prompt[node]["class_type"])}
        )

    def spec(self, node: str, name: str) -> tuple[Any, dict[str, Any]]:
        """Type and options of an input, as the server tells them."""
        spec = declared(self.node_info, self.prompt[node]["class_type"]).get(name) or [None]
        return spec[0], spec[1] if len(spec) > 1 else {}

    def takes_uploads(self, node: str, name: str) -> bool:
        return any(self.spec(node, name)[1].get(kind) for kind in UPLOADS)

    def read(self, node: str, name: str, text: str) -> Any:
        """The value that a text stands for in this input."""
        (kind, options), present = self.spec(node, name), self.prompt[node]["inputs"].get(name)
        where = f"'{name}' of node {self.describe(node)}"
        if is_socket(kind) and (present is None or is_link(present)):
            raise InputError(f"{where} takes the output of another node ({kind}), not a value.")
        if kind == "BOOLEAN" or isinstance(present, bool):
            return parse(text, where, "true or false", read_boolean)
        if kind == "INT":
            return parse(text, where, "a whole number", read_whole)
        if kind == "FLOAT" or isinstance(present, (int, float)):
            return parse(text, where, "a number", read_frame_rate if name in RATES else read_number)
        return one_of(kind if isinstance(kind, list) else options.get("options", ()), text)

    def with_values(self, values: dict[tuple[str, str], Any]) -> Prompt:
        prompt = deepcopy(self.prompt)
        for (node, name), value in values.items():
            prompt[node]["inputs"][name] = value
        return prompt


def read_workflow(path: Path, node_info: NodeInfo) -> Workflow:
    try:
        content = json.loads(path.read_text(encoding="utf-8-sig"))
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise InputError(f"{path} cannot be read as a JSON file: {error}.") from error
    if isinstance(content, dict) and "nodes" in content and "links" in content:
        raise InputError(
            f"{path} is a workflow as the canvas saves it; the server's API takes another format. "
            "Open it in ComfyUI and save it with Workflow > Export (API)."
        )
    if not is_prompt(content):
        raise InputError(
            f"{path} is not a workflow; give a JSON file from ComfyUI's menu Workflow > Export (API)."
        )
    return Workflow(content, cache(node_info))


def is_prompt(content: Any) -> bool:
    return isinstance(content, dict) and bool(content) and all(map(is_node, content.values()))


def is_node(entry: Any) -> bool:
    return (
        isinstance(entry, dict)
        and isinstance(entry.get("class_type"), str)
        and isinstance(entry.get("inputs"), dict)
    )


def own_title(entry: dict[str, Any]) -> str | None:
    return (entry.get("_meta") or {}).get("title")


def is_link(value: Any) -> bool:
    return isinstance(value, list) and len(value) == 2


def is_socket(kind: Any) -> bool:
    return isinstance(kind, str) and not set(kind.split(",")) & set(WIDGETS)


def splits(target: str) -> Iterator[tuple[str, str]]:
    parts = target.split(".")
    return ((".".join(parts[:i]), ".".join(parts[i:])) for i in range(1, len(parts)))


def declared(node_info: NodeInfo, class_type: str) -> dict[str, list]:
    inputs = (node_info(class_type) or {}).get("input", {})
    return {**inputs.get("required", {}), **inputs.get("optional", {})}


def parse(text: str, where: str, needed: str, read: Callable[[str], Any]) -> Any:
    try:
        return read(text)
    except ValueError as error:
        reason = f" ({error})" if str(error) else ""
    hint = f" {DATED}" if DATE.search(text) else ""
    raise InputError(f"{where} is {needed}; '{text}' is not{reason}.{hint}")


def read_boolean(text: str) -> bool:
    word = text.strip(BLANKS).casefold()
    if word not in TRUE | FALSE:
        raise ValueError
    return word in TRUE


def one_of(choices: Collection[Any], text: str) -> str:
    """The text; of a choice, without the blanks around it."""
    bare = text.strip(BLANKS)
    return bare if text not in choices and bare in choices else text
