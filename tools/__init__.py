"""Makers of what the repository ships: assets, texts, templates, pictures. `python -m tools.make_locales` runs one.
And `same_results`, which says whether a change of the code has changed a number."""
