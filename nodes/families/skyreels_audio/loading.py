"""MODEL values of SkyReels-Audio, and the demo, from files."""

from __future__ import annotations

from pathlib import Path

import comfy.sd
import comfy.utils

from ....skyreels_core.errors import InputError
from ....skyreels_core.model.checkpoint import AUDIO_NAME, read_audio_layers
from ....skyreels_core.model.whisper import load_whisper
from ....skyreels_core.run.settings import Settings
from ....skyreels_core.weights.header import Headers, ReadHeader, read_header
from ....skyreels_core.weights.signatures import find_kind
from ...host.model import wan_model
from ...host.text_encoder import load_text_encoder
from ...host.whisper import WhisperAudioEncoder
from .layers import AudioLayers, Read, add_audio_layers

PLAIN = {"wan-t2v", "wan-i2v"}  # kinds of files that hold a backbone alone


def load_voiced_model(path: Path, weight_dtype: str = "default"):
    """A merged file as the host's own Wan model with its audio layers on it."""
    headers = Headers()
    if find_kind(headers(path).shapes) in PLAIN:
        raise InputError(
            f"{path.name} is a Wan backbone without audio layers. Load it with Load Diffusion Model, and put Apply "
            "SkyReels Audio Layers behind that."
        )
    audio, config, metadata = read_audio_layers(path, ["skyreels-audio"], headers)
    model = load_backbone(path, weight_dtype, read=headers)
    model.cached_patcher_init = (load_backbone, (path, weight_dtype))
    return add_audio_layers(model, AudioLayers(audio, config, Settings.of(metadata), model, again(path)))


def again(path: Path) -> Read:
    """Reads the audio layers of a file once more."""
    return lambda: read_audio_layers(path)[0]


def load_backbone(
    path: Path, weight_dtype: str, disable_dynamic: bool = False, read: ReadHeader = read_header
):
    """The host's own Wan model of a merged file. The host calls this too, where a node needs the weights without
    dynamic VRAM, as TorchCompileModel does."""
    prefix = read(path).prefix
    state, metadata = comfy.utils.load_torch_file(str(path), return_metadata=True)
    backbone = {name: t for name, t in state.items() if not AUDIO_NAME.match(name.removeprefix(prefix))}
    return wan_model(backbone, metadata, weight_dtype, disable_dynamic, path.name)


def load_demo(folder: Path) -> tuple:
    """MODEL, CLIP, VAE and AUDIO_ENCODER of a bundle's folder."""
    vae = comfy.sd.VAE(sd=comfy.utils.load_torch_file(str(folder / "vae.safetensors")))
    return (
        load_voiced_model(folder / "model.safetensors"),
        load_text_encoder(folder / "text_encoder.safetensors"),
        vae,
        WhisperAudioEncoder(load_whisper(folder / "whisper.safetensors")),
    )


def apply_audio_layers(model, path: Path):
    """The MODEL with the audio layers of a file, audio-only or merged."""
    audio, config, metadata = read_audio_layers(path)
    return add_audio_layers(model, AudioLayers(audio, config, Settings.of(metadata), model, again(path)))
