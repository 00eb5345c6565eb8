"""Takes rendered beside the training, by processes of their own."""

from __future__ import annotations

import logging
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from skyreels_core.demo.people.shards import Shooting, shoot
from skyreels_core.demo.people.takes import HELD_OUT

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Plan:
    """What is rendered: `takes` to learn from and `held_out` ones, that nothing learns from."""

    folder: Path
    speech: Path
    takes: int
    held_out: int
    size: int  # pixels a side
    processes: int
    supersampling: int = 2
    data: Path | None = None  # of the mesh

    @property
    def places(self) -> tuple[Path, Path]:
        return self.folder / "takes", self.folder / "held_out"

    def shooting(self, folder: Path) -> Shooting:
        size = self.size, self.size
        return Shooting(folder, self.speech, *size, supersampling=self.supersampling, data=self.data)

    def numbers(self) -> tuple[range, range]:
        """Of the takes to learn from and of the others."""
        return range(self.takes), range(HELD_OUT, HELD_OUT + self.held_out)


def render(plan: Plan, until: float) -> int:
    """Render a few takes of either kind, then the rest, until time.monotonic() is `until`; returns their number."""
    (takes, kept), (training, aside) = plan.numbers(), plan.places
    few = 2 * plan.processes
    order = ((training, takes[:few]), (aside, kept), (training, takes[few:]))
    wanted = [(plan.shooting(folder), number) for folder, numbers in order for number in numbers]
    count = 0
    for _ in shoot(wanted, plan.processes):
        count += 1
        if time.monotonic() > until:
            break
    return count


class Background:
    """Rendering in another process, that the training does not wait for once enough is there."""

    def __init__(self, plan: Plan, seconds: float):
        command = [sys.executable, "-m", "tools.train_people", "render", "--output", str(plan.folder)]
        options = {
            "--speech": plan.speech, "--takes": plan.takes, "--held-out": plan.held_out, "--size": plan.size,
            "--processes": plan.processes, "--supersampling": plan.supersampling, "--seconds": seconds,
        }  # fmt: skip
        if plan.data is not None:
            options["--data"] = plan.data
        self.plan = plan
        self.process = subprocess.Popen([*command, *(str(word) for pair in options.items() for word in pair)])

    def wait_for(self, takes: int, until: float) -> int:
        """Until so many takes are there, the time is over or the rendering has ended; how many there are.

        Raises RuntimeError where it ended without any.
        """
        while (count := self.count()) < takes and self.process.poll() is None:
            if time.monotonic() > until and count:
                break
            time.sleep(0.5)
        if not self.count():
            raise RuntimeError(
                f"Rendering ended with {self.process.returncode} and no take; its output is above."
            )
        if self.process.returncode:
            logger.warning("Rendering ended with %d before all takes were there.", self.process.returncode)
        return self.count()

    def count(self) -> int:
        return len(list(self.plan.places[0].glob("take_*.npz")))

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait()
