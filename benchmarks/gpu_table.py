"""The table of what GPUs take in docs/weights.md, from docs/results/gpu.json: python -m benchmarks.gpu_table"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from .expected import PAGE
from .record import Record
from .row import Row

SHARE = 0.2  # of an edit, that nothing but sampling should take
START, END = "<!-- measured -->\n", "<!-- /measured -->"


@dataclass(frozen=True)
class Line:
    what: str
    part: str
    keys: tuple[str, ...]


LINES = (
    Line(
        "a forward pass of the core's backbone, Wan I2V 14B: bare / with audio layers", "core",
        ("bare", "with_audio_layers"),
    ),
    Line("the same, compiled (`--compile`)", "core_compiled", ("bare", "with_audio_layers")),
    Line(
        "the same, bare, with attention flash / sage / cudnn", "core",
        ("attention_flash", "attention_sage", "attention_cudnn"),
    ),
    Line("diffusers' `WanTransformer3DModel`, bare", "diffusers", ("bare",)),
    Line("the same, compiled", "diffusers_compiled", ("bare",)),
    Line(
        "with audio layers, `--weights-dtype fp8 --offload group`, at most 24 GiB of the GPU; peak, GiB", "offload",
        ("fp8_with_audio_layers", "peak_gib"),
    ),
    Line("a forward pass in ComfyUI, Wan I2V 14B: bare / with audio layers", "host", ("bare", "with_audio_layers")),
    Line("a step of three branches in ComfyUI, Wan I2V 14B with audio layers", "host", ("three_branches",)),
    Line(
        "a step of two branches in ComfyUI, HuMo 17B: native / with this pack", "host", ("humo_native", "humo_here")
    ),
    Line("81 frames: encode / decode in a stream / unify colours on the CPU", "vae", ("encode", "decode", "finish")),
    Line("decoding 81 frames by ComfyUI's VAE, all at once", "host", ("decode_whole",)),
    Line("what a cache adds to a step, milliseconds", "caches", ("milliseconds_per_step",)),
    Line("a training step of the audio layers, recomputed blocks; peak, GiB", "training", ("step", "peak_gib")),
    Line(
        "a pinned edit, 480x480, 4 steps: landmarks / encode / sample / decode / put back / write", "pinned_edit",
        ("landmarks", "encode", "sample", "decode", "put_back", "write"),
    ),
)  # fmt: skip


def table(entries: list[dict[str, Any]]) -> str:
    heads = ["what", *(f"{entry['gpu']}, torch {entry['torch']}" for entry in entries)]
    rows = [heads, ["---"] * len(heads)]
    rows += [[line.what, *(cell(line, entry["parts"]) for entry in entries)] for line in LINES]
    notes = [f"{e['gpu']}: {e['source']}.\n" for e in entries if "source" in e]
    return "".join(f"| {' | '.join(row)} |\n" for row in rows) + "".join(f"\n{note}" for note in notes)


def cell(line: Line, parts: dict[str, Any]) -> str:
    found = parts.get(line.part, {})
    if "failed" in found:
        return f"failed: {found['failed'].replace('|', '/')}"
    values = [found.get(key) for key in line.keys]
    if all(value is None for value in values):
        return "unmeasured"
    return " / ".join("unmeasured" if value is None else f"{value:.3g}" for value in values)


def gpu(r: Record) -> Iterator[Row]:
    """Of docs/results.md: what has a target."""
    for entry in r["entries"]:
        where, parts = f"{entry['gpu']}, torch {entry['torch']}", entry["parts"]
        where += ", measured before there was this command" * ("source" in entry)
        here, theirs = (parts.get(part, {}).get("bare") for part in ("core", "diffusers"))
        if here and theirs:
            claim = f"a forward pass of Wan I2V 14B, 81 frames at 832x480: core / diffusers; {where}"
            yield Row(claim, "at most diffusers'", f"{here:.2f} / {theirs:.2f} s", here <= theirs)
        share = parts.get("pinned_edit", {}).get("largest_other_share")
        claim = f"a pinned edit with 14B, 480x480, 81 frames, 4 steps: most of it beside sampling; {where}"
        found = "unmeasured" if share is None else f"{share:.0%}"
        yield Row(claim, f"<= {SHARE:.0%}", found, None if share is None else share <= SHARE)


def main() -> None:
    record = Record.load("gpu")
    before, rest = PAGE.read_text(encoding="utf-8").split(START)
    made = table([] if record is None else record["entries"])
    PAGE.write_text(before + START + made + END + rest.split(END)[1], encoding="utf-8")


if __name__ == "__main__":
    main()
