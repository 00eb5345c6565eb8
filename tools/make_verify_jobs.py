"""The fixed jobs of `skyreels-audio verify`, made of the templates: `python -m tools.make_verify_jobs`.

A template's own files give way to the bundled people, its seed is fixed, and what its nodes report is shown, so that
the server keeps it. `--check` only says what differs.
"""

from __future__ import annotations

import json
import sys
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

from skyreels_core.verification.tasks import JOBS

from .weights import PACK, read_weights

SEED = 7
INPUTS = "SkyReelsAudioDemoInputs"
PORTRAIT, VOICE, FRAMES, RATE, KEYPOINTS = 0, 2, 3, 4, 5  # its outputs
FILES = {"LoadImage": PORTRAIT, "LoadAudio": VOICE}  # nodes that it stands for, with the output that does
REPORTING = {
    "SkyReelsAudioSaveVideo": 1,
    "SkyReelsAudioSampler": 1,
    "SkyReelsAudioComposite": 1,
    "SkyReelsAudioS2VSampler": 1,
}
SAVING = ("SaveVideo", "SkyReelsAudioSaveVideo")
UNUSED = ("RecordAudio", "PreviewImage")


@dataclass(frozen=True)
class Source:
    """template: a name in workflows/api; people, voice: of the node Demo Inputs, "" for the drawn face."""

    family: str
    kind: str
    template: str
    people: str = "Ruby"
    voice: str = "Ruby"
    own: str = ""  # a file of diffusion_models that stands for one of several parts, and so has no link


SOURCES = (
    Source("demo", "animation", "quick_start", "", "voice 1"),
    Source("demo", "dub", "video_edit", "", "voice 1"),
    Source("humo", "animation", "humo"),
    Source("skyreels_v3", "animation", "skyreels_v3"),
    Source("skyreels_v3", "dub", "redub_skyreels_v3"),
    Source("infinitetalk", "animation", "infinitetalk"),
    Source("infinitetalk", "dub", "redub_infinitetalk"),
    Source("flashtalk", "animation", "flashtalk", own="SoulX-FlashTalk-14B.safetensors"),
    Source("s2v", "animation", "s2v"),
)


def main(arguments: list[str]) -> int:
    made = {f"{s.family}_{s.kind}.json": text(s) for s in SOURCES}
    if "--check" not in arguments:
        for path in JOBS.glob("*.json"):
            path.unlink()
        for name, content in made.items():
            (JOBS / name).write_text(content, encoding="utf-8")
        return 0
    there = {path.name: path.read_text(encoding="utf-8") for path in JOBS.glob("*.json")}
    wrong = [name for name in {*made, *there} if made.get(name) != there.get(name)]
    sys.stderr.writelines(f"{name} is not what its template gives\n" for name in sorted(wrong))
    return int(bool(wrong))


def text(source: Source) -> str:
    template = json.loads(
        (PACK / "workflows" / "api" / f"{source.template}.json").read_text(encoding="utf-8")
    )
    prompt = job(source, template)
    task = {
        "family": source.family, "kind": source.kind, "people": source.people, "voice": source.voice,
        "needs": needs(prompt) | ({source.own: "diffusion_models"} if source.own else {}), "prompt": prompt,
    }  # fmt: skip
    return json.dumps(task, indent=1, ensure_ascii=False) + "\n"


def job(source: Source, template: dict[str, Any]) -> dict[str, Any]:
    prompt = deepcopy(template)
    inputs = given(source, prompt)
    for node in list(prompt):
        kind, fields = prompt[node]["class_type"], prompt[node]["inputs"]
        if kind in FILES:
            del prompt[node]
            redirect(prompt, node, [inputs, FILES[kind]])
        elif kind in SAVING:
            fields["filename_prefix"] = f"skyreels-verify/{source.family}_{source.kind}"
        elif kind in UNUSED:
            del prompt[node]
        for name in ("seed", "noise_seed"):
            if name in fields:
                fields[name] = SEED
    for node in list(prompt):
        if (output := REPORTING.get(prompt[node]["class_type"])) is not None:
            prompt[free(prompt)] = {"class_type": "PreviewAny", "inputs": {"source": [node, output]}}
    return prompt


def given(source: Source, prompt: dict[str, Any]) -> str:
    """The node Demo Inputs, added where the template has none."""
    found = next((node for node, entry in prompt.items() if entry["class_type"] == INPUTS), free(prompt))
    values = {"voice": source.voice} | ({"people": source.people} if source.people else {})
    prompt[found] = {"class_type": INPUTS, "inputs": values}
    return found


def free(prompt: dict[str, Any]) -> str:
    return str(max(map(int, prompt)) + 1)


def redirect(prompt: dict[str, Any], node: str, target: list[Any]) -> None:
    """Whoever takes the first output of `node` takes `target`."""
    for entry in prompt.values():
        entry["inputs"] |= {name: target for name, value in entry["inputs"].items() if value == [node, 0]}


def needs(prompt: dict[str, Any]) -> dict[str, str]:
    """Weights files with their folders in ComfyUI/models."""
    known = read_weights().files
    values = {
        value for entry in prompt.values() for value in entry["inputs"].values() if isinstance(value, str)
    }
    return {name: known[name].folder for name in sorted(values & set(known))}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
