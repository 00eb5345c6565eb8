"""Makers of what the repository ships: assets, texts, templates, pictures. `python -m tools.make_locales` runs one."""
