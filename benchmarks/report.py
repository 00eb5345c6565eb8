"""docs/results.md from the recorded figures."""

from __future__ import annotations

from collections.abc import Iterator

from .evaluation_rows import evaluate_memory, funnel, lips, notices
from .gpu_table import gpu
from .long_rows import cancel, kill, linear, memory, ten_minutes
from .real_rows import crop, crop_h264, crop_memory, crop_yunet
from .record import DOCS, Record
from .row import Row
from .train_memory import train_memory

HEAD = """# Results

Every figure here was measured by the command in its row, with the shipped demo model and its one preset unless the
row varies it, on clips whose voice, sentence and face were not in the training data. The commands need espeak-ng
(Debian: `apt-get install espeak-ng`). Those of clips of real people need a folder with some, which they describe;
without it they are skipped. A target that was missed is marked; nothing is left out.

| claim | target | measured | command |
|---|---|---|---|
"""
PICTURES = """
## Pictures

Animation and editing of unseen faces, with the curve of the voice and of the measured mouth under each.

![unseen clips](pictures/sync.png)

The same video re-dubbed: only the mouth's box is regenerated.

![another voice](pictures/another_voice.png)

Twelve frames around a join, for the three ways to join windows (Figure 7 of the paper).

![joins](pictures/fusion.png)

Colour: a known drift while something dark enters; unified; per-frame LAB transfer.

![colour](pictures/colour.png)

Hybrid inference over N.

![hybrid](pictures/hybrid.png)
"""


LONG_PICTURES = """
The first and the last four seconds of the ten-minute video.

![ten minutes](pictures/ten_minutes.png)

Likeness, seams and colours over the ten minutes, as `--report` draws them.

![drift](pictures/drift.png)
"""

MEASURED_BY = {"people": "sync"}  # where the command is called otherwise than the figures

TESTED = {
    "tests/model/test_backbone.py": (
        Row("backbone = diffusers' `WanTransformer3DModel`", "<= 1e-4", "asserted"),
        Row("14B I2V layout on the meta device", "1303 keys and shapes", "asserted"),
    ),
    "tests/model/test_adapter.py": (Row("untrained audio layers", "bit-identical", "asserted"),),
    "tests/model/test_whisper.py": (
        Row("Whisper tokens = transformers'; 70 s = written-out stitching", "equal; <= 1e-5", "asserted"),
    ),
    "tests/sampling": (
        Row("fusion = one solver step on fused predictions (float64)", "<= 1e-6", "asserted"),
    ),
    "tests/length": (
        Row("killed while sampling or writing, or cancelled, then resumed", "the same bytes", "asserted"),
    ),
    "tests/host": (
        Row(
            "cancelled in ComfyUI, then queued again",
            "stops within 3 forward passes; the same numbers",
            "asserted where a ComfyUI is found",
        ),
        Row(
            "host = core: latents of animation, editing, text + voice; 1 and 2 windows; Euler, DPM++(2M); TeaCache",
            "<= 1e-3",
            "1e-5, asserted where a ComfyUI is found",
        ),
    ),
}


def sync(r: Record) -> Iterator[Row]:
    for task in ("animation", "editing"):
        median, quartile = r[f"{task}_median"], r[f"{task}_quartile"]
        measured = f"{median:.3f} / {quartile:.3f} (the VAE's ceiling {r['ceiling_median']:.3f})"
        claim = f"lip sync, {task}: r at lag 0, median / lower quartile of 24"
        yield Row(claim, ">= 0.85 / >= 0.7", measured, median >= 0.85 and quartile >= 0.7)
    slopes = [r["animation_slope"], r["editing_slope"]]
    claim = "amplitude of the mouth against the drawn one, animation / editing"
    yield Row(claim, "0.8-1.2", _slashed(slopes), all(0.8 <= s <= 1.2 for s in slopes))
    quality = f"{r['vae_psnr_median']:.1f} / {r['vae_psnr_lowest']:.1f} dB"
    yield Row(
        "PSNR of the VAE on unseen clips, median / lowest", ">= 26 dB", quality, r["vae_psnr_median"] >= 26
    )
    moves = [r["movement_eyes"], r["movement_head"]]
    yield Row("movement of eyes / head against drawn clips", ">= 0.8", _slashed(moves), min(moves) >= 0.8)


