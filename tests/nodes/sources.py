"""What the pack's source says without being run: its modules, its nodes' schemas, its sentences."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

PACK = Path(__file__).resolve().parents[2]
NODES, CORE = PACK / "nodes", PACK / "skyreels_core"
VARIABLE = "…"  # stands for a value in a sentence


def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def modules(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*.py"))


def text(node: ast.expr | None) -> str | None:
    """A string as it is written, a value in it as VARIABLE; None for what is no string."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(text(part) or VARIABLE for part in node.values)
    return None


@cache
def sentences() -> set[str]:
    """Every string of the nodes and the core."""
    found = {
        text(node) for folder in (NODES, CORE) for path in modules(folder) for node in ast.walk(tree(path))
    }
    return {sentence for sentence in found if sentence}


@dataclass(frozen=True)
class Socket:
    kind: str  # as in io.<kind>.Input
    name: str
    options: dict[str, ast.expr]

    @property
    def tooltip(self) -> str | None:
        return text(self.options.get("tooltip"))


@dataclass(frozen=True)
class Schema:
    place: str  # file and class
    options: dict[str, ast.expr]
    inputs: list[Socket]
    outputs: list[Socket]

    @property
    def node_id(self) -> str | None:
        return self.option("node_id")

    def option(self, name: str) -> str | None:
        return text(self.options.get(name))


@cache
def schemas() -> list[Schema]:
    return [schema for path in sorted(NODES.glob("*.py")) for schema in Module(path).schemas()]


class Module:
    """A node file. Lists of sockets may come from its own functions, which are followed."""

    def __init__(self, path: Path) -> None:
        self.path, self.tree = path, tree(path)
        self.functions = {node.name: node for node in self.tree.body if isinstance(node, ast.FunctionDef)}
        self.classes = {node.name: node for node in self.tree.body if isinstance(node, ast.ClassDef)}

    def listed(self) -> list[str]:
        """The classes in NODES."""
        for node in self.tree.body:
            if isinstance(node, ast.Assign) and text_of_target(node) == "NODES":
                return [element.id for element in node.value.elts]
        return []

    def schemas(self) -> Iterator[Schema]:
        for name, node in self.classes.items():
            calls = [
                call for call in ast.walk(node) if isinstance(call, ast.Call) and ends(call.func, "Schema")
            ]
            for call in calls:
                options = {keyword.arg: keyword.value for keyword in call.keywords}
                sockets = (list(self.sockets(options.get(key), {})) for key in ("inputs", "outputs"))
                yield Schema(f"{self.path.name}: {name}", options, *sockets)

    def sockets(self, node: ast.expr | None, given: dict[str, ast.expr]) -> Iterator[Socket]:
        """The sockets of a list, of one, or of a call to a function of this module with the arguments `given`."""
        if isinstance(node, ast.List):
            for element in node.elts:
                yield from self.sockets(element, given)
        elif isinstance(node, ast.Starred):
            yield from self.sockets(node.value, given)
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            called = self.functions[node.func.id]
            names = [argument.arg for argument in called.args.args]
            yield from self.sockets(returned(called), dict(zip(names, node.args, strict=False)))
        elif isinstance(node, ast.Call):
            yield socket(node, given)


def socket(call: ast.Call, given: dict[str, ast.expr]) -> Socket:
    options = {
        keyword.arg: given.get(getattr(keyword.value, "id", None), keyword.value) for keyword in call.keywords
    }
    first = call.args[0] if call.args else options.get("display_name")
    name = text(given.get(getattr(first, "id", None), first))
    return Socket(ast.unparse(call.func), name or "", options)


def returned(function: ast.FunctionDef) -> ast.expr:
    return next(node.value for node in ast.walk(function) if isinstance(node, ast.Return))


def ends(function: ast.expr, name: str) -> bool:
    return isinstance(function, ast.Attribute) and function.attr == name


def text_of_target(node: ast.Assign) -> str | None:
    return getattr(node.targets[0], "id", None)
