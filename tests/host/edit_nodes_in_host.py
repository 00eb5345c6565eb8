"""Runs in the host's interpreter: the nodes for masks and finished videos on the bundled video.

python edit_nodes_in_host.py FOLDER. Writes result.safetensors, with "facts" in the metadata, and talking.mp4 to it.
"""

import importlib.util
import json
import sys
from pathlib import Path

PACK = Path(__file__).resolve().parents[2]
folder = Path(sys.argv[1])
sys.argv[1:] = ["--cpu"]

import comfy.options  # noqa: E402

comfy.options.enable_args_parsing()

import comfy.model_management  # noqa: E402
import folder_paths  # noqa: E402
import torch  # noqa: E402
import utils.install_util  # noqa: E402, F401  before comfy/utils.py can take its name
from comfy_api.latest import InputImpl  # noqa: E402
from safetensors.torch import save_file  # noqa: E402

spec = importlib.util.spec_from_file_location(
    "skyreels_audio_pack", PACK / "__init__.py", submodule_search_locations=[str(PACK)]
)
pack = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
spec.loader.exec_module(pack)

from skyreels_audio_pack.nodes import masks, video  # noqa: E402
from skyreels_audio_pack.nodes.host.folders import onnx_files, register_folders  # noqa: E402
from skyreels_audio_pack.skyreels_core import assets  # noqa: E402
from skyreels_audio_pack.skyreels_core.conditioning.pose import from_pose_keypoint  # noqa: E402
from skyreels_audio_pack.skyreels_core.errors import InputError  # noqa: E402
from skyreels_audio_pack.skyreels_core.media.footage import collect  # noqa: E402
from skyreels_audio_pack.skyreels_core.media.reading import read_video  # noqa: E402
from skyreels_audio_pack.skyreels_core.media.sound import read_audio  # noqa: E402

facts, tensors = {}, {}
clip = read_video(assets.video())
frames, fps = clip.frames, clip.fps
keypoints = json.loads(assets.keypoints().read_text(encoding="utf-8"))


def refused(node, *arguments, **options):
    try:
        node.execute(*arguments, **options)
    except InputError as error:
        return str(error)


class Finder:
    """In the place of DWPose, whose files are not at hand."""

    def __call__(self, frames, callback):
        self.heard = []
        for index, _ in enumerate(frames.stream()):
            callback(index)
            self.heard.append(index)
        return from_pose_keypoint(keypoints[: len(frames)], *frames.size)


def load_dwpose():
    facts["extensions_before"] = sorted(folder_paths.folder_names_and_paths.get("detection", ([], []))[1])
    register_folders()
    register_folders()
    facts["extensions"] = sorted(folder_paths.folder_names_and_paths["detection"][1])
    facts["default_folder"] = folder_paths.get_folder_paths("detection")[0]
    facts["nothing_listed"] = masks.LoadDWPose.GET_SCHEMA().inputs[0].options
    (folder / "dwpose").mkdir()
    for name in ("dwpose/yolox_l.onnx", "another.onnx", "face.safetensors"):
        (folder / name).write_bytes(b"no model")
    folder_paths.add_model_folder_path("detection", str(folder))
    facts["listed"] = onnx_files()
    facts["chosen"] = [option.default for option in masks.LoadDWPose.GET_SCHEMA().inputs]
    facts["no_model"] = refused(masks.LoadDWPose, "another.onnx", "another.onnx")


def mask_faces():
    mask, lips, preview, report, region = masks.FaceMask.execute(frames, fps, keypoints=keypoints).args
    tensors.update(mask=mask, lips=lips, preview=preview, region=collect(region))
    facts["report"] = report
    finder = Finder()
    found = masks.FaceMask.execute(frames[:20], fps, "index", 0, dwpose=finder).args
    facts["heard"] = finder.heard
    facts["found"] = torch.equal(
        found[0], masks.FaceMask.execute(frames[:20], fps, keypoints=keypoints).args[0]
    )
    both = masks.FaceMask.execute(frames, fps, dwpose=finder, keypoints=keypoints).args
    facts["both"] = both[3]
    facts["no_source"] = refused(masks.FaceMask, frames, fps)
    facts["too_few"] = refused(masks.FaceMask, frames, fps, keypoints=keypoints[:5])
    away = [dict(frame, people=[]) if 30 <= index < 60 else frame for index, frame in enumerate(keypoints)]
    facts["away"] = masks.FaceMask.execute(frames, fps, keypoints=away).args[3].splitlines()
    facts["away_error"] = refused(masks.FaceMask, frames, fps, gaps="error", keypoints=away)
    facts["nobody_second"] = refused(masks.FaceMask, frames, fps, "index", 1, keypoints=keypoints)
    comfy.model_management.interrupt_current_processing(True)
    try:
        masks.FaceMask.execute(frames, fps, dwpose=finder)
    except comfy.model_management.InterruptProcessingException:
        facts["cancelled_after"] = len(finder.heard)


