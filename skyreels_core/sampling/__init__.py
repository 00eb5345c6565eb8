"""The sampling loop: schedule, solvers, guidance, windows, cache. It knows no model."""
