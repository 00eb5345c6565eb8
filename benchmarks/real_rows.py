"""Rows about face crops: on clips of real people, and how much memory they take."""

from __future__ import annotations

from collections.abc import Iterator

from .record import Record
from .row import Row


def crop(r: Record) -> Iterator[Row]:
    people = f"face crop on {r['clips']} clips of real people"
    moved = f"as they are and moved through 1080p ({', '.join(r['motions'])})"
    text = (
        f"missed in {r['lips']}, {r['masked']} of {r['frames']} frames ({r['near']} near the frame's edge while "
        "walking)"
    )
    reached = r["lips"] == r["masked"] == 0 < r["near"]
    yield Row(f"{people}, {moved}: the lips in the box, in the mask", "every frame", text, reached)
    least = min(r["mouth"], key=lambda name: r["mouth"][name])
    own, worst = r["mouth"]["as they are"], r["mouth"][least]
    text = f"{own:.3f} as they are, {worst:.3f} ({least}); zoomed while filmed: up to {r['largest_zoom']:.1f} times"
    yield Row("the same: narrowest mouth, in widths of the box", ">= 0.167", text, worst >= 1 / 6)
    still, rest = r["still_step"], r["rest_step"]
    text = f"{still:.2f} px; before and after a walk {rest:.2f} px"
    yield Row(
        "the same: a still head's box moves from frame to frame", "< 0.25 px", text, max(still, rest) < 0.25
    )
    for way, name in (("mesh", "the mesh"), ("yunet", "YuNet")):
        if (found := r.get(f"cuts_{way}")) is not None:
            kinds = {
                "cuts": "cuts found",
                "faces_only": "boxes at faces only",
                "nothing_crosses": "as if alone",
            }
            text = ", ".join(text if found[kind] else f"NOT {text}" for kind, text in kinds.items())
            claim = f"three shots cut together, one without a face, faces by {name}, {r['clips']} pairs"
            yield Row(claim, "nothing crosses a cut", text, all(found.values()))


def crop_yunet(r: Record) -> Iterator[Row]:
    shipped, left_out = r["shipped"], r["left_out"]
    within = sum(error <= 0.15 for error in left_out)
    text = (
        f"{max(shipped):.3f}; offsets fitted on the others: {max(left_out):.3f}, {within} of {r['clips']} clips "
        f"within; without offsets {max(r['without']):.3f}"
    )
    claim = (
        f"lower-face box by YuNet's 5 points against 478, {r['clips']} clips: worst edge, in eye distances"
    )
    yield Row(claim, "<= 0.15, left out too", text, max(*shipped, *left_out) <= 0.15)


def crop_h264(r: Record) -> Iterator[Row]:
    small, large = r["as_they_are"], r["1080p"]
    exact = all(one["exact"] for one in (*small, *large))
    for where, found in (
        (f"{r['clips']} clips of real people, {', '.join(r['sizes'])}", small),
        (f"1080p with grain of {r['grain']:g} of 255, standing and panned", large),
    ):
        luma, lowest = min(one["luma"] for one in found), min(one["lowest"] for one in found)
        rgb = min(one["rgb"] for one in found)
        text = f"{'exact' if exact else 'changed'}; {luma:.1f} dB (worst frame {lowest:.1f}), RGB {rgb:.1f} dB (4:2:0)"
        claim = (
            f"cropped edit, outside the feathered box, {where}: before encoding and lossless; luma in H.264"
        )
        yield Row(claim, "exact; >= 45 dB", text, exact and luma >= 45)


def crop_memory(r: Record) -> Iterator[Row]:
    short, long = r["runs"][0], r["runs"][-1]
    claim = (
        f"peak memory of a cropped edit ({r['method']}) of 1080p at {r['crop']} px, {long['seconds']:g} s against "
        f"{short['seconds']:g} s; tiny backbone, averages for a VAE"
    )
    text = f"{long['peak_gb']:.2f} GB against {short['peak_gb']:.2f} GB: {r['ratio']:.2f} times"
    whole = long["seconds"] >= 120
    yield Row(
        claim, "<= 1.15 times at 120 s", text, r["ratio"] <= 1.15 if whole or r["ratio"] > 1.15 else None
    )
