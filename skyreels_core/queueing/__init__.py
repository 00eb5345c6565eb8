"""Batches of jobs for a ComfyUI server, over its HTTP API."""