def people(r: Record) -> Iterator[Row]:
    """Of a model that learned from rendered people; at 192 pixels and more is asked for more."""
    large = min(r["height"], r["width"]) >= 192
    median, quartile, quality = (0.88, 0.75, 30) if large else (0.85, 0.7, 26)
    for task in ("animation", "editing"):
        follows, ceiling = r[task], r["ceiling"]
        size, values = f"{r['width']}x{r['height']}", [follows["opening_median"], follows["opening_quartile"]]
        yield Row(
            f"rendered people at {size}, {task}: r of the lips' opening at lag 0, median / lower quartile of 24",
            f">= {median} / >= {quartile}",
            f"{_slashed(values, '.3f')} (the VAE's ceiling {ceiling['opening_median']:.3f})",
            values[0] >= median and values[1] >= quartile,
        )
        text = ", ".join(
            f"{n} {follows[f'{n}_median']:.2f} ({ceiling[f'{n}_median']:.2f})" for n in ("width", "teeth")
        )
        yield Row(f"rendered people, {task}: r of other measures (the VAE's ceiling)", "", text)
        yield Row(
            f"amplitude of the lips against the rendered ones, {task}", "no target", f"{follows['slope']:.2f}"
        )
        closed = f"{100 * follows['closed']:.0f} % of {follows['closures']}"
        yield Row(f"lips closed on p b m, {task}", ">= 90 %", closed, follows["closed"] >= 0.9)
        seen = f"{100 * follows['pupils']:.1f} %, at most {follows['frames_lost']} frames without"
        yield Row(f"both pupils visible, {task}", ">= 99 %", seen, follows["pupils"] >= 0.99)
        balanced, chance = follows["visemes_balanced"], follows["visemes_chance"]
        claim = f"visemes closed / teeth / rounded / open seen as said, {task}: balanced, chance"
        yield Row(claim, ">= 2 x chance", f"{balanced:.2f}, {chance:.2f}", balanced >= 2 * chance)
    measured = f"{r['vae_psnr_median']:.1f} / {r['vae_psnr_lowest']:.1f} dB"
    claim = "PSNR of the VAE on unseen people, median / lowest"
    yield Row(claim, f">= {quality} dB", measured, r["vae_psnr_median"] >= quality)
    moves = [r["movement_eyes"], r["movement_head"]]
    yield Row("movement of eyes / head against rendered clips", ">= 0.8", _slashed(moves), min(moves) >= 0.8)
    jump = 255 * r["edge_jump"]
    claim = "the step over the edge of an edit's box beyond the source's, of 255"
    yield Row(claim, "<= 2", f"{jump:.2f}", jump <= 2)


def guidance(r: Record) -> Iterator[Row]:
    values = [r[name] for name in ("audio_1", "audio_3", "audio_4.5")]
    medians = [v["median"] for v in values]
    text = ", ".join(map(_interval, values))
    yield Row("sync over audio guidance 1, 3, 4.5 (95 %, 3 seeds)", "rises", text, medians == sorted(medians))


def no_rope(r: Record) -> Iterator[Row]:
    here, gone = r["with_rope"], r["without_rope"]
    text = f"{_interval(here)} with, {_interval(gone)} without"
    claim = "audio RoPE: two models of the same short training"
    yield Row(claim, "far below without", text, gone["interval"][1] < here["interval"][0])


