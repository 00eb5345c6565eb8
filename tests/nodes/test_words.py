"""What a user reads is in the field's words: sentences of the code, texts of the nodes, help pages, documents."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from documents import PAGES as DOCUMENTS
from locale_files import LOCALES
from sources import CORE, NODES, PACK, modules, text, tree

INSTEAD = {
    r"reckon\w*": "estimate",
    r"(made|make|makes|making) anew": "regenerate",
    r"in (the|its|their) place( of)?": "instead of",
    r"hears?|heard": "is conditioned on, encodes, is processed as",
    r"is told|are told": "prompt",
    r"what is (not )?seen": "prompt, negative prompt",
    r"what to turn": "tuning",
    r"go(es)? on (with|where|there)|nothing to go on|going on": "resume",
    r"a run that was cut|cut short": "an interrupted run; truncated",
    r"(is|are) another": "has changed",
    r"the way out": "how to fix it",
    r"lets an? \w+ (speak|hear)": "animates, adds audio conditioning to",
    r"takes? back|taken back": "removes",
    r"how like itself": "visual consistency over time",
    r"make room": "free space",
    r"work folder": "run state",
    r"fetch(es|ed|ing)?": "download",
    r"tak(es?|en) (it|them|(that|the|a) \w+( \w+)?) out": "remove",
    r"forwards? of (the|a) (network|model)|\d+ forwards": "forward pass",
    r"(the )?time that is left": "remaining time",
    r"place by place|where which colours": "position by position, the layout of colours",
    r"falls? away from": "scores lower than",
    r"(the picture's|its|of its|in) shape": "aspect ratio",
    r"turned by a quarter": "rotated by 90 degrees",
    r"with the names of (diffusers|transformers)": "in the format of",
    r"pack of nodes": "node pack",
    r"the computer's memory": "system memory",
    r"knows? no \w+": "was not trained on, does not recognise",
    r"wanders?|colours wander": "drift",
    r"without (saying why|its other half)": "without a reason; unclosed",
    r"(the )?front door|the floors": "public API, layers",
    r"as the paper prints": "as printed in the paper",
    r"(was|were) asked for": "what was given, what is needed",
}
# what a Chinese text said too literally, or in two ways, and what it says now
CHINESE = {
    "形状": "宽高比",
    "缺口": "漏检",
    "潜变量": "Latent",
    "无引导的分支": "无条件分支",
    "印法": "印出的算法",
    "边用边读": "逐帧读取",
}
# of classes and functions: a name says what a thing is, a verb what it does
NAMES = {
    "Desk": "JobFactory", "Board": "ProgressBars", "Studio": "DemoContext", "Watch": "EtaTracker", "Making": "RunPlan",
    "Held": "InMemoryFrames", "Cut": "TruncatedFrames", "Arithmetic": "ComputeInfo", "Hearing": "AudioPreprocessing",
    "Unheard": "SamplerGuard", "hides": "drops_picture", "told": "prompt_for", "untold": "unused_prompts",
    "shown": "display_name", "said": "file_line", "heard": "encoder_samples", "hears": "uses_audio",
}  # fmt: skip
OURS = re.compile(rf"\b({'|'.join(INSTEAD)})\b", re.IGNORECASE)
# of the templates' nodes, by which tables of jobs address them
TITLE = re.compile(r'"title": "What is (not )?seen"')


def said(path: Path) -> Iterator[str]:
    """The strings of a module that are more than a name, without its docstrings."""
    module = tree(path)
    silent = {id(node.value) for node in ast.walk(module) if isinstance(node, ast.Expr)}
    for node in ast.walk(module):
        if id(node) not in silent and " " in (found := text(node) or "").strip():
            yield found


def written() -> Iterator[tuple[str, str]]:
    """Each text that reaches a user, and the file that it is in."""
    for folder in (CORE, NODES):
        yield from ((place(path), sentence) for path in modules(folder) for sentence in said(path))
    help_pages, templates = (NODES / "web" / "docs").rglob("*.md"), (PACK / "workflows").rglob("*.json")
    for path in (
        *DOCUMENTS,
        *sorted(help_pages),
        *sorted((LOCALES / "en").glob("*.json")),
        *sorted(templates),
    ):
        yield from ((place(path), line) for line in path.read_text(encoding="utf-8").splitlines())


def place(path: Path) -> str:
    return path.relative_to(PACK).as_posix()


def test_what_a_user_reads_is_in_the_fields_words():
    found = [f"{where}: {sentence}" for where, sentence in written() if OURS.search(TITLE.sub("", sentence))]
    assert found == []


def test_chinese_texts_have_one_term_for_one_thing():
    pages = [*sorted((NODES / "web" / "docs").rglob("zh.md")), *sorted((LOCALES / "zh").glob("*.json"))]
    literal = re.compile("|".join(CHINESE))
    lines = ((place(path), line) for path in pages for line in path.read_text(encoding="utf-8").splitlines())
    assert [f"{where}: {line}" for where, line in lines if literal.search(line)] == []


def test_classes_and_functions_have_plain_names():
    kinds = (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    found = [
        f"{place(path)}: {node.name}, say {NAMES[node.name.strip('_')]}"
        for folder in (CORE, NODES)
        for path in modules(folder)
        for node in ast.walk(tree(path))
        if isinstance(node, kinds) and node.name.strip("_") in NAMES
    ]
    assert found == []


@pytest.mark.parametrize(
    "sentence",
    [
        "The memory is reckoned first.",
        "White is made anew.",
        "Pauses are heard as silence.",
        "The seed is another.",
        "Take that node out.",
        "18 forwards of the network.",
        "The video keeps its shape.",
    ],
)
def test_a_word_of_ours_is_found_in_a_sentence(sentence):
    assert OURS.search(sentence)
