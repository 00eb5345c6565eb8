"""How Wan2.2-S2V is published to be sampled."""

from __future__ import annotations

from dataclasses import replace

from ...run.settings import WAN
from ..preset import Preset

# https://github.com/Wan-Video/Wan2.2: wan/configs/wan_s2v_14B.py and generate.py. Its UniPC is a solver of second
# order, as DPM-Solver++(2M) is; one scale guides text and voice together, as two equal ones do here. Windows are ours,
# of the published chunk's length.
PUBLISHED = replace(
    WAN, width=1024, height=704, fps=16.0, window=20, overlap=5, steps=40, shift=3.0, solver="dpmpp_2m",
    text_guidance="4.5", audio_guidance="4.5",
)  # fmt: skip

# ComfyUI's template video_wan2_2_14B_s2v
LORA = "wan2.2_t2v_lightx2v_4steps_lora_v1.1_high_noise.safetensors"
FAST = replace(PUBLISHED, steps=4, shift=8.0, text_guidance="1", audio_guidance="1")
TEMPLATE = replace(PUBLISHED, steps=20, shift=8.0, text_guidance="6", audio_guidance="6")

PRESETS = {
    "Wan2.2-S2V, 40 steps": Preset(PUBLISHED),
    "Wan2.2-S2V, 20 steps": Preset(TEMPLATE),
    "Wan2.2-S2V, 4 steps with lightx2v LoRA": Preset(FAST, LORA),
}
