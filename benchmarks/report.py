"""docs/results.md from the recorded figures."""

from __future__ import annotations

from .record import DOCS, Record

HEAD = """# Results

Every figure here was measured by the command in its row, with the shipped demo model and its one preset unless the
row varies it, on clips whose voice, sentence and face training never met. They need espeak-ng (Debian:
`apt-get install espeak-ng`). A bar that was not reached is marked; nothing is left out.

| claim | bar | measured | command |
|---|---|---|---|
"""
PICTURES = """
## Pictures

`sync.png`: animation and editing of unseen faces, with the curve of the voice and of the measured mouth under each.

![unseen clips](pictures/sync.png)

Another voice on the same video: only the mouth's box is made anew.

![another voice](pictures/another_voice.png)

Twelve frames around a join, for the three ways to join windows (Figure 7 of the paper).

![joins](pictures/fusion.png)

Colour: a known drift while something dark enters; unified; per-frame LAB transfer.

![colour](pictures/colour.png)

Hybrid inference over N.

![hybrid](pictures/hybrid.png)
"""
TEST = "python -m pytest "


def write_report() -> None:
    rows = [row for section in SECTIONS for row in section()]
    (DOCS / "results.md").write_text(HEAD + "".join(rows) + PICTURES, encoding="utf-8")


def _row(claim: str, bar: str, measured: str, command: str, reached: bool | None = None) -> str:
    mark = "" if reached is None else (" ✓" if reached else " **(not reached)**")
    return f"| {claim} | {bar} | {measured}{mark} | `{command}` |\n"


def _tested() -> list[str]:
    return [
        _row("backbone = diffusers' `WanTransformer3DModel`", "<= 1e-4", "asserted", TEST + "tests/model/test_backbone.py"),
        _row("14B I2V layout on the meta device", "1303 keys and shapes", "asserted", TEST + "tests/model/test_backbone.py"),
        _row("untrained audio layers", "bit-identical", "asserted", TEST + "tests/model/test_adapter.py"),
        _row("Whisper tokens = transformers'; 70 s = written-out stitching", "equal; <= 1e-5", "asserted", TEST + "tests/audio/test_whisper.py"),
        _row("fusion = one solver step on fused predictions (float64)", "<= 1e-6", "asserted", TEST + "tests/sampling/test_fusion.py"),
        _row("host = core on the same files (Euler)", "<= 1e-3", "asserted where a ComfyUI is found", TEST + "tests/host"),
    ]


def _sync() -> list[str]:
    r, command = Record.load("sync"), "python -m benchmarks sync"
    if r is None:
        return []
    rows = [
        _row(f"lip sync, {task}: r at lag 0, median / lower quartile of 24", ">= 0.85 / >= 0.7",
             f"{r[f'{task}_median']:.3f} / {r[f'{task}_quartile']:.3f} (the VAE's ceiling {r['ceiling_median']:.3f})",
             command, r[f"{task}_median"] >= 0.85 and r[f"{task}_quartile"] >= 0.7)
        for task in ("animation", "editing")
    ]  # fmt: skip
    slopes = [r["animation_slope"], r["editing_slope"]]
    moves = [r["movement_eyes"], r["movement_head"]]
    return [
        *rows,
        _row("amplitude of the mouth against the drawn one, animation / editing", "0.8-1.2",
             " / ".join(f"{s:.2f}" for s in slopes), command, all(0.8 <= s <= 1.2 for s in slopes)),
        _row("PSNR of the VAE on unseen clips, median / lowest", ">= 26 dB",
             f"{r['vae_psnr_median']:.1f} / {r['vae_psnr_lowest']:.1f} dB", command, r["vae_psnr_median"] >= 26),
        _row("movement of eyes / head against drawn clips", ">= 0.8",
             " / ".join(f"{m:.2f}" for m in moves), command, min(moves) >= 0.8),
    ]  # fmt: skip


def _guidance() -> list[str]:
    r, command = Record.load("guidance"), "python -m benchmarks guidance"
    if r is None:
        return []
    values = [r[name] for name in ("audio_1", "audio_3", "audio_4.5")]
    text = ", ".join(f"{v['median']:.3f} ({v['interval'][0]:.2f}-{v['interval'][1]:.2f})" for v in values)
    medians = [v["median"] for v in values]
    rows = [_row("sync over audio guidance 1, 3, 4.5 (95 % intervals, 3 seeds)", "rises", text, command, medians == sorted(medians))]
    if (n := Record.load("no_rope")) is not None:
        same = f"{n['with_rope']['median']:.3f} against {n['without_rope']['median']:.3f} without"
        rows.append(_row("audio RoPE, two models of the same short training", "far below without", same,
                         "python -m benchmarks no_rope", n["without_rope"]["interval"][1] < n["with_rope"]["interval"][0]))  # fmt: skip
    return rows


