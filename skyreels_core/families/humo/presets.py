"""How HuMo is published to be sampled."""

from __future__ import annotations

from dataclasses import replace

from ...run.settings import WAN
from ..preset import Preset

# Published with https://github.com/Phantom-video/HuMo: humo/configs/inference/generate.yaml and generate_1_7B.yaml,
# scripts/infer_tia.sh and infer_tia_1_7B.sh, and `forward_tia` of humo/generate.py, where the 17B's text guidance
# falls from 5 to 3 at timestep 980 of 50 steps. Its UniPC is a solver of second order, as DPM-Solver++(2M) is. The
# 1.7B's image guidance of 4 has no branch of its own here. Windows are ours: HuMo was trained on 97 frames.
HUMO_17B = replace(
    WAN, width=1280, height=720, window=25, solver="dpmpp_2m", audio_guidance="5.5",
    text_guidance="piecewise:0=5,0.08=5,0.1=3,1=3",
)  # fmt: skip
HUMO_1_7B = replace(HUMO_17B, width=832, height=480, audio_guidance="7.5", text_guidance="7")

# ComfyUI's template video_humo, whose UniPC is of second order too
LORA = "lightx2v_I2V_14B_480p_cfg_step_distill_rank64_bf16.safetensors"
FAST = replace(HUMO_17B, width=640, height=640, steps=6, shift=8.0, audio_guidance="1", text_guidance="1")

PRESETS = {
    "HuMo 17B, 50 steps": Preset(HUMO_17B),
    "HuMo 1.7B, 50 steps": Preset(HUMO_1_7B),
    "HuMo 17B, 6 steps with lightx2v LoRA": Preset(FAST, LORA),
}