def another_voice(r: Record) -> Iterator[Row]:
    new, old = r["new_median"], r["old_median"]
    claim = f"a re-dubbed video: r to the new / the old curve, {r['pairs']} pairs"
    yield Row(claim, ">= 0.8 / <= 0.15", f"{new:.3f} / {old:.3f}", new >= 0.8 and old <= 0.15)
    exact, lossless, lossy = r["exact_before_encoding"], r["exact_lossless"], r["h264_luma"]
    claim = "outside the feathered mask: tensors / lossless file / H.264"
    kept = ["exact" if same else "changed" for same in (exact, lossless)]
    measured = f"{kept[0]} / {kept[1]} / {lossy:.1f} dB luma, {r['h264_rgb']:.1f} dB RGB (4:2:0 colour)"
    yield Row(claim, "exact / exact / >= 45 dB", measured, exact and lossless and lossy >= 45)


def silence(r: Record) -> Iterator[Row]:
    text = f"{100 * r['share_median']:.1f} % (worst face {100 * r['share_worst']:.1f} %)"
    claim = "mouth opening in 4 s of silence, of the same face's in speech"
    yield Row(claim, "<= 10 %", text, r["share_median"] <= 0.1)


def fusion(r: Record) -> Iterator[Row]:
    seams = ", ".join(f"{mode} {r[f'seam_{mode}']:.2f}" for mode in ("bidirectional", "forward", "none"))
    text = f"{seams}; anywhere {max(r['anywhere']):.2f}; in drawn clips {max(r['drawn_largest']):.2f}"
    claim = "largest change at a join of 12 s, outside the lower face, in median frame changes"
    yield Row(claim, "<= 1.5", text, r["seam_bidirectional"] <= 1.5)
    claim = "the same person over 12 s: 1 - the worst second's colour distance / that between people"
    yield Row(claim, "", f"{min(r['identity']):.2f} (lowest of {len(r['identity'])} faces)")


def cache(r: Record) -> Iterator[Row]:
    share, quality, change = r["forwards_share"], r["psnr_median"], r["sync_change_median"]
    text = f"{100 * share:.0f} % of the forward passes, {quality:.1f} dB, sync {change:+.3f}"
    reached = share <= 0.5 and quality >= 38 and abs(change) <= 0.02
    yield Row(f"TeaCache at threshold {r['threshold']}", "<= 50 %, >= 38 dB, within 0.02", text, reached)
    for found in r.get("methods", []):
        quality = f"{found['psnr_median']:.1f} dB (lowest {found['psnr_lowest']:.1f})"
        text = f"{quality}, sync {found['sync_change_median']:+.3f}"
        yield Row(f"{found['method']}, {100 * found['forwards_share']:.0f} % of the forward passes", "", text)
    if "published" in r:
        text = ", ".join(f"{name} {100 * share:.0f} %" for name, share in r["published"].items())
        yield Row("MagCache on the curves published for Wan: steps reused", "no target", text)


def apg(r: Record) -> Iterator[Row]:
    for found in r["rows"]:
        parts = (f"{name} {_interval(found[name])}" for name in ("sync", "amplitude", "colour"))
        yield Row(f"audio guidance {found['scale']:g}, {found['way']}", "no target", "; ".join(parts))


def joins(r: Record) -> Iterator[Row]:
    for found in r["rows"]:
        low, high = found["interval"]
        text = (
            f"{found['at']:.2f} at {found['joins']} joins, {found['between']:.2f} midway; difference "
            f"{found['difference']:+.2f} ({low:+.2f} to {high:+.2f}); sync {found['sync']:.3f}"
        )
        claim = f"change at joins of 12 s, 12 steps, 95th percentile in usual changes: {found['way']}"
        yield Row(claim, "no more than midway", text, low <= 0)


def colour(r: Record) -> Iterator[Row]:
    ways = {"unified": "unified", "per_frame": "per frame", "as_it_came": "uncorrected"}
    text = ", ".join(
        f"{name} {r[f'{way}_error']:.4f} / {r[f'{way}_flicker']:.3f}" for way, name in ways.items()
    )
    reached = all(r[f"unified_{what}"] < r[f"per_frame_{what}"] for what in ("error", "flicker"))
    claim = "colour unification on a synthetic drift: error / flicker"
    yield Row(claim, "below per-frame LAB transfer's", text, reached)


