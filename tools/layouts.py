"""How each template is laid out: the steps its nodes stand in, the notes, and where the weights come from."""

from __future__ import annotations

from .layout import Group, Layout, Note

MODEL, INPUT, TEXT, VOICE, GUIDE, SAMPLE, VIDEO = (
    "#4f9ac4", "#8fb573", "#d0a540", "#c87bc0", "#9a9ad8", "#d0804a", "#cf8f8f",
)  # fmt: skip

# Least width and height where a node shows more than its fields: text to write in, a picture, a plot, a video.
SIZES = {
    "CLIPTextEncode": (290, 110),
    "LoadImage": (290, 340),
    "LoadAudio": (290, 140),
    "PreviewImage": (300, 340),
    "SaveVideo": (340, 460),
    "SkyReelsAudioCFGScheduler": (290, 300),
    "SkyReelsAudioSampler": (350, 0),
    "SkyReelsAudioSaveVideo": (340, 760),
}

# Height in pixels of what a node says after a run, under its fields.
REPORTS = {
    "SkyReelsAudioTokens": 60,
    "SkyReelsAudioFaceMask": 90,
    "SkyReelsAudioImageAnimation": 90,
    "SkyReelsAudioVideoEdit": 90,
    "SkyReelsAudioHuMo": 90,
    "SkyReelsAudioS2V": 90,
    "SkyReelsAudioS2VSampler": 120,
    "SkyReelsAudioMultiTalk": 90,
    "SkyReelsAudioWindows": 100,
    "SkyReelsAudioTeaCache": 90,
    "SkyReelsAudioSampler": 200,
    "SamplerCustomAdvanced": 60,
    "SkyReelsAudioColorUnify": 90,
    "SkyReelsAudioComposite": 90,
    "SkyReelsAudioSaveVideo": 90,
}

DEMO = "The demo model of drawn faces comes with the pack: 96x96 pixels, no download, and a CPU is enough."

