"""How the models of the MultiTalk family are published to be sampled."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

from ...errors import InputError
from ...run.settings import WAN, Settings

# https://github.com/SkyworkAI/SkyReels-V3: generate_video.py ships 4 steps without guidance; the defaults of
# skyreels_v3/pipelines/talking_avatar_pipeline.py are those of a model that is not distilled.
PUBLISHED = replace(WAN, spacing="to_the_end")
SHIPPED = replace(PUBLISHED, steps=4, shift=11.0, text_guidance="1", audio_guidance="1")
GUIDED = replace(PUBLISHED, steps=40, shift=5.0, text_guidance="5", audio_guidance="4")

# https://github.com/Soul-AILab/SoulX-FlashTalk: flash_talk/configs/infer_params.yaml and the timesteps of
# flash_talk/src/pipeline/flash_talk_pipeline.py, which are even and shifted. 33 frames, 5 of them of the window before.
FLASHTALK = replace(
    WAN, width=448, height=768, window=9, overlap=2, steps=4, shift=5.0, solver="lcm", text_guidance="1",
    audio_guidance="1",
)  # fmt: skip
FLASHTALK_NAME = "SoulX-FlashTalk, 4 steps"

# What one layout of files is sampled with: the weights do not say which of the two they are.
V3 = {"4 steps, as shipped": SHIPPED, "40 steps with guidance": GUIDED, FLASHTALK_NAME: FLASHTALK}

# https://github.com/MeiGen-AI/InfiniteTalk: README.md and generate_infinitetalk.py. The README gives 4 steps for
# lightx2v; ComfyUI's template video_wan2_1_infinitetalk takes 6, and both run without CFG at Wan's own shift there.
DISTILLED = replace(GUIDED, shift=8.0, text_guidance="1", audio_guidance="1")
INFINITETALK = {
    "480p": replace(GUIDED, shift=7.0),
    "720p": replace(GUIDED, shift=11.0, width=1280, height=720),
    "8 steps with FusionX LoRA": replace(GUIDED, steps=8, shift=2.0, text_guidance="1", audio_guidance="2"),
    "4 steps with lightx2v LoRA": replace(DISTILLED, steps=4),
    "6 steps with lightx2v LoRA": replace(DISTILLED, steps=6),
}

# The LoRA without which a preset has too few steps, in models/loras
LIGHTX2V = "lightx2v_I2V_14B_480p_cfg_step_distill_rank64_bf16.safetensors"
LORAS = {
    "8 steps with FusionX LoRA": "Wan2.1_I2V_14B_FusionX_LoRA.safetensors",
    "4 steps with lightx2v LoRA": LIGHTX2V,
    "6 steps with lightx2v LoRA": LIGHTX2V,
}


def lora_of(preset: Settings) -> str | None:
    """The file that a preset is for; None for one that needs none."""
    return next((file for name, file in LORAS.items() if INFINITETALK[name] == preset), None)


def check_name(path: Path, preset: Settings) -> None:
    """Raises InputError for a preset of another model than the one that the file, or else its folder, is named after:
    the weights of both have the same names and shapes."""
    for name in (path.name, path.parent.name):
        plain = re.sub(r"[^a-z0-9]", "", name.lower())
        if "flashtalk" in plain or "skyreelsv3" in plain:
            return _check_named(path, "flashtalk" in plain, preset)


def _check_named(path: Path, is_flashtalk: bool, preset: Settings) -> None:
    if is_flashtalk == (preset == FLASHTALK):
        return
    named, other = ("SoulX-FlashTalk", "SkyReels-V3")[:: 1 if is_flashtalk else -1]
    fitting = [name for name, known in V3.items() if (known == FLASHTALK) == is_flashtalk]
    raise InputError(
        f"{path.name} is named after {named}, and the preset is for {other}. Choose the preset "
        f"{' or '.join(map(repr, fitting))}."
    )


def pins_first_frames(preset: Settings) -> bool:
    """Of the models in one file: whether the latents of the first frames are given at every step."""
    return preset == FLASHTALK
