"""What the files of the field are called by their weights: a table that tells one model from another.

The names are those of the published files; most are what ComfyUI's `model_detection.py` and `sd.py` look at too.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass

Kind = str  # a key of KINDS
Shapes = Mapping[str, tuple[int, ...]]


@dataclass(frozen=True)
class About:
    title: str  # "FILE is ..."
    place: str  # what takes it
    problem: str = ""  # why no part of this project does


HOST_ONLY = "In ComfyUI, Load Diffusion Model takes it, with ComfyUI's own nodes for it."
NOT_OURS = "No loader or sampler of this project takes it: give a Wan 2.1 or SkyReels-V2 T2V or I2V model."

KINDS: dict[Kind, About] = {
    "skyreels-audio": About(
        "a SkyReels-Audio model, a Wan backbone with its audio layers",
        "Give it as the model (--backbone; in ComfyUI: Load SkyReels-Audio Model).",
    ),
    "wan-t2v": About(
        "a Wan text-to-video backbone",
        "Give it as the model (--backbone; in ComfyUI: Load Diffusion Model, then Apply SkyReels Audio Layers).",
    ),
    "wan-i2v": About(
        "a Wan image-to-video backbone",
        "Give it as the model (--backbone; in ComfyUI: Load Diffusion Model, then Apply SkyReels Audio Layers or "
        "Apply InfiniteTalk).",
    ),
    "audio-layers": About(
        "the audio layers of SkyReels-Audio without a backbone",
        "Give it as the audio layers, beside a Wan 2.1 or SkyReels-V2 backbone (--audio-layers; in ComfyUI: Apply "
        "SkyReels Audio Layers).",
    ),
    "humo": About(
        "a HuMo model", "Its audio layers are of a different kind; in ComfyUI, Load Diffusion Model takes it."
    ),
    "skyreels-v3-a2v": About(
        "a SkyReels-V3 A2V model, or one of the same layout such as SoulX-FlashTalk",
        "Its audio layers are of a different kind; in ComfyUI, Load SkyReels-V3 A2V takes it.",
    ),
    "infinitetalk": About(
        "the audio layers of InfiniteTalk or MultiTalk",
        "Its audio layers are of a different kind; in ComfyUI, Apply InfiniteTalk takes it.",
    ),
    "wan-s2v": About(
        "a Wan 2.2 S2V model (sound to video)",
        "Its audio layers are of a different kind. In ComfyUI, Load Diffusion Model takes it, with S2V Animation.",
    ),
    "wan-vace": About("a Wan VACE model, or the VACE blocks of one", HOST_ONLY, NOT_OURS),
    "wan-animate": About("a Wan 2.2 Animate model", HOST_ONLY, NOT_OURS),
    "wan-camera": About("a Wan Fun Camera model", HOST_ONLY, NOT_OURS),
    "wan-control": About("a Wan Fun Control model", HOST_ONLY, NOT_OURS),
    "wan-flf2v": About("a Wan first-last-frame model (FLF2V)", HOST_ONLY, NOT_OURS),
    "wan-ti2v": About("a Wan 2.2 TI2V 5B backbone", HOST_ONLY, NOT_OURS),
    "wan-scail": About("a SCAIL model on Wan", HOST_ONLY, NOT_OURS),
    "wan-dancer": About("a WanDancer model", HOST_ONLY, NOT_OURS),
    "wan-recam": About("a ReCamMaster model on Wan", "Another node pack loads it.", NOT_OURS),
    "wan-skyreels-df": About(
        "a SkyReels-V2 model that is conditioned on its frame rate", "Another node pack loads it.", NOT_OURS
    ),
    "wan-diffusers": About(
        "a Wan model with the weight names of diffusers",
        "Give the file with Wan's original names, such as ComfyUI's.",
        "It has the weight names of diffusers; Wan's original names are needed.",
    ),
    "fantasy-talking": About(
        "a FantasyTalking model (audio layers for Wan)",
        "Its audio layers are of a different kind; another node pack loads it.",
        "No node of this project takes it: give InfiniteTalk's or SkyReels-Audio's audio layers.",
    ),
    "longcat-avatar": About(
        "a LongCat-Video-Avatar model",
        "Another node pack loads it.",
        "No loader of this project takes it: give an InfiniteTalk, SkyReels-V3 A2V or HuMo model.",
    ),
    "uni3c": About("a Uni3C ControlNet for Wan", "Another node pack loads it.", NOT_OURS),
    "vae": About("a VAE of Wan", "Give it as the VAE (--vae; in ComfyUI: Load VAE)."),
    "vae-diffusers": About(
        "a Wan VAE with the weight names of diffusers",
        "Give its folder, with config.json (--vae), or ComfyUI's wan_2.1_vae.safetensors.",
        "It has the weight names of diffusers; a single file needs Wan's original names.",
    ),
    "tiny-vae": About(
        "a tiny VAE (TAEHV) for previews",
        "In ComfyUI it belongs in models/vae_approx, or Load VAE takes it.",
        "It decodes coarsely and cannot be used as the VAE (--vae): give wan_2.1_vae.safetensors.",
    ),
    "image-vae": About(
        "an image VAE (Stable Diffusion, Flux)",
        "In ComfyUI, Load VAE takes it for such models.",
        "It is for images, not for video: give wan_2.1_vae.safetensors.",
    ),
    "umt5": About(
        "a UMT5 text encoder", "Give it as the text encoder (--text-encoder; in ComfyUI: Load CLIP)."
    ),
    "t5": About(
        "a T5 text encoder, not a UMT5",
        "It belongs to Flux, SD3, LTX and others.",
        "Its vocabulary has {rows} words; Wan needs UMT5-XXL, which has 256384: give umt5_xxl_fp16.safetensors.",
    ),
    "clip-text": About(
        "a CLIP text encoder",
        "It belongs to Stable Diffusion, Flux and others.",
        "Wan needs UMT5-XXL as its text encoder: give umt5_xxl_fp16.safetensors.",
    ),
    "whisper": About(
        "a Whisper encoder", "Give it as the Whisper encoder (--whisper; in ComfyUI: Load Whisper Encoder)."
    ),
    "wav2vec2": About(
        "a wav2vec2 encoder",
        "It encodes the voice for the MultiTalk family; in ComfyUI, Load Wav2Vec2 Encoder takes it.",
    ),
    "clip-vision": About(
        "a CLIP vision encoder",
        "Give it as CLIP vision (in ComfyUI: Load CLIP Vision; --clip-vision takes its folder).",
    ),
    "lora": About("a LoRA", "Give its base model, and the LoRA beside it (--lora; in ComfyUI: Load LoRA)."),
    "unknown": About(
        "an unknown model", "Give a Wan 2.1 or SkyReels-V2 backbone or a SkyReels-Audio model."
    ),
}  # fmt: skip


@dataclass(frozen=True)
class Signature:
    kind: Kind
    names: tuple[str, ...]  # regular expressions, each of which fits a name
    size: tuple[str, int, tuple[int, ...]] | None = None  # of a weight: its name, the axis, what it may be


LORA = (
    r"[._]lora[._](A|B|a|b|up|down|mid)(\.|$)|^lora_(unet|transformer|te\d?|prior)_|lora_linear_layer\."
    r"|\.(lokr_[wt][12]|hada_[wt][12]|b?oft_R|vera_lambda|lora_magnitude_vector)|\.ia3_l(\.|$)"
    r"|\.(dora_scale|b?oft_blocks|oft_diag|diff|diff_b|w_norm|b_norm|set_weight)$"
)
BLOCK = r"^blocks\.\d+\."
WAN_HEAD = "head.head.weight"  # 4 rows for each channel of the latent
T5_WORDS = (384, 32100, 32128, 250100, 250112)  # ByT5, T5 and mT5, as published and as padded

# The first line that fits wins.
SIGNATURES: tuple[Signature, ...] = (
    Signature("unknown", (r"\.(wscales|smooth_factor)$",)),  # nunchaku: its low-rank part looks like a LoRA
    Signature("lora", (LORA,)),
    Signature("lora", (r"\.a1\.weight$", r"\.b2\.weight$")),  # GLoRA
    Signature("humo", (r"^audio_proj\.audio_proj_glob_1\.",)),
    Signature("wan-s2v", (r"^(casual_audio_encoder|audio_injector|frame_packer|trainable_cond_mask)\.",)),
    Signature("fantasy-talking", (rf"^proj_model\.|{BLOCK}cross_attn\.(processor\.)?[kv]_proj\.",)),
    Signature("longcat-avatar", (rf"{BLOCK}audio_cross_attn\.", rf"{BLOCK}(attn\.qkv|ffn\.w1|adaLN_modulation)\.")),
    Signature("wan-animate", (r"^(face_adapter|pose_patch_embedding|motion_encoder)\.",)),
    Signature("wan-dancer", (r"^(patch_embedding_global|music_injector|music_encoder)\.",)),
    Signature("wan-scail", (r"^patch_embedding_(pose|mask)\.",)),
    Signature("uni3c", (r"^controlnet_(blocks|patch_embedding)\.",)),
    Signature("wan-vace", (r"^vace_(blocks|patch_embedding)\.",)),
    Signature("wan-camera", (r"^control_adapter\.",)),
    Signature("wan-recam", (rf"{BLOCK}cam_encoder\.",)),
    Signature("skyreels-v3-a2v", (rf"{BLOCK}audio_cross_attn\.", rf"{BLOCK}self_attn\.")),
    Signature("infinitetalk", (rf"{BLOCK}audio_cross_attn\.",)),
    Signature("skyreels-audio", (rf"{BLOCK}audio_attn\.", rf"{BLOCK}self_attn\.")),
    Signature("audio-layers", (rf"{BLOCK}audio_attn\.",)),
    Signature("wan-skyreels-df", (r"^fps_(embedding|projection)\.",)),
    Signature("wan-flf2v", (r"^img_emb\.emb_pos$",)),
    Signature("wan-control", (r"^ref_conv\.", rf"{BLOCK}self_attn\.")),
    Signature("wan-ti2v", (rf"{BLOCK}cross_attn\.norm_q\.",), (WAN_HEAD, 0, (4 * 48,))),
    Signature("wan-control", (rf"{BLOCK}cross_attn\.norm_q\.",), ("patch_embedding.weight", 1, (48, 52, 64, 100))),
    Signature("wan-i2v", (rf"{BLOCK}cross_attn\.k_img\.",)),
    Signature("wan-t2v", (rf"{BLOCK}cross_attn\.norm_q\.",)),
    Signature("wan-diffusers", (r"^condition_embedder\.time_(proj|embedder)\.", rf"{BLOCK}attn[12]\.to_q\.")),
    Signature("vae", (r"^decoder\.head\.0\.gamma$",)),
    Signature("vae-diffusers", (r"^decoder\.up_blocks\.\d+\.resnets\.\d+\.norm1\.gamma$",)),
    Signature("tiny-vae", (r"^decoder\.22\.bias$",)),
    Signature("image-vae", (r"^decoder\.(up|up_blocks|mid|mid_block)\.", r"^decoder\.conv_in\.weight$")),
    Signature("t5", (r"^encoder\.block\.\d+\.",), ("shared.weight", 0, T5_WORDS)),
    Signature("t5", (r"^encoder\.block\.\d+\.",), ("encoder.embed_tokens.weight", 0, T5_WORDS)),
    Signature("t5", (rf"{BLOCK}attn\.",), ("token_embedding.weight", 0, T5_WORDS)),
    Signature("umt5", (r"^(shared|encoder\.embed_tokens)\.weight$", r"^encoder\.block\.\d+\.")),
    Signature("umt5", (r"^token_embedding\.weight$", rf"{BLOCK}attn\.")),
    Signature("whisper", (r"^(model\.)?(encoder\.)?layers\.\d+\.fc1\.", r"^(model\.)?(encoder\.)?conv2\.")),
    Signature("whisper", (r"^encoder\.blocks\.\d+\.attn\.", r"^encoder\.positional_embedding$")),
    Signature("wav2vec2", (r"^(wav2vec2\.)?feature_extractor\.conv_layers\.",)),
    Signature("clip-vision", (r"^vision_model\.embeddings\.",)),
    Signature("clip-vision", (r"^visual\.(cls_embedding|class_embedding|patch_embedding|conv1|transformer\.)",)),
    Signature("clip-text", (r"(^|\.)text_model\.encoder\.layers\.\d+\.|^transformer\.resblocks\.\d+\.attn\.in_proj",)),
)  # fmt: skip

# Models of others, by a name that only they have; what they are helps whoever took the wrong file.
OTHERS: tuple[tuple[str, str], ...] = (
    ("LTX-Video", r"(^|\.)adaln_single\.emb\.timestep_embedder\."),
    ("HunyuanVideo", r"(^|\.)txt_in\.individual_token_refiner\."),
    ("Flux", r"(^|\.)double_blocks\.\d+\.img_attn\.|(^|\.)single_transformer_blocks\.\d+\."),
    ("Qwen-Image", r"(^|\.)txt_norm\.weight$"),
    ("Stable Diffusion 3", r"(^|\.)joint_blocks\.\d+\."),
    ("Stable Diffusion or SDXL", r"(^|\.)input_blocks\.\d+\.\d+\.|^(down|up)_blocks\.\d+\.resnets\."),
    ("CogVideoX", r"(^|\.)blocks\.\d+\.norm1\.linear\."),
    ("Mochi", r"(^|\.)t5_yproj\."),
    ("Cosmos", r"(^|\.)blocks\.block\d+\.blocks\."),
    ("a VAE of another video model", r"^decoder\.(conv_in\.conv|up_blocks\.\d+\.res_blocks)\."),
    ("HuBERT or WavLM", r"^(hubert|wavlm|data2vec_audio)\."),
    ("a text encoder of llama.cpp", r"^token_embd\.weight$"),
    ("a language model", r"(^|\.)layers\.\d+\.self_attn\.[qkv]_proj\.|(^|\.)lm_head\.weight$"),
)

# What shows that weights are packed, beside their format.
PACKED: tuple[tuple[str, str], ...] = (
    ("quanto", r"\.(_data|weight_qtype|activation_qtype)$"),
    ("bitsandbytes", r"\.(absmax|quant_map|nested_absmax)$|\.quant_state\."),
    ("nunchaku (SVDQuant)", r"\.(wscales|smooth_factor|smooth_factor_orig)$"),
    ("GPTQ or AWQ", r"\.(qweight|qzeros|g_idx)$"),
)


def find_kind(shapes: Shapes) -> Kind:
    """The kind of a file with weights of these names and shapes."""
    text = "\n".join(shapes)
    for signature in SIGNATURES:
        if has_size(shapes, signature) and all(has(text, pattern) for pattern in signature.names):
            return signature.kind
    return "unknown"


def other_model(names: Collection[str]) -> str | None:
    """The name of a model that this project does not use."""
    return first_of(OTHERS, names)


def packer(names: Collection[str]) -> str | None:
    """What packed the weights into a form of its own, such as quanto."""
    return first_of(PACKED, names)


def first_of(table: tuple[tuple[str, str], ...], names: Collection[str]) -> str | None:
    text = "\n".join(names)
    return next((title for title, pattern in table if has(text, pattern)), None)


def has_size(shapes: Shapes, signature: Signature) -> bool:
    if signature.size is None:
        return True
    name, axis, sizes = signature.size
    shape = shapes.get(name, ())
    return axis < len(shape) and shape[axis] in sizes


def has(text: str, pattern: str) -> bool:
    return re.search(pattern, text, re.MULTILINE) is not None
