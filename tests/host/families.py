"""For scripts in the host's interpreter, after `load_pack`: a small model of every family that one guider drives, and
what a run of it is told."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import comfy.clip_vision
import comfy.ops
import comfy.sd
import multitalk_files
import torch
from comfy.ldm.wan.model import HumoWanModel, WanModel_S2V
from family_list import EVERY, FAMILIES
from humo_files import tiny_humo, whisper_of_large_v3_shape
from s2v_files import tiny_s2v, wav2vec_of_large_shape
from safetensors.torch import save_file
from skyreels_audio_pack.nodes import families as pack_families
from skyreels_audio_pack.nodes.audio import AudioToTokens
from skyreels_audio_pack.nodes.conditioning import ImageAnimation
from skyreels_audio_pack.nodes.families.humo.nodes import HumoAnimation
from skyreels_audio_pack.nodes.families.multitalk import layers as multitalk
from skyreels_audio_pack.nodes.families.multitalk.nodes import MultiTalkAnimation
from skyreels_audio_pack.nodes.families.s2v.nodes import S2VAnimation
from skyreels_audio_pack.nodes.families.skyreels_audio import loading as loaders
from skyreels_audio_pack.nodes.host.solver import core_sampler
from skyreels_audio_pack.nodes.host.wav2vec import Wav2VecAudioEncoder
from skyreels_audio_pack.nodes.host.whisper import WhisperAudioEncoder
from skyreels_audio_pack.nodes.sampling import Guider
from skyreels_audio_pack.skyreels_core import assets
from skyreels_audio_pack.skyreels_core.families.multitalk.presets import INFINITETALK, V3
from skyreels_audio_pack.skyreels_core.model.multitalk import MultiTalkConfig
from skyreels_audio_pack.skyreels_core.model.wav2vec import Wav2VecStates, load_wav2vec
from skyreels_audio_pack.skyreels_core.model.whisper import WhisperTokens, load_whisper
from skyreels_audio_pack.skyreels_core.sampling.guidance import GuidanceSettings
from skyreels_audio_pack.skyreels_core.sampling.schedule import flow_sigmas
from skyreels_audio_pack.skyreels_core.windows import WindowSettings

SIZE = 64  # pixels
WINDOW, OVERLAP = 5, 2  # latent frames
MULTITALK = MultiTalkConfig(
    dim=multitalk_files.WIDTH, num_layers=multitalk_files.LAYERS, num_heads=2, features=128, intermediate_dim=24,
    context_tokens=4, token_dim=32,
)  # fmt: skip


# A family of these tests: its folder is found where the pack finds its own.
pack_families.__path__.append(str(Path(__file__).parent / "toy_families"))
from skyreels_audio_pack.nodes.families.toy.nodes import ApplyToy, ToyAnimation  # noqa: E402


@dataclass(frozen=True)
class Family:
    load: Callable[[], object]  # its MODEL
    encoder: Callable[[], object]  # its AUDIO_ENCODER
    told: Callable[..., tuple[list, list]]  # from (vae, tokens): positive and negative
    fps: float = 25.0


def drawn(seed: int, *shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def text(seed: int) -> list:
    return [[drawn(seed, 1, 7, multitalk_files.TEXT), {}]]


PICTURE = torch.rand(1, SIZE, SIZE, 3, generator=torch.Generator().manual_seed(4))


def write_files(folder: Path) -> None:
    wan, metadata = multitalk_files.wan(comfy.ops.manual_cast)
    audio = multitalk_files.audio_layers(multitalk.MultiTalkNetwork, MULTITALK, comfy.ops.manual_cast)
    humo, humo_metadata = tiny_humo(HumoWanModel, comfy.ops.disable_weight_init, 36)
    s2v, s2v_metadata = tiny_s2v(WanModel_S2V, comfy.ops.disable_weight_init)
    hearing = {name: tensor.contiguous() for name, tensor in multitalk_files.wav2vec().state_dict().items()}
    save_file(wan, folder / "wan.safetensors", metadata)
    save_file(audio, folder / "infinitetalk.safetensors")
    save_file(wan | audio, folder / "v3.safetensors")
    save_file(multitalk_files.fp8(wan | audio), folder / "v3_fp8.safetensors")
    save_file(humo, folder / "humo.safetensors", humo_metadata)
    save_file(s2v, folder / "s2v.safetensors", s2v_metadata)
    save_file(hearing, folder / "wav2vec.safetensors")


def families(folder: Path) -> dict[str, Family]:
    demo = assets.model() / "model.safetensors"

    def plain(path: Path):
        return comfy.sd.load_diffusion_model(str(path))

    def whisper():
        return WhisperAudioEncoder(load_whisper(assets.model() / "whisper.safetensors"))

    def large_whisper():
        return WhisperAudioEncoder(WhisperTokens(whisper_of_large_v3_shape()))

    def wav2vec():
        return Wav2VecAudioEncoder(load_wav2vec(folder / "wav2vec.safetensors"))

    def large_wav2vec():
        return Wav2VecAudioEncoder(Wav2VecStates(wav2vec_of_large_shape()))

    def infinitetalk():
        preset = next(iter(INFINITETALK.values()))
        return multitalk.apply_infinitetalk(
            plain(folder / "wan.safetensors"), folder / "infinitetalk.safetensors", preset
        )

    def v3(name: str) -> Callable[[], object]:
        return lambda: multitalk.load_v3(folder / name, next(iter(V3.values())))

    kinds = {
        "SkyReels-Audio": Family(lambda: loaders.load_voiced_model(demo), whisper, of_picture),
        "audio layers": Family(lambda: loaders.apply_audio_layers(plain(demo), demo), whisper, of_picture),
        "InfiniteTalk": Family(infinitetalk, wav2vec, of_speaker),
        "SkyReels-V3": Family(v3("v3.safetensors"), wav2vec, of_speaker),
        "SkyReels-V3 in fp8": Family(v3("v3_fp8.safetensors"), wav2vec, of_speaker),
        "HuMo": Family(lambda: plain(folder / "humo.safetensors"), large_whisper, of_reference),
        "Wan2.2-S2V": Family(lambda: plain(folder / "s2v.safetensors"), large_wav2vec, of_sound, 16.0),
        "toy": Family(lambda: ApplyToy.execute(plain(folder / "wan.safetensors")).args[0], whisper, of_toy),
    }
    assert kinds.keys() == EVERY.keys()
    return {name: kinds[name] for name in FAMILIES}


def of_picture(vae, tokens) -> tuple[list, list]:
    return ImageAnimation.execute(text(1), text(2), vae, tokens, SIZE, SIZE, PICTURE).args[:2]


def of_reference(vae, tokens) -> tuple[list, list]:
    return HumoAnimation.execute(text(1), text(2), vae, tokens, SIZE, SIZE, PICTURE).args[:2]


def of_sound(vae, tokens) -> tuple[list, list]:
    return S2VAnimation.execute(text(1), text(2), vae, tokens, SIZE, SIZE, PICTURE).args[:2]


def of_toy(vae, tokens) -> tuple[list, list]:
    return ToyAnimation.execute(text(1), text(2), vae, tokens, SIZE, SIZE, PICTURE).args[:2]


def of_speaker(vae, tokens) -> tuple[list, list]:
    seen = comfy.clip_vision.Output()
    seen["penultimate_hidden_states"] = drawn(7, 1, 257, 1280)
    return MultiTalkAnimation.execute(
        text(1), text(2), vae, PICTURE, SIZE, SIZE, tokens, clip_vision_output=seen
    ).args[:2]


def tokens_of(encoder, latent_frames: int, level: float = 0.3, fps: float = 25.0):
    """What a random voice of this length says."""
    samples = round(16000 * (4 * latent_frames - 3) / fps)
    audio = {"waveform": level * drawn(9, 1, 1, samples), "sample_rate": 16000}
    return AudioToTokens.execute(encoder, audio, fps, 0.0, 0.0, False).args[0]


def sampled(model, told: tuple[list, list], latent_frames: int, scales: tuple[str, str], steps: int = 2):
    """Latents by our guider, with audio and text scales that say how many branches there are."""
    noise = drawn(5, 1, 16, latent_frames, SIZE // 8, SIZE // 8)
    windows, guidance = WindowSettings(WINDOW, OVERLAP), GuidanceSettings(*scales)
    guider = Guider.execute(model, *told, windows, guidance, keep_state=False).args[0]
    sigmas = flow_sigmas(steps, 5.0).float()
    return guider.sample(noise, torch.zeros_like(noise), core_sampler("euler"), sigmas, disable_pbar=True)
