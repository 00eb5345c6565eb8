"""Benchmarks from a specification: which videos are generated under which settings, measured and shown on one page."""
