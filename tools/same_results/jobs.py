"""Tables of the `queue` command: which node and field a column means, and what its cells stand for."""

from __future__ import annotations

import json
import shutil

from .context import Context
from .findings import Findings
from .trees import Failed

TABLES = {
    "commas": "name,Portrait.image,Voice.audio,SkyReels Audio Sampler.seed,SkyReelsAudioTokens.voice_gate,"
    "Colour.width\r\n"
    'anna,portrait.png,first.wav,1,TRUE,32\r\n"ben, again","second.wav.png",second.wav,2,no,48\r\n',
    "semicolons": "\ufeffname;Portrait.image;SkyReels Audio Sampler.shift;SkyReels Audio Sampler.keep_state;"
    "Image Animation.fit;Colour.color\n"
    "eins;portrait.png;2,5;WAHR;crop;255\nzwei;\"portrait.png\";3,0;FALSCH; pad ;65280\n",
    "tabs": "name\tSkyReels Audio Sampler.audio_guidance\tAudio To Tokens.fps\t100.height\tColour.batch_size\n"
    "a\tlinear:4->2\t29.97\t24\t2\n\t\t30\t32\t1.0\n",
}  # fmt: skip
WORKFLOW = "image_animation_own_weights.json"
SAVERS = ("SaveVideo", "SkyReelsAudioSaveVideo")


def resolved(context: Context) -> Findings:
    """The graphs that the server is given for three tables, and the names of the files that come back."""
    host, found = context.open_host(), {}
    for file in (context.inputs.portrait, context.inputs.first, context.inputs.second):
        shutil.copy(file, context.folder)
    shutil.copy(context.inputs.portrait, context.folder / "second.wav.png")
    workflow = context.folder / "graph.json"
    workflow.write_text(json.dumps(graph(context)), encoding="utf-8")
    for name, table in TABLES.items():
        path = context.folder / f"{name}.csv"
        path.write_text(table, encoding="utf-8", newline="")
        before = set(host.ask("/history"))
        command = ["queue", "--workflow", workflow, "--csv", path, "--server", host.url, "-o", name,
                   "--set", "Colour.color=16711680", "--set", "SkyReels Audio Sampler.steps=7"]  # fmt: skip
        context.tree.make(context.folder, [command])
        history = {key: entry for key, entry in host.ask("/history").items() if key not in before}
        queued = sorted((entry["prompt"][0], entry["prompt"][2]) for entry in history.values())
        if not queued:
            raise Failed(f"The table {name} has queued nothing.")
        for row, (_, prompt) in enumerate(queued, start=1):
            found |= {
                f"{name} {row}: node {node}": json.dumps(entry) for node, entry in sorted(prompt.items())
            }
        found[f"{name}: files"] = json.dumps(sorted(file.name for file in (context.folder / name).iterdir()))
    return found


def graph(context: Context) -> dict[str, dict]:
    """The old tree's workflow without its end, so that no model runs, beside a picture that is saved."""
    path = context.old.path / "workflows" / "api" / WORKFLOW
    nodes = json.loads(path.read_text(encoding="utf-8"))
    kept = {key: node for key, node in nodes.items() if node["class_type"] not in SAVERS}
    colour = {"width": 16, "height": 16, "batch_size": 1, "color": 0}
    return kept | {
        "100": {"class_type": "EmptyImage", "inputs": colour, "_meta": {"title": "Colour"}},
        "101": {"class_type": "SaveImage", "inputs": {"images": ["100", 0], "filename_prefix": "made"}},
    }