QUICK_START = Note(
    "Quick start",
    f"""Press **Run**. In about half a minute the portrait talks, at the right.

{DEMO}

Then try another voice in *Demo Inputs*, or another seed in *SkyReels Audio Sampler*. Fields at 0 or empty there come
from the model's own file; the report lists what was used. *Save Talking Video* takes the voice, its frame rate and the
portrait's colours from the latent.""",
)
IMAGE_ANIMATION = Note(
    "With weights of your own",
    """`skyreels_audio_14B.safetensors` stands for a model that you trained: no weights of that size are public. Put it
into `models/diffusion_models`.

Text encoder, VAE and Whisper are public. Where one is missing, ComfyUI's list of errors offers the download.

For a plain Wan 2.1 or SkyReels-V2 file with audio layers in a separate file, use *Load Diffusion Model* and
*Apply SkyReels Audio Layers* instead of *Load SkyReels-Audio Model*.""",
)
HUMO_ANIMATION = Note(
    "HuMo",
    """HuMo animates your portrait with the same sampler. Its files are public: where one is missing, ComfyUI's list of
errors offers the download.

**6 steps, no CFG**, with the lightx2v LoRA, as in ComfyUI's own template. For 50 steps bypass *Load LoRA* and choose
*HuMo 17B, 50 steps* in *Sampling Preset*. The report of *SkyReels Audio Sampler* says what was used.

Files: HuMo 17B in fp8 (17 GB), the LoRA (0.74 GB), UMT5-XXL, the VAE, Whisper large v3. VRAM: 24 GB, estimated.
Time: not measured; ComfyUI's template gives none.

Licence of the weights: Apache-2.0.""",
)
INFINITETALK = Note(
    "InfiniteTalk",
    """InfiniteTalk animates your portrait, on a plain Wan 2.1 image-to-video model of 14B. All files are public: where
one is missing, ComfyUI's list of errors offers the download.

**6 steps, no CFG**, with the lightx2v LoRA, as in ComfyUI's own template; a preset has 4. For 40 steps bypass
*Load LoRA* and choose *480p* in *Apply InfiniteTalk*. For two people choose the multi file, and give each voice with
*Speaker*.

Files: Wan 2.1 I2V 14B (33 GB, 16 GB in fp8), InfiniteTalk (2.7 to 5.1 GB), the LoRA (0.74 GB), UMT5-XXL, the VAE, CLIP
vision H, wav2vec2. VRAM: 24 GB in fp8, 48 GB in bf16, estimated. Time: 10 s of video take about 10 minutes on an
RTX 4090, estimated; ComfyUI's template gives none.

Licence of the weights: Apache-2.0.""",
)
S2V = Note(
    "Wan2.2-S2V",
    """Wan2.2-S2V animates your portrait at 16 frames a second, chunk after chunk. Its files are public: where one is
missing, ComfyUI's list of errors offers the download. This pack was tried with tiny random weights only.

**4 steps, no CFG**, with the lightx2v LoRA, as in ComfyUI's own template, which says that the LoRA costs quality. For
40 steps bypass *Load LoRA* and choose *Wan2.2-S2V, 40 steps* in *Sampling Preset*.

Files: Wan2.2-S2V 14B in fp8 (16 GB), the LoRA (1.2 GB), UMT5-XXL, the VAE, wav2vec2-large. VRAM: 24 GB, estimated.
Time: not measured; ComfyUI's template gives none.

*SkyReels Audio Sampler* takes the same wires, for windows that are blended at every step.

Licence of the weights: Apache-2.0.""",
)
SKYREELS_V3 = Note(
    "SkyReels-V3 A2V",
    """SkyReels-V3 animates your portrait. All files are public: where one is missing, ComfyUI's list of errors offers
the download.

*4 steps, as shipped* needs one forward pass per step. The other preset uses text and audio CFG, and takes longer.

Licence of the weights: Skywork Community License, commercial use under its terms.""",
)
VIDEO_EDIT = Note(
    "Lip-sync of a video",
    f"""Re-dubs a video: only the lower face is regenerated, every pixel beyond the mask is unchanged.

{DEMO}

The faces of the demo's video are included. For a video of your own use *Load Video*, *Get Video Components* and
*Load DWPose*, and a model that you trained: the demo draws a drawn mouth on everybody.""",
)
REDUB_INFINITETALK = Note(
    "Re-dub a video with InfiniteTalk",
    """The mouth follows the new voice; every pixel beyond the feathered mask is the video's own. InfiniteTalk never
saw a mask: the rest of the video is put back at every step. *Unverified*: tried on tiny networks only.

4 steps with the lightx2v LoRA, one forward pass each. 10 s of video take an RTX 4090 about 7 minutes in 24 GB with
fp8, estimated at 832x480; for a larger video use *Face Crop*, or set width and height. All files are public: where
one is missing, ComfyUI's list of errors offers the download.

For a video of your own connect *Load Video* and *Get Video Components* instead of *Demo Inputs*, and *Load DWPose*
instead of `keypoints` to the face mask. Licence of the weights: Apache-2.0.""",
)
REDUB_SKYREELS_V3 = Note(
    "Re-dub a video with SkyReels-V3 A2V",
    """The mouth follows the new voice; every pixel beyond the feathered mask is the video's own. SkyReels-V3 never saw
a mask: the rest of the video is put back at every step. *Unverified*: tried on tiny networks only.

4 steps as shipped, one forward pass each. 10 s of video take an RTX 4090 about 7 minutes in 24 GB with fp8, estimated
at 832x480; for a larger video use *Face Crop*, or set width and height.

For a video of your own connect *Load Video* and *Get Video Components* instead of *Demo Inputs*, and *Load DWPose*
instead of `keypoints` to the face mask. Licence of the weights: Skywork Community License, commercial use under its
terms.""",
)
CONVERSATION = Note(
    "Two people, two voices",
    """Both people of a video say something else, each with a voice of their own; whoever is silent is left alone.
InfiniteTalk's multi file drives both. *Unverified*: tried on tiny networks only.

*Speaker* sets who speaks where and from when; the second one starts after half a second here. 4 steps with the
lightx2v LoRA. 10 s of video take an RTX 4090 about 7 minutes in 24 GB with fp8, estimated at 832x480; for a larger
video use *Face Crop*, or set width and height.

Faces are numbered from the largest. Licence of the weights: Apache-2.0.""",
)
FLASHTALK = Note(
    "SoulX-FlashTalk",
    """FlashTalk is InfiniteTalk's network, distilled to 4 steps without guidance. Download all its parts into
`models/diffusion_models/SoulX-FlashTalk-14B`, and choose any of them in *Load SkyReels-V3 A2V*. *Unverified*:
tried on tiny networks only.

One forward pass per step; bf16 weights of 38 GB need 48 GB, or part of them in system memory.

*Motion-Frame Sampler* samples as published, with the last frames of each window as the first of the next. Licence of
the weights: Apache-2.0.""",
)
LONG_VIDEO = Note(
    "Any length",
    f"""The model processes 33 frames at once. *Windows* covers the whole voice; neighbouring windows share 9 frames,
which are blended at every sampling step.

*Save Talking Video* decodes a few frames at a time, removes their colour drift from the portrait, and writes them: an
hour needs the memory of a few seconds.

{DEMO}""",
)
ADVANCED = Note(
    "Every part separately",
    f"""The quick start with ComfyUI's own sampling nodes: samplers, schedulers, LoRA and previews that work with
*SamplerCustomAdvanced* work here.

{DEMO}""",
)
SCHEDULES = Note(
    "Guidance over the steps",
    """`4.5` is constant, `linear:4->3` goes from the first value to the second, `cosine:3->1@0.4` gets there after 40 %
of the steps. The plot shows both.""",
)

