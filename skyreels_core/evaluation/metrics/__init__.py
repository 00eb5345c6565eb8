"""Metrics of any talking video: one interface, each figure by its name, results kept clip by clip, one report."""
