"""Writes what a benchmark leaves: one page as HTML and as Markdown, and all of it as JSON."""

from __future__ import annotations

from pathlib import Path

from .folder import Folder, write_json, write_text
from .markdown import markdown
from .material import Material
from .report import Page
from .stills import Stills
from .webpage import html

HTML, MARKDOWN, JSON = "index.html", "benchmark.md", "benchmark.json"


def write(page: Page, folder: Folder, material: Material) -> Path:
    """Returns the path of the HTML page."""
    write_json(folder.path / JSON, page.contents())
    write_text(folder.path / MARKDOWN, markdown(page))
    write_text(folder.path / HTML, html(page, Stills(folder, material)))
    return folder.path / HTML
