"""What the pack's source says without being run: its modules, its nodes' schemas, its sentences."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

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


Known = dict[str, Any]  # what a name stands for: the expression of an argument, or a Socket


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
    """Of the steps that the extension lists, and of the families, which it finds."""
    (listed,) = (node.value for node in tree(NODES / "__init__.py").body if target(node) == "STEPS")
    steps = (NODES / f"{step.id}.py" for step in listed.elts)
    families = sorted((NODES / "families").glob("*/*nodes.py"))
    return [schema for path in (*steps, *families) for schema in Module(path).schemas()]


class Module:
    """A node file. Lists of sockets may come from functions of its own or of another one, which are followed."""

    def __init__(self, path: Path) -> None:
        self.path, self.tree = path, tree(path)
        self.functions = {node.name: node for node in self.tree.body if isinstance(node, ast.FunctionDef)}

    def listed(self) -> list[str]:
        """The classes in NODES."""
        found = (node.value for node in self.tree.body if target(node) == "NODES")
        return [element.id for value in found for element in value.elts]

    def schemas(self) -> Iterator[Schema]:
        for node in self.tree.body:
            for call in ast.walk(node) if isinstance(node, ast.ClassDef) else ():
                if isinstance(call, ast.Call) and ast.unparse(call.func) == "io.Schema":
                    options = {keyword.arg: keyword.value for keyword in call.keywords}
                    known = self.assigned(node)
                    sockets = (list(self.sockets(options.get(key), known)) for key in ("inputs", "outputs"))
                    yield Schema(f"{self.path.name}: {node.name}", options, *sockets)

    def assigned(self, node: ast.ClassDef) -> Known:
        """Sockets that a schema takes apart from a list before it names them: `a, b = outputs()`."""
        known: Known = {}
        for found in (line for method in node.body if is_schema(method) for line in method.body):
            if isinstance(found, ast.Assign) and isinstance(found.targets[0], ast.Tuple):
                names = (name.id for name in found.targets[0].elts)
                known |= dict(zip(names, self.sockets(found.value, {}), strict=False))
        return known

    def sockets(self, node: ast.expr | None, known: Known) -> Iterator[Socket]:
        """The sockets of a list, of one, of a name, or of a call to a function."""
        if isinstance(node, ast.List):
            for element in node.elts:
                yield from self.sockets(element, known)
        elif isinstance(node, ast.Starred):
            yield from self.sockets(node.value, known)
        elif isinstance(node, ast.Name):
            yield known[node.id]
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            module, called = self.function(node.func.id)
            names = (argument.arg for argument in called.args.args)
            yield from module.sockets(returned(called), dict(zip(names, node.args, strict=False)))
        elif isinstance(node, ast.Call):
            yield socket(node, known)

    def function(self, name: str) -> tuple[Module, ast.FunctionDef]:
        if name in self.functions:
            return self, self.functions[name]
        imports = (node for node in self.tree.body if isinstance(node, ast.ImportFrom) and node.level)
        found = next(node for node in imports if name in (alias.name for alias in node.names))
        return Module(self.path.parents[found.level - 1] / f"{found.module}.py").function(name)


def socket(call: ast.Call, known: Known) -> Socket:
    options = {keyword.arg: value_of(keyword.value, known) for keyword in call.keywords}
    first = value_of(call.args[0], known) if call.args else options.get("display_name")
    return Socket(ast.unparse(call.func), text(first) or "", options)


def value_of(node: ast.expr, known: Known) -> ast.expr:
    return known.get(node.id, node) if isinstance(node, ast.Name) else node


def is_schema(method: ast.stmt) -> bool:
    return isinstance(method, ast.FunctionDef) and method.name == "define_schema"


def returned(function: ast.FunctionDef) -> ast.expr:
    return next(node.value for node in ast.walk(function) if isinstance(node, ast.Return))


def target(node: ast.stmt) -> str | None:
    """The name that a statement gives a value to."""
    return getattr(node.targets[0], "id", None) if isinstance(node, ast.Assign) else None