def mask_a_video():
    """From its file, and a part of it. The gap is one to be bridged at its 25 frames a second."""
    file = InputImpl.VideoFromFile(str(assets.video()))
    away = [dict(frame, people=[]) if 30 <= index < 42 else frame for index, frame in enumerate(keypoints)]
    mask, lips, preview, report, _ = masks.FaceMask.execute(file, 50.0, keypoints=away).args
    facts["withheld"] = [output.message for output in (mask, lips)]
    facts["bridged"] = report
    tensors.update(file_preview=preview)
    tensors["file_region"] = collect(masks.FaceMask.execute(file, fps, keypoints=keypoints).args[4])
    part = file.as_trimmed(1.0, 2.0)
    facts["part"] = list(masks.FaceMask.execute(part, fps, keypoints=keypoints).args[0].shape)
    finder = Finder()
    masks.FaceMask.execute(file, fps, dwpose=finder)
    facts["heard_of_file"] = len(finder.heard)
    comfy.model_management.interrupt_current_processing(True)
    try:
        masks.FaceMask.execute(file, fps, keypoints=keypoints)
    except comfy.model_management.InterruptProcessingException:
        facts["file_cancelled"] = True


def finish():
    mask = tensors["mask"]
    generated = 1 - frames[:40, ::2, ::2]
    rgba = torch.cat([frames, torch.ones_like(frames[..., :1])], -1)
    composited, facts["composited"] = video.CompositeOutsideMask.execute(generated, rgba, mask).args
    hard, _ = video.CompositeOutsideMask.execute(generated.half(), frames[:30], mask[:1, None], 0).args
    tensors.update(composited=composited, hard=hard)
    facts["small_mask"] = refused(video.CompositeOutsideMask, generated, frames, mask[:, :48])

    darker = frames * torch.linspace(1, 0.85, len(frames))[:, None, None, None]
    unified, facts["unified"] = video.ColorUnify.execute(darker, frames[:1], fps).args
    wide = torch.nn.functional.pad(frames[:1], (0, 0, 20, 20))
    _, facts["fitted"] = video.ColorUnify.execute(darker[:5], wide, fps, mask=mask[:5]).args
    tensors.update(darker=darker, unified=unified)
    facts["lone_mask"] = refused(video.ColorUnify, darker, frames[:1], fps, reference_mask=mask[:1])

    voice = read_audio(assets.voice(2))
    audio = {"waveform": voice.samples.expand(3, -1)[None].repeat(2, 1, 1), "sample_rate": voice.sample_rate}
    talking, kept = video.CreateTalkingVideo.execute(frames[:, :95], audio, fps).args
    components = talking.get_components()
    facts["voice_seconds"] = voice.seconds
    facts["rate"] = str(components.frame_rate)
    tensors.update(kept=kept, waveform=components.audio["waveform"].contiguous(), images=components.images)
    talking.save_to(str(folder / "talking.mp4"))
    short, _ = video.CreateTalkingVideo.execute(frames[:30], audio, 30000 / 1001).args
    facts["short_rate"] = str(short.get_components().frame_rate)
    tensors["short_waveform"] = short.get_components().audio["waveform"].contiguous()


def undocumented():
    for node in (*masks.NODES, *video.NODES):
        schema = node.GET_SCHEMA()
        yield from (f"{schema.node_id}.{it.id}" for it in (*schema.inputs, *schema.outputs) if not it.tooltip)


with torch.inference_mode():
    load_dwpose()
    mask_faces()
    mask_a_video()
    finish()
facts["undocumented"] = list(undocumented())
facts["forbidden"] = [name for name in ("diffusers", "matplotlib", "accelerate") if name in sys.modules]
save_file(
    {name: tensor.contiguous() for name, tensor in tensors.items()},
    folder / "result.safetensors",
    metadata={"facts": json.dumps(facts)},
)