def _voice() -> list[str]:
    r, command = Record.load("another_voice"), "python -m benchmarks another_voice"
    if r is None:
        return []
    return [
        _row("another voice on an edited video: r to the new / the old curve", ">= 0.8 / <= 0.15",
             f"{r['new_median']:.3f} / {r['old_median']:.3f} ({r['pairs']} pairs)", command,
             r["new_median"] >= 0.8 and r["old_median"] <= 0.15),
        _row("outside the feathered mask: tensors / lossless file / H.264", "exact / exact / >= 45 dB",
             f"{r['exact_before_encoding']} / {r['exact_lossless']} / {r['h264_psnr_outside']:.1f} dB", command,
             r["exact_before_encoding"] and r["exact_lossless"] and r["h264_psnr_outside"] >= 45),
    ]  # fmt: skip


def _silence() -> list[str]:
    r, command = Record.load("silence"), "python -m benchmarks silence"
    if r is None:
        return []
    text = f"{100 * r['share_median']:.1f} % (worst face {100 * r['share_worst']:.1f} %)"
    return [_row("mouth opening in 4 s of silence, of the same face's in speech", "<= 10 %", text, command, r["share_median"] <= 0.1)]


def _fusion() -> list[str]:
    r, command = Record.load("fusion"), "python -m benchmarks fusion"
    if r is None:
        return []
    text = ", ".join(f"{mode} {r[f'seam_{mode}']:.2f}" for mode in ("bidirectional", "forward", "none"))
    drawn = f"; a drawn clip's own largest change is {max(r['drawn_largest']):.2f}"
    return [
        _row("largest seam over all joins of 12 s, in median frame changes", "<= 1.5", text + drawn, command, r["seam_bidirectional"] <= 1.5),
        _row("the same person over 12 s: 1 - worst second's colour distance / distance between people", "",
             f"{min(r['identity']):.2f} (lowest of {len(r['identity'])})", command),
    ]  # fmt: skip


def _cache() -> list[str]:
    r, command = Record.load("cache"), "python -m benchmarks cache"
    if r is None:
        return []
    text = f"{100 * r['forwards_share']:.0f} % of the forwards, {r['psnr_median']:.1f} dB, sync {r['sync_change_median']:+.3f}"
    reached = r["forwards_share"] <= 0.5 and r["psnr_median"] >= 38 and r["sync_change_median"] >= -0.02
    return [_row(f"TeaCache at threshold {r['threshold']}", "<= 50 %, >= 38 dB, within 0.02", text, command, reached)]


def _colour() -> list[str]:
    r, command = Record.load("colour"), "python -m benchmarks colour"
    if r is None:
        return []
    text = f"error {r['unified_error']:.4f}, flicker {r['unified_flicker']:.4f} (per frame {r['per_frame_error']:.4f}, {r['per_frame_flicker']:.4f}; as it came {r['as_it_came_error']:.4f})"
    reached = r["unified_error"] < r["per_frame_error"] and r["unified_flicker"] < r["per_frame_flicker"]
    return [_row("colour unification on a synthetic drift", "below per-frame LAB transfer's", text, command, reached)]


def _hybrid() -> list[str]:
    r, command = Record.load("hybrid"), "python -m benchmarks hybrid"
    if r is None:
        return []
    steps = zip(r["fractions"], r["sync"], r["outside_psnr"], strict=True)
    return [_row("hybrid inference: N, sync r, outside the box", "whatever it shows", "; ".join(f"{n:.0%} {s:.2f} {o:.1f} dB" for n, s, o in steps), command)]


def _long() -> list[str]:
    r, command = Record.load("long_voice"), "python -m benchmarks long_voice"
    if r is None:
        return []
    text = f"r {r['near_joins']:.3f} within 4 s of a join, {r['elsewhere']:.3f} elsewhere; {r['tokens']} tokens"
    return [_row("70 s: the mouth across the joins of the token chunks", "within 0.02; 3500 tokens", text, command, r["near_joins"] >= r["elsewhere"] - 0.02 and r["tokens"] == 3500)]


def _speed() -> list[str]:
    r, command = Record.load("speed"), "python -m benchmarks speed"
    if r is None:
        return []
    peak = max(r[name]["peak_gb"] for name in ("animate_2s", "animate_10s", "demo"))
    return [
        _row("`animate` on 2 CPU cores", "<= 20 s + 4 s per second of voice",
             f"{r['seconds_to_start']:.1f} s + {r['seconds_per_second']:.2f} s per second", command,
             r["seconds_to_start"] <= 20 and r["seconds_per_second"] <= 4),
        _row("`demo`", "<= 4 min", f"{r['demo']['seconds']:.0f} s", command, r["demo"]["seconds"] <= 240),
        _row("peak memory of the commands", "<= 3 GB", f"{peak:.2f} GB", command, peak <= 3),
    ]  # fmt: skip


SECTIONS = (_tested, _sync, _guidance, _voice, _silence, _fusion, _cache, _colour, _hybrid, _long, _speed)
