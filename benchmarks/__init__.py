"""Measurements behind docs/results.md: `python -m benchmarks` makes them all, `python -m benchmarks sync` one."""
