"""Measures of finished videos: lip sync, likeness, seams, drift; and their plots."""
