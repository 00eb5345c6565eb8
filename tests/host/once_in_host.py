"""Runs in the host's interpreter: how often one run of the sampler decides something.

python once_in_host.py FOLDER. Writes what it found to found.json there.
"""

import json
import sys
from collections import Counter
from pathlib import Path

from pack_in_host import load_pack

folder = Path(sys.argv[1])
load_pack()

import folder_paths  # noqa: E402
import torch  # noqa: E402
from skyreels_audio_pack.nodes.audio import AudioToTokens  # noqa: E402
from skyreels_audio_pack.nodes.conditioning import ImageAnimation  # noqa: E402
from skyreels_audio_pack.nodes.loaders import LoadDemo  # noqa: E402
from skyreels_audio_pack.nodes.sampling import Sampler  # noqa: E402
from skyreels_audio_pack.skyreels_core.run.plan import RunPlan  # noqa: E402
from skyreels_audio_pack.skyreels_core.run.settings import Settings  # noqa: E402
from skyreels_audio_pack.skyreels_core.windows import WindowPlan  # noqa: E402

import nodes  # noqa: E402

SIZE = 64
counts = Counter()


def count(owner, name, key):
    whole = getattr(owner, name)

    def counting(*args, **kwargs):
        counts[key(*args)] += 1
        return whole(*args, **kwargs)

    setattr(owner, name, counting)


folder_paths.set_output_directory(str(folder / "output"))
with torch.inference_mode():
    model, clip, vae, whisper = LoadDemo.execute().args
    texts = (nodes.CLIPTextEncode().encode(clip, text)[0] for text in ("a person", ""))
    sound = {"waveform": torch.rand(1, 1, 8000) - 0.5, "sample_rate": 16000}
    tokens = AudioToTokens.execute(whisper, sound, 25.0, 0.0, 0.0, False).args[0]
    scene = ImageAnimation.execute(*texts, vae, tokens, SIZE, SIZE, torch.rand(1, SIZE, SIZE, 3)).args[:3]
    count(Settings, "check", lambda settings: "options")
    count(RunPlan, "of", lambda *args: "plans")
    count(WindowPlan, "plan", lambda frames, *args: f"windows of {frames}")
    Sampler.execute(model, *scene, 1, 1, 0.0, "model's own", "1", "1", 3, 1, 0.0, keep_state=False)
(folder / "found.json").write_text(json.dumps(counts), encoding="utf-8")
