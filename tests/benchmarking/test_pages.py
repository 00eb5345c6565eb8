"""What the page says: intervals, differences from the baseline, videos side by side, nothing from elsewhere."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

import numpy as np
import pytest
from PIL import Image
from spec_files import held, run_of, specified, voice, write_inputs

from skyreels_core.audio.reading import write_wav
from skyreels_core.benchmarking.cells import Cell, Combination
from skyreels_core.benchmarking.folder import Record
from skyreels_core.benchmarking.markdown import plain, results
from skyreels_core.benchmarking.measures import FIGURES
from skyreels_core.benchmarking.report import Page
from skyreels_core.benchmarking.run import Choice
from skyreels_core.benchmarking.spec import Setting
from skyreels_core.benchmarking.table import BETTER, UNCLEAR, WORSE, CellResult, compared, row_of, verdict
from skyreels_core.benchmarking.words import number
from skyreels_core.evaluation.metrics.summary import over_clips

VOID = {"meta", "img", "br", "link", "input"}


@pytest.fixture(scope="module")
def out(tmp_path_factory, bundle_folder):
    """Of two combinations, one of which fails, two settings and two seeds; a video has two windows."""
    folder = write_inputs(tmp_path_factory.mktemp("page"))
    (folder / "portraits" / "anna.png").write_bytes(b"")
    write_wav(folder / "voices" / "welcome.wav", voice(seconds=1))
    run_of(folder, folder / "out", Choice(limit=2), settings={"one step": {}, "a <b> & 'c'": {"steps": 2}},
           seeds=[0, 1], model={"model": str(bundle_folder)}).run()  # fmt: skip
    return folder / "out"


class Tags(HTMLParser):
    def __init__(self):
        super().__init__()
        self.open, self.links, self.count = [], [], {}

    def handle_starttag(self, tag, attrs):
        self.count[tag] = self.count.get(tag, 0) + 1
        self.links += [value for name, value in attrs if name in ("src", "href", "data-poster")]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_the_page_is_whole_and_shows_files_of_its_own_folder_alone(out):
    tags = Tags()
    tags.feed((out / "index.html").read_text())
    tags.close()
    assert tags.open == [] and tags.count["video"] == 2 * 2
    assert tags.links and all((out / unquote(link)).is_file() for link in tags.links)
    text = (out / "index.html").read_text()
    assert not re.search(r"https?:|//cdn|@import|url\(", text)
    assert "a &lt;b&gt; &amp; &#x27;c&#x27;" in text and "<b> & 'c'" not in text
    assert 'preload="none"' in text and "prefers-color-scheme: dark" in text


def test_names_are_no_tags_and_no_lines_of_their_own_in_markdown(out):
    text = (out / "benchmark.md").read_text()
    assert "| a &lt;b> &amp; 'c' |" in text and "# Two &amp; two\n" in text and "<b>" not in text
    assert plain("a\n| b") == "a | b"


def test_stills_are_small_pictures_of_inputs_and_videos(out):
    sizes = [Image.open(path).size for path in (out / "pictures").glob("*.jpg")]
    assert len(sizes) == 4 + 1 and set(sizes) == {(32, 32)}


def test_the_page_names_failed_cells_and_metrics_that_are_left_out(out):
    text = (out / "benchmark.md").read_text()
    assert "one step: " in text and "anna.png cannot be read as a picture" in text and "(2 cells)" in text
    assert "- sync is left out. Put SyncNet" in text
    assert (out / "index.html").read_text().count("cell failed") == 4


def test_the_json_holds_every_cell_with_what_it_was_made_from(out):
    page = held(out)
    assert len(page["cells"]) == 8 and [row["failed"] for row in page["settings"]] == [2, 2]
    done = [cell for cell in page["cells"] if cell["video"]]
    assert all({"sharpness", "flicker", "seam"} <= cell["figures"].keys() for cell in done)
    records = [json.loads((out / cell["record"]).read_text()) for cell in done]
    assert [one["made_from"]["settings"]["seed"] for one in records] == [cell["seed"] for cell in done]
    assert page["settings"][1]["differences"]["sharpness"]["count"] == 1 and page["baseline"] == "one step"


def row(name, values, figure="sync_c", seeds=(0,)):
    """A row with a value for each combination and seed."""
    setting = Setting(name, {}, {})
    cells = [
        CellResult(
            Cell(setting, Combination(index, Path("me.png"), Path("voice.wav"), ""), seed),
            Record(f"{name}{index}{seed}", video="v.mp4", forwards=8),
            {figure: value + seed},
        )
        for index, value in enumerate(values)
        for seed in seeds
    ]
    return row_of(setting, cells, {})


def test_seeds_of_one_combination_are_one_value():
    found = row("a", [1.0, 2.0, 3.0], seeds=(0, 1)).summaries["sync_c"]
    assert found == over_clips([1.5, 2.5, 3.5]) and found.count == 3


def test_p_values_are_pooled_and_not_averaged():
    found = row("a", [0.01, 0.01, 0.01], "lips_p").summaries["lips_p"]
    assert found.value < 0.001 and found.low is None


def test_differences_are_paired_so_that_what_inputs_differ_by_does_not_count():
    base = [1.0, 5.0, 9.0, 3.0]
    better = compared([row("base", base), row("other", [value + 0.5 for value in base])], "base")[1]
    change = better.differences["sync_c"]
    assert np.allclose([change.value, change.low, change.high], 0.5)
    assert better.summaries["sync_c"].low < 5 < better.summaries["sync_c"].high
    lower = compared([row("base", base, "sync_d"), row("x", [v + 0.5 for v in base], "sync_d")], "base")[1]
    assert verdict(FIGURES["sync_c"], change) == BETTER
    assert verdict(FIGURES["sync_d"], lower.differences["sync_d"]) == WORSE
    assert verdict(FIGURES["sync_c"], over_clips([-1.0, 1.0, 0.2])) == UNCLEAR
    assert verdict(FIGURES["sync_offset"], change) == UNCLEAR


def test_the_table_has_arrows_intervals_and_the_best_in_bold(tmp_path):
    benchmark = specified(
        write_inputs(tmp_path), settings={"base": {}, "x": {}}, baseline="base", columns=["sync_c"]
    )
    rows = compared([row("base", [1.0, 2.0, 3.0]), row("x", [2.0, 3.0, 4.0])], "base")
    lines = results(Page(benchmark, rows, ())).splitlines()
    assert lines[0] == "| setting | Sync-C ↑ | Δ |"
    assert lines[2] == "| base | 2.00 [1.00 to 3.00] |  |"
    assert lines[3] == "| x | **3.00** [2.00 to 4.00] | +1.00 [+1.00 to +1.00] (better) |"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (364.71, "365"),
        (38.32, "38.3"),
        (6.05, "6.05"),
        (0.1234, "0.123"),
        (-2.5, "−2.50"),
        (-0.0001, "0.000"),
    ],
)
def test_numbers_have_three_digits_that_count(value, text):
    assert number(value) == text