# A sampler stands lowest in its group: ComfyUI's live preview makes it grow.
LAYOUTS = {
    "quick_start": Layout(
        (
            (Group("1. Model and inputs", MODEL, ((QUICK_START, 1, 2),)),),
            (Group("2. Prompt", TEXT, ((3, 4),)), Group("3. Voice", VOICE, ((5,),))),
            (Group("4. Conditions and sampling", SAMPLE, ((6, 7),)),),
            (Group("5. Video", VIDEO, ((8,),)),),
        ),
        {3: (290, 60)},
    ),
    "image_animation_own_weights": Layout(
        (
            (Group("1. Models", MODEL, ((IMAGE_ANIMATION, 1, 2, 5, 6),)),),
            (Group("2. Portrait and voice", INPUT, ((7, 8, 9),)),),
            (Group("3. Prompt", TEXT, ((3, 4),)), Group("4. Guidance and cache", GUIDE, ((11, 12),))),
            (Group("5. Conditions and sampling", SAMPLE, ((10, 13),)),),
            (Group("6. Video", VIDEO, ((14, 15, 16),)),),
        ),
        {},
    ),
    "humo": Layout(
        (
            (Group("1. Models", MODEL, ((HUMO_ANIMATION, 1, 15, 16, 2, 5, 6),)),),
            (Group("2. Portrait and voice", INPUT, ((7, 8, 9),)),),
            (Group("3. Prompt", TEXT, ((3, 4),)),),
            (Group("4. Conditions and sampling", SAMPLE, ((10, 11),)),),
            (Group("5. Video", VIDEO, ((12, 13, 14),)),),
        ),
        {4: (290, 240)},
    ),
    "infinitetalk": Layout(
        (
            (Group("1. Models", MODEL, ((INFINITETALK, 1, 18, 2, 3, 6, 7),)),),
            (Group("2. Portrait and voice", INPUT, ((8, 9, 12),)),),
            (
                Group("3. Prompt", TEXT, ((4, 5),)),
                Group("4. The portrait, encoded", GUIDE, ((10, 11),)),
            ),
            (Group("5. Conditions and sampling", SAMPLE, ((13, 14),)),),
            (Group("6. Video", VIDEO, ((15, 16, 17),)),),
        ),
        {5: (290, 240)},
    ),
    "s2v": Layout(
        (
            (Group("1. Models", MODEL, ((S2V, 1, 15, 16, 2, 5, 6),)),),
            (Group("2. Portrait and voice", INPUT, ((7, 8, 9),)),),
            (Group("3. Prompt", TEXT, ((3, 4),)),),
            (Group("4. Conditions and sampling", SAMPLE, ((10, 11),)),),
            (Group("5. Video", VIDEO, ((12, 13, 14),)),),
        ),
        {4: (290, 240)},
    ),
    "skyreels_v3": Layout(
        (
            (Group("1. Models", MODEL, ((SKYREELS_V3, 1, 2, 5, 6),)),),
            (Group("2. Portrait and voice", INPUT, ((7, 8, 11),)),),
            (Group("3. Prompt", TEXT, ((3, 4),)), Group("4. The portrait, encoded", GUIDE, ((9, 10),))),
            (Group("5. Conditions and sampling", SAMPLE, ((12, 13),)),),
            (Group("6. Video", VIDEO, ((14, 15, 16),)),),
        ),
        {3: (270, 110), 4: (270, 240), 7: (270, 340), 8: (270, 140), 13: (330, 0), 16: (310, 440)},
    ),
    "video_edit": Layout(
        (
            (Group("1. Model and inputs", MODEL, ((VIDEO_EDIT, 1, 2),)),),
            (Group("2. Prompt", TEXT, ((3, 4),)), Group("3. Voice", VOICE, ((5,),))),
            (Group("4. Where the mouth is", INPUT, ((6, 13),)),),
            (Group("5. Conditions and sampling", SAMPLE, ((7, 8),)),),
            (Group("6. Video", VIDEO, ((9, 10, 11, 12),)),),
        ),
        {},
    ),
    "redub_infinitetalk": Layout(
        (
            (Group("1. Models", MODEL, ((REDUB_INFINITETALK, 1, 2, 3, 4, 7, 8),)),),
            (
                Group("2. Video and voice", INPUT, ((10, 11, 12),)),
                Group("3. Prompt and CLIP vision", TEXT, ((5, 6, 9),)),
            ),
            (Group("4. Where the mouth is", GUIDE, ((13, 14, 15),)),),
            (Group("5. Conditions and sampling", SAMPLE, ((16, 17),)),),
            (Group("6. Video", VIDEO, ((18,),)),),
        ),
        {6: (290, 120), 15: (290, 340)},
    ),
    "redub_skyreels_v3": Layout(
        (
            (Group("1. Models", MODEL, ((REDUB_SKYREELS_V3, 1, 2, 5, 6, 7),)),),
            (Group("2. Video and voice", INPUT, ((8, 9, 10),)), Group("3. Prompt", TEXT, ((3, 4),))),
            (Group("4. Where the mouth is", GUIDE, ((11, 12, 13),)),),
            (Group("5. Conditions and sampling", SAMPLE, ((14, 15),)),),
            (Group("6. Video", VIDEO, ((16,),)),),
        ),
        {4: (290, 240)},
    ),
    "conversation": Layout(
        (
            (Group("1. Models", MODEL, ((CONVERSATION, 1, 2, 3, 4, 7, 8, 9),)),),
            (Group("2. Video and voices", INPUT, ((10, 11, 12, 13),)), Group("3. Prompt", TEXT, ((5, 6),))),
            (Group("4. Where the mouths are", GUIDE, ((16, 17, 18),)),),
            (Group("5. Who speaks", VOICE, ((14, 20, 15, 21),)),),
            (Group("6. Conditions and sampling", SAMPLE, ((22, 23),)),),
            (Group("7. Video, and the mask on it", VIDEO, ((24, 19),)),),
        ),
        {5: (290, 70), 6: (290, 110), 19: (300, 260), 23: (330, 0), 24: (330, 640)},
    ),
    "flashtalk": Layout(
        (
            (Group("1. Models", MODEL, ((FLASHTALK, 1, 2, 5, 6, 7),)),),
            (Group("2. Portrait and voice", INPUT, ((8, 9, 10),)), Group("3. Prompt", TEXT, ((3, 4),))),
            (Group("4. Voice and portrait, encoded", GUIDE, ((12, 11),)),),
            (Group("5. Conditions and sampling", SAMPLE, ((13, 14),)),),
            (Group("6. Video", VIDEO, ((15,),)),),
        ),
        {4: (290, 240)},
    ),
    "long_video": Layout(
        (
            (Group("1. Model and inputs", MODEL, ((LONG_VIDEO, 1, 2),)),),
            (Group("2. Prompt", TEXT, ((3, 4),)), Group("3. Voice", VOICE, ((5,),))),
            (Group("4. Conditions and windows", GUIDE, ((6, 7),)),),
            (Group("5. Sampling", SAMPLE, ((8,),)),),
            (Group("6. Video", VIDEO, ((9,),)),),
        ),
        {3: (290, 60)},
    ),
    "advanced": Layout(
        (
            (
                Group("1. Model and inputs", MODEL, ((ADVANCED, 1, 2),)),
                Group("2. Schedule", INPUT, ((7, 8),)),
            ),
            (
                Group("3. Prompt", TEXT, ((3, 4),)),
                Group("4. Voice", VOICE, ((5,),)),
                Group("5. Conditions", SAMPLE, ((6,),)),
            ),
            (Group("6. Windows, guidance, cache", GUIDE, ((11, SCHEDULES, 12, 13),)),),
            (Group("7. Sampling", SAMPLE, ((9, 10, 14, 15),)),),
            (Group("8. Video", VIDEO, ((16, 17, 18, 19),)),),
        ),
        {3: (290, 60)},
    ),
}
