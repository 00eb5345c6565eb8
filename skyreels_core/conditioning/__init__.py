"""Faces, masks and what the backbone is told about the given pixels."""