def hybrid(r: Record) -> Iterator[Row]:
    steps = zip(r["fractions"], r["sync"], r["outside_psnr"], strict=True)
    text = "; ".join(f"{n:.0%}: {s:.2f}, {o:.1f} dB" for n, s, o in steps)
    yield Row("hybrid inference, N: sync r, outside the box before compositing", "no target", text)


def pinned(r: Record) -> Iterator[Row]:
    count, masks, free = r["clips"], r["masks"], r["pinned"]
    new, old = r["new_apart"], r["old_apart"]
    claim = f"pinned editing, mask channels unused, {count} clips: r to the new voice, trained masks / pinned"
    text = f"{_interval(masks['new'])} / {_interval(free['new'])}; by clip {_signed(new)}"
    yield Row(claim, "within 0.02", text, abs(new["median"]) <= 0.02)
    text = f"{_interval(masks['old'])} / {_interval(free['old'])}; by clip {_signed(old)}"
    yield Row("the same: r to the old voice", "at most 0.03 more", text, old["median"] <= 0.03)
    text = f"{_db(masks['outside'])} / {_db(free['outside'])}"
    claim = "the same: outside the box, before compositing"
    yield Row(claim, ">= 27.5 dB pinned", text, free["outside"]["median"] >= 27.5)
    shifts = ", ".join(f"{name} {free[name]['median']:+.2f}" for name in ("L", "a", "b"))
    jumps = " / ".join(f"{way['jump']['median']:.1f}" for way in (masks, free))
    claim = "the same: colour of the ring, pinned; step over the mask's edge beyond the source's, of 255"
    yield Row(claim, "no target", f"{shifts}; {jumps}")


def rates(r: Record) -> Iterator[Row]:
    for name in ("23.976", "29.97", "60"):
        found = r[name]
        claim = (
            f"pinned editing of {name} fps, {r['clips']} clips: r to the new voice (by clip, against 25 fps)"
        )
        kept = "outside exact, rate kept" if found["exact"] and found["kept"] else "outside or rate changed"
        text = f"{found['new']:.3f} ({_signed(found['apart'])}); {kept}"
        reached = found["apart"]["median"] >= -0.03 and found["exact"] and found["kept"]
        yield Row(claim, "at most 0.03 less; exact", text, reached)


def long_voice(r: Record) -> Iterator[Row]:
    near, far = r["near_joins"], r["elsewhere"]
    text = f"r {near:.3f} within 4 s of a join, {far:.3f} elsewhere; {r['tokens']} tokens"
    claim = "70 s: the mouth across the joins of the token chunks"
    yield Row(claim, "within 0.02; 3500 tokens", text, abs(near - far) <= 0.02 and r["tokens"] == 3500)


def speed(r: Record) -> Iterator[Row]:
    start, rate, demo = r["seconds_to_start"], r["seconds_per_second"], r["demo"]["seconds"]
    claim = "`animate` on 2 CPU cores"
    reached = start <= 20 and rate <= 4
    yield Row(claim, "<= 20 s + 4 s per second of voice", f"{start:.1f} s + {rate:.2f} s per second", reached)
    yield Row("`demo`", "<= 4 min", f"{demo:.0f} s", demo <= 240)
    peak = max(r[name]["peak_gb"] for name in ("animate_2s", "animate_10s", "demo"))
    yield Row("peak memory of the commands", "<= 3 GB", f"{peak:.2f} GB", peak <= 3)


def comfyui(r: Record) -> Iterator[Row]:
    first, again = r["first_run_seconds"], r["other_guidance_seconds"]
    claim = f"quick start in ComfyUI {r['comfyui']} on 2 CPU cores: first run / another guidance / the command line"
    measured = f"{first:.0f} s / {again:.0f} s / {r['command_seconds']:.0f} s"
    yield Row(claim, "<= 120 s", measured, first <= 120)


