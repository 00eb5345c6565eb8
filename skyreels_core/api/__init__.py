"""The public API: what `import skyreels_core` offers, over the pipeline. Imported when it is first asked for."""
