"""Runs in the host's interpreter: a wide picture in each node that animates one, by each fit.

python sizes_in_host.py FOLDER. Writes what it found to found.json there.
"""

import json
import sys
from pathlib import Path

from pack_in_host import load_pack

folder = Path(sys.argv[1])
load_pack()

import multitalk_files as files  # noqa: E402
import torch  # noqa: E402
from humo_files import whisper_of_large_v3_shape  # noqa: E402
from skyreels_audio_pack.nodes.audio import AudioToTokens  # noqa: E402
from skyreels_audio_pack.nodes.conditioning import ImageAnimation  # noqa: E402
from skyreels_audio_pack.nodes.families.humo.nodes import HumoAnimation  # noqa: E402
from skyreels_audio_pack.nodes.families.multitalk.layers import payload_of as multitalk_payload_of  # noqa: E402
from skyreels_audio_pack.nodes.families.multitalk.nodes import AddSpeaker, MultiTalkAnimation  # noqa: E402
from skyreels_audio_pack.nodes.families.skyreels_audio.loading import load_demo  # noqa: E402
from skyreels_audio_pack.nodes.host.payload import payload_of  # noqa: E402
from skyreels_audio_pack.nodes.host.wav2vec import Wav2VecAudioEncoder  # noqa: E402
from skyreels_audio_pack.nodes.host.whisper import WhisperAudioEncoder  # noqa: E402
from skyreels_audio_pack.skyreels_core import assets  # noqa: E402
from skyreels_audio_pack.skyreels_core.model.wav2vec import Wav2VecStates  # noqa: E402
from skyreels_audio_pack.skyreels_core.model.whisper import WhisperTokens  # noqa: E402

WIDE, SIDE = (64, 256), 96  # height and width of the picture; of the size that is asked for
FITS = {"none": {}} | {fit: {"fit": fit} for fit in ("keep_shape", "crop", "pad")}
text = [[torch.zeros(1, 4, 64), {}]]


def spoken(encoder):
    waveform = 0.3 * torch.randn(1, 1, 8000, generator=torch.Generator().manual_seed(9))
    audio = {"waveform": waveform, "sample_rate": 16000}
    return AudioToTokens.execute(encoder, audio, 25.0, 0.0, 0.0, False).args[0]


def found(outputs):
    """Height and width of the latent in pixels, and the report."""
    _, _, latent, report = outputs.args
    return {"size": [8 * side for side in latent["samples"].shape[3:]], "report": report.splitlines()}


def demo_node(**fit):
    return ImageAnimation.execute(text, text, vae, demo_voice, SIDE, SIDE, picture, **fit)


def humo_node(**fit):
    return HumoAnimation.execute(text, text, vae, humo_voice, SIDE, SIDE, picture, **fit)


def multitalk_node(**fit):
    return MultiTalkAnimation.execute(text, text, vae, picture, SIDE, SIDE, wav2vec_voice, **fit)


def own_size(**fit):
    return ImageAnimation.execute(text, text, vae, demo_voice, 0, 0, picture, **fit)


def two_speakers():
    """Where the masks of two speakers, the left and the right half of a padded picture, lie in the video: its token
    rows in which there is anybody."""
    left = torch.zeros(1, *WIDE)
    left[:, :, : WIDE[1] // 2] = 1
    first = AddSpeaker.execute(wav2vec_voice, 0.0, left).args[0]
    both = AddSpeaker.execute(wav2vec_voice, 0.0, 1 - left, first).args[0]
    made = MultiTalkAnimation.execute(text, text, vae, picture, SIDE, SIDE, None, both, fit="pad").args[0]
    somebody = multitalk_payload_of(made).voice.masks[:2].amax(0).unflatten(0, (SIDE // 16, SIDE // 16))
    return somebody.amax(1).tolist()


def shown_whole():
    """Whether the padded picture is the one that the sampler is shown, of which no column is lost."""
    shot = payload_of(demo_node(fit="pad").args[0]).visual
    return shot.picture[SIDE // 2].amin().item() > 0 and shot.picture[0].amax().item() == 0


with torch.inference_mode():
    _, _, vae, demo_whisper = load_demo(assets.model())
    picture = 0.2 + 0.8 * torch.rand(1, *WIDE, 3, generator=torch.Generator().manual_seed(6))
    demo_voice = spoken(demo_whisper)
    humo_voice = spoken(WhisperAudioEncoder(WhisperTokens(whisper_of_large_v3_shape())))
    wav2vec_voice = spoken(Wav2VecAudioEncoder(Wav2VecStates(files.wav2vec())))
    places = {"demo": demo_node, "humo": humo_node, "multitalk": multitalk_node, "own": own_size}
    facts = {
        name: {fit: found(call(**given)) for fit, given in FITS.items()} for name, call in places.items()
    }
    humo = {fit: humo_node(**given).args[0][0][1]["reference_latents"][0] for fit, given in FITS.items()}
    facts["humo reference"] = {fit: list(latent.shape[3:]) for fit, latent in humo.items()}
    facts["humo padded"] = not torch.equal(humo["pad"], humo["crop"])
    facts["humo as before"] = torch.equal(humo["none"], humo["crop"])
    facts["two speakers"] = two_speakers()
    facts["whole"] = shown_whole()
(folder / "found.json").write_text(json.dumps(facts), encoding="utf-8")
