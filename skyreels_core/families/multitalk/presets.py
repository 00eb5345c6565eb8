"""How the models of the MultiTalk family are published to be sampled."""

from __future__ import annotations

from dataclasses import replace

from ...run.settings import WAN

# https://github.com/SkyworkAI/SkyReels-V3: generate_video.py ships 4 steps without guidance; the defaults of
# skyreels_v3/pipelines/talking_avatar_pipeline.py are those of a model that is not distilled.
PUBLISHED = replace(WAN, spacing="to_the_end")
SHIPPED = replace(PUBLISHED, steps=4, shift=11.0, text_guidance="1", audio_guidance="1")
GUIDED = replace(PUBLISHED, steps=40, shift=5.0, text_guidance="5", audio_guidance="4")
V3 = {"4 steps, as shipped": SHIPPED, "40 steps with guidance": GUIDED}

# https://github.com/MeiGen-AI/InfiniteTalk: README.md and generate_infinitetalk.py
INFINITETALK = {
    "480p": replace(GUIDED, shift=7.0),
    "720p": replace(GUIDED, shift=11.0, width=1280, height=720),
    "8 steps with FusionX LoRA": replace(GUIDED, steps=8, shift=2.0, text_guidance="1", audio_guidance="2"),
}