def decode(r: Record) -> Iterator[Row]:
    lengths = r["lengths"]
    claim = f"streamed decode = whole decode at {lengths} lengths of 33 to 481 frames: core"
    yield Row(claim, "bit for bit", f"{r['core_equal']} of {lengths}", r["core_equal"] == lengths)
    if "comfyui" in r:
        claim = f"the same by the VAE of ComfyUI {r['comfyui']}, two latent frames at once as it does itself"
        yield Row(claim, "bit for bit", f"{r['host_equal']} of {lengths}", r["host_equal"] == lengths)
        text = (
            f"{r['chunkings_equal']} of {r['chunkings']} bit for bit, furthest {r['chunkings_furthest']:.0e}"
        )
        claim = "the same in every even number of latent frames at once, three lengths"
        yield Row(claim, "<= 1e-5", text, r["chunkings_furthest"] <= 1e-5)


def same_bytes(r: Record) -> Iterator[Row]:
    runs = r["runs"]
    counts = [r[name] for name in ("within_a_process", "in_other_processes", "on_one_core")]
    sets = f"{r['on_older_sets']} of {len(r['older_sets'])} ({', '.join(r['older_sets'])})"
    claim = f"the same bytes, {r['ways']} encodings: in a process / in others / on one core / older instruction sets"
    measured = f"{', '.join(f'{count} of {runs}' for count in counts)}, {sets}; {r['cpu']}"
    yield Row(claim, "all", measured, {*counts} == {runs} and r["on_older_sets"] == len(r["older_sets"]))


def scaling(r: Record) -> Iterator[Row]:
    least = [r["least_of_8"], r["least_of_64"]]
    claim = "devices' time used for ten minutes of 14B, estimated: 8 / 64 GPUs, 1 to 3 branches, the least"
    text = f"{_slashed(least)} (the paper's 8: {r['paper_of_8']:.2f})"
    yield Row(claim, ">= 0.95", text, min(least) >= 0.95)


def parallel(r: Record) -> Iterator[Row]:
    for way, found in r["ways"].items():
        text = found.get("refused") or f"{found['seconds']:.1f} s, latents differ by {found['differs']:.1g}"
        yield Row(f"several devices, {r['devices']}: {way}", "no target", text)


SECTIONS = (
    sync, people, guidance, no_rope, another_voice, silence, fusion, cache, colour, hybrid, long_voice, speed,
    memory, linear, ten_minutes, kill, cancel, decode, same_bytes, comfyui, pinned, rates, apg, joins,
    crop, crop_yunet, crop_h264, crop_memory, gpu, lips, notices, evaluate_memory, funnel, scaling, parallel,
    train_memory,
)  # fmt: skip


def write_report() -> None:
    rows = [row.markdown(f"python -m pytest {path}") for path, tested in TESTED.items() for row in tested]
    for section in SECTIONS:
        name = section.__name__
        if (record := Record.load(name)) is not None:
            command = f"python -m benchmarks {MEASURED_BY.get(name, name)}"
            rows += [row.markdown(command) for row in section(record)]
    pictures = PICTURES + (LONG_PICTURES if Record.load("ten_minutes") is not None else "")
    (DOCS / "results.md").write_text(HEAD + "".join(rows) + pictures, encoding="utf-8")


def _slashed(values: list[float], form: str = ".2f") -> str:
    return " / ".join(format(value, form) for value in values)


def _interval(value: dict) -> str:
    low, high = value["interval"]
    return f"{value['median']:.3f} ({low:.2f} to {high:.2f})"


def _signed(value: dict) -> str:
    low, high = value["interval"]
    return f"{value['median']:+.3f} ({low:+.3f} to {high:+.3f})"


def _db(value: dict) -> str:
    low, high = value["interval"]
    return f"{value['median']:.1f} dB ({low:.1f} to {high:.1f})"
