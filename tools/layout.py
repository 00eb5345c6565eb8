"""Nodes in columns, columns in groups, groups in stages from left to right: where everything stands, in pixels."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

# Of a node, above its position.
TITLE = 30
GROUP_TITLE = 55
# About the width of a letter of a group's title.
LETTER = 12
# Within a group.
PADDING = 20
NODE_GAP, COLUMN_GAP, GROUP_GAP = 35, 50, 20
GRID = 10


@dataclass(frozen=True)
class Note:
    """Counts as a node; its height follows from the text."""

    title: str
    text: str  # Markdown
    width: int = 290


@dataclass(frozen=True)
class Group:
    title: str
    colour: str
    columns: tuple[tuple[int | Note, ...], ...]  # ids of nodes, and notes


@dataclass(frozen=True)
class Layout:
    stages: tuple[tuple[Group, ...], ...]
    sizes: dict[int, tuple[int, int]] = field(default_factory=dict)  # at least these, by id

    @property
    def groups(self) -> Iterator[Group]:
        return (group for stage in self.stages for group in stage)

    @property
    def notes(self) -> list[Note]:
        return [item for item in self._items() if isinstance(item, Note)]

    @property
    def ids(self) -> list[int]:
        return [item for item in self._items() if not isinstance(item, Note)]

    def _items(self) -> Iterator[int | Note]:
        return (item for group in self.groups for column in group.columns for item in column)


Item = int | Note
Size = tuple[int, int]


@dataclass
class Plan:
    """What `arrange` found: left, top, width, height; a node's without its title."""

    nodes: dict[Item, list[int]] = field(default_factory=dict)
    groups: list[tuple[Group, list[int]]] = field(default_factory=list)


def arrange(layout: Layout, sizes: dict[Item, Size]) -> Plan:
    plan, left = Plan(), 0
    for stage in layout.stages:
        width = max(group_width(group, sizes) for group in stage)
        top = 0
        for group in stage:
            height = place(group, left, top, width, sizes, plan)
            plan.groups.append((group, [left, top, width, height]))
            top += height + GROUP_GAP
        left += width + GROUP_GAP
    return plan


def group_width(group: Group, sizes: dict[Item, Size]) -> int:
    return max(columns_width(group, sizes), LETTER * len(group.title)) + 2 * PADDING


def columns_width(group: Group, sizes: dict[Item, Size]) -> int:
    widths = [max(sizes[item][0] for item in column) for column in group.columns]
    return sum(widths) + COLUMN_GAP * (len(widths) - 1)


def place(group: Group, left: int, top: int, width: int, sizes: dict[Item, Size], plan: Plan) -> int:
    """Put a group's nodes into the plan, its columns as wide as `width` allows: the group's height."""
    spare = (width - 2 * PADDING - columns_width(group, sizes)) // len(group.columns)
    x, bottom = left + PADDING, top
    for column in group.columns:
        column_width = max(sizes[item][0] for item in column) + spare
        y = top + GROUP_TITLE
        for item in column:
            height = sizes[item][1]
            plan.nodes[item] = [x, y + TITLE, column_width, height]
            y += TITLE + height + NODE_GAP
        bottom = max(bottom, y - NODE_GAP)
        x += column_width + COLUMN_GAP
    return bottom + PADDING - top


def to_grid(length: float) -> int:
    return GRID * -(-int(length + 0.999) // GRID)
