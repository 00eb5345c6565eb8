"""What is left to do, before a model is loaded and without a server."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from statistics import fmean

from ..errors import InputError
from ..run.plan import RunPlan
from .cells import Cell
from .fields import stated
from .run import Run
from .spec import Setting


@dataclass(frozen=True)
class Cost:
    """Of one cell. problem: why it cannot be planned."""

    forwards: int = 0
    seconds: float = 0.0  # of video
    problem: str = ""

    @classmethod
    def of(cls, plan: RunPlan | None) -> Cost:
        return cls() if plan is None else cls(plan.forwards, plan.finished.frames / plan.finished.fps)


@dataclass(frozen=True)
class Estimate:
    """Of one setting. forwards, seconds: of its unfinished cells and of their video; pace: seconds that a forward took
    in the finished ones; None before there are any."""

    setting: Setting
    cells: int
    finished: int
    forwards: int
    seconds: float
    pace: float | None
    problems: tuple[str, ...]  # of cells that cannot be planned

    @property
    def time_left(self) -> float | None:
        """Seconds."""
        return None if self.pace is None else self.forwards * self.pace


def estimate(run: Run, setting: Setting) -> Estimate:
    count, paces, costs = 0, [], []
    known: dict[tuple[object, ...], Cost] = {}  # prompts and seeds cost nothing
    for cell in run.cells(setting):
        count += 1
        record = run.record(cell)
        if not record.done:
            inputs = cell.inputs.shown, cell.inputs.voice
            known[inputs] = known.get(inputs) or _cost(run, cell)
            costs.append(known[inputs])
        elif record.forwards:
            paces.append(record.seconds / record.forwards)
    return Estimate(
        setting, count, count - len(costs), sum(one.forwards for one in costs), sum(one.seconds for one in costs),
        fmean(paces) if paces else None, tuple(one.problem for one in costs if one.problem),
    )  # fmt: skip


def _cost(run: Run, cell: Cell) -> Cost:
    try:
        return Cost.of(run.maker.plan(cell))
    except (InputError, OSError) as error:
        return Cost(problem=stated(error))


def estimates(run: Run) -> Iterator[Estimate]:
    return (estimate(run, setting) for setting in run.settings)
