"""The fields of a YAML file, each in its own type; what is wrong is a sentence with the file and the field."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any, TypeVar

import yaml

from ..api.options import described
from ..errors import InputError, first_words
from .lists import read_text

T = TypeVar("T")


class Loader(yaml.SafeLoader):
    """Refuses a field that is given twice, of which YAML would silently drop the first."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            name = str(key.value)
            if name in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"{name!r} is given twice", key.start_mark
                )
            seen.add(name)
        return super().construct_mapping(node, deep)


def read_yaml(path: Path) -> Fields:
    """Raises InputError for what is no mapping of fields."""
    try:
        content = Loader(read_text(path)).get_single_data()
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}). Give a YAML file.") from error
    except yaml.MarkedYAMLError as error:
        raise InputError(
            f"{path}{_place(error)} is not YAML ({_problem(error)}). Correct it there."
        ) from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise InputError(f"{path} is not YAML ({first_words(error)}). Correct it.") from error
    if not isinstance(content, dict):
        raise InputError(f"{path} holds no fields; a benchmark needs at least settings, inputs and metrics.")
    return Fields(path, content)


def _place(error: yaml.MarkedYAMLError) -> str:
    mark = error.problem_mark
    return "" if mark is None else f", line {mark.line + 1}, column {mark.column + 1},"


def _problem(error: yaml.MarkedYAMLError) -> str:
    text = " ".join((error.problem or "").split())[:200]
    return f"{text}; indent with spaces instead of tabs" if "'\\t'" in text else text


class Fields:
    """Takes one field after the other; `end` refuses those that nobody took."""

    def __init__(self, path: Path, content: Mapping[Any, Any], inside: str = "") -> None:
        self.path, self.content, self.inside = path, dict(content), inside
        self.known: list[str] = []

    def __contains__(self, name: str) -> bool:
        return name in self.content

    def take(self, name: str, needed: str, kind: type | tuple[type, ...], default: T) -> Any | T:
        """The value where it is of that kind, else `default` where the field is not there."""
        self.known.append(name)
        value = self.content.pop(name, None)
        if value is None:
            return default
        kinds = kind if isinstance(kind, tuple) else (kind,)
        if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
            raise self.wrong(name, value, needed)
        return value

    def text(self, name: str, default: str = "") -> str:
        return self.take(name, "a text, in quotes", str, default)

    def name(self, name: str, needed: str) -> str:
        """As `each` reads names: also a number; empty where it is not there."""
        return str(self.take(name, needed, (str, int, float), ""))

    def texts(self, name: str, needed: str) -> list[str]:
        """One text, or a list of them."""
        value = self.take(name, needed, (str, list), [])
        texts = [value] if isinstance(value, str) else value
        if not all(isinstance(text, str) for text in texts):
            raise self.wrong(name, value, needed)
        return texts

    def filled(self, name: str, needed: str) -> list[str]:
        """Texts, of which there has to be one."""
        texts = self.texts(name, needed)
        if not texts:
            raise InputError(f"{self.path}: {name} is missing; give {needed}.")
        return texts

    def integers(self, name: str, needed: str, default: Sequence[int]) -> list[int]:
        value = self.take(name, needed, (int, list), list(default))
        numbers = [value] if isinstance(value, int) else value
        if not numbers or not all(isinstance(one, int) and not isinstance(one, bool) for one in numbers):
            raise self.wrong(name, value, needed)
        return numbers

    def section(self, name: str, needed: str) -> Fields:
        """A mapping; an empty one where it is not there."""
        return Fields(self.path, self.take(name, needed, dict, {}), self.where(name))

    def each(self, read: Callable[[str, Any], T]) -> list[T]:
        """Of every field, whatever its name, that is left."""
        left, self.content = self.content, {}
        for name in left:
            if not isinstance(name, str | int | float) or isinstance(name, bool):
                raise InputError(f"{self.path}: the name {name!r} in {self.inside} is no text; quote it.")
        return [read(str(name), value) for name, value in left.items()]

    def end(self) -> None:
        if not self.content:
            return
        name = str(next(iter(self.content)))
        near = get_close_matches(name, self.known, 1)
        hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(self.known)}."
        raise InputError(f"{self.path}: there is no field {self.where(name)}: {hint}")

    def where(self, name: str) -> str:
        return f"{self.inside}.{name}" if self.inside else name

    def wrong(self, name: str, value: object, needed: str) -> InputError:
        return InputError(f"{self.path}: {self.where(name)} is {described(value)}; give {needed}.")


def stated(error: Exception) -> str:
    """An error in a sentence, also one that no user was meant to see."""
    return str(error) if isinstance(error, InputError) else f"{type(error).__name__}: {first_words(error)}."
