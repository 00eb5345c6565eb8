"""Runs in the host's interpreter: Evaluate Talking Video, of frames in memory and of a trimmed file.

python evaluate_in_host.py FOLDER. Writes what it found to found.json there.
"""

import json
import sys
from pathlib import Path

from pack_in_host import load_pack

folder = Path(sys.argv[1])
load_pack()

import torch  # noqa: E402
from comfy_api.latest import InputImpl, Types  # noqa: E402
from skyreels_audio_pack.nodes.evaluating import EvaluateVideo  # noqa: E402
from skyreels_audio_pack.nodes.host.folders import register_folders  # noqa: E402
from skyreels_audio_pack.nodes.host.footage import footage_of, voice_of  # noqa: E402
from skyreels_audio_pack.skyreels_core.errors import InputError  # noqa: E402
from skyreels_audio_pack.skyreels_core.media.encoding import Encoding  # noqa: E402
from skyreels_audio_pack.skyreels_core.media.sound import Audio  # noqa: E402
from skyreels_audio_pack.skyreels_core.media.writing import write_video  # noqa: E402

FPS, FRAMES, SIDE = 25, 50, 32


def noise(*shape):
    return torch.rand(*shape, generator=torch.Generator().manual_seed(1))


register_folders()  # as the pack does when a server loads it
frames = noise(1, SIDE, SIDE, 3).repeat(FRAMES, 1, 1, 1)
sound = {"waveform": noise(1, 1, FRAMES * 640) - 0.5, "sample_rate": 16000}
video = InputImpl.VideoFromComponents(Types.VideoComponents(images=frames, audio=sound, frame_rate=FPS))
faces = [[{"landmarks_xy": (noise(478, 2) * SIDE).tolist()}] for _ in range(FRAMES)]
landmarks = {"image_size": [SIDE, SIDE], "frames": faces}
mask = torch.zeros(1, SIDE, SIDE)
mask[:, 16:24, 8:24] = 1
report, plot = EvaluateVideo.execute(video, "", video, landmarks, mask).args
alone, _ = EvaluateVideo.execute(video, "continuity, flicker", frames[:1]).args
try:
    EvaluateVideo.execute(video, "nothing")
except InputError as error:
    refused = str(error)

path = folder / "clip.mkv"
write_video(path, frames, FPS, Audio(sound["waveform"][0], 16000), encoding=Encoding(lossless=True))
file = InputImpl.VideoFromFile(str(path))
whole = voice_of(file, footage_of(file)).seconds
part = file.as_trimmed(0.4, 1.0) if hasattr(file, "as_trimmed") else None
trimmed = None if part is None else voice_of(part, footage_of(part)).seconds
found = {
    "report": report, "plot": list(plot.shape), "alone": alone, "refused": refused, "whole": whole, "trimmed": trimmed,
}  # fmt: skip
(folder / "found.json").write_text(json.dumps(found), encoding="utf-8")
