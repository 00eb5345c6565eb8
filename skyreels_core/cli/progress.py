"""Progress bars: one for each stage of a run, with the remaining time."""

from __future__ import annotations

from tqdm import tqdm


class Bars:
    """A `pipeline.run.Progress`; leaving the context closes what is open."""

    def __init__(self, leave: bool = True) -> None:
        """leave: whether a bar stays when its stage is over."""
        self.bars: dict[str, tqdm] = {}
        self.leave = leave

    def __enter__(self) -> Bars:
        return self

    def __exit__(self, *error: object) -> None:
        for bar in self.bars.values():
            bar.close()

    def __call__(self, stage: str, done: int, planned: int, what: str) -> None:
        if stage not in self.bars or done < self.bars[stage].n:  # the next shot's
            self.bars[stage] = tqdm(total=planned, desc=stage, leave=self.leave)
        bar = self.bars[stage]
        bar.set_postfix_str(what, refresh=False)
        bar.update(done - bar.n)
        if done == planned:
            bar.close()
