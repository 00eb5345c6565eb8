"""Runs in the host's interpreter: the demo's VAE decodes latents whole and as a stream.

python decode_in_host.py FOLDER. Writes facts.json to it.
"""

import json
import sys
from pathlib import Path

from pack_in_host import load_pack

folder = Path(sys.argv[1])
load_pack()

import comfy.model_management  # noqa: E402
import comfy.sd  # noqa: E402
import comfy.utils  # noqa: E402
import torch  # noqa: E402
from skyreels_audio_pack.nodes.host.decoding import decode_stream  # noqa: E402
from skyreels_audio_pack.skyreels_core import assets  # noqa: E402
from skyreels_audio_pack.skyreels_core.errors import InputError  # noqa: E402
from skyreels_audio_pack.skyreels_core.timeline import latent_frames  # noqa: E402

vae = comfy.sd.VAE(sd=comfy.utils.load_torch_file(str(assets.model() / "vae.safetensors")))


def latents(frames, batch=1):
    shape = (batch, 16, latent_frames(frames), 2, 3)
    return torch.randn(shape, generator=torch.Generator().manual_seed(frames))


def streamed(frames, *at_once):
    return torch.stack(list(decode_stream(vae, latents(frames), *at_once)))


def refused(vae, latents):
    try:
        next(decode_stream(vae, latents))
    except InputError as error:
        return str(error)


def cancelled_after(chunks):
    """How many frames came when the user cancels after some chunks."""
    count = 0
    try:
        for count, _ in enumerate(decode_stream(vae, latents(33)), start=1):
            if count == chunks:
                comfy.model_management.interrupt_current_processing(True)
    except comfy.model_management.InterruptProcessingException:
        return count


def out_of_memory():
    """Of a decoder whose third chunk does not fit."""
    stream, forward, calls = decode_stream(vae, latents(33)), vae.first_stage_model.decoder.forward, []

    def full(*arguments, **options):
        calls.append(None)
        if len(calls) > 2:
            raise torch.cuda.OutOfMemoryError("CUDA out of memory")
        return forward(*arguments, **options)

    vae.first_stage_model.decoder.forward = full
    try:
        return sum(1 for _ in stream)
    except InputError as error:
        return str(error)
    finally:
        del vae.first_stage_model.decoder.forward


def asked_for():
    """Bytes that the host is asked to make free, for a short and a long video."""
    load, seen = comfy.model_management.load_models_gpu, []

    def listening(models, memory_required=0, **options):
        seen.append(memory_required)
        return load(models, memory_required=memory_required, **options)

    comfy.model_management.load_models_gpu = listening
    for frames in (33, 121):
        next(decode_stream(vae, latents(frames)))
    comfy.model_management.load_models_gpu = load
    return seen


class Tiny(torch.nn.Module):
    """In the place of a VAE of another kind that makes latents of the same shape."""


facts = {}
with torch.inference_mode():
    wholes = {frames: vae.decode(latents(frames))[0] for frames in (1, 5, 9, *range(33, 122, 4))}
    facts["shapes"] = {frames: list(whole.shape) for frames, whole in wholes.items()}
    facts["same"] = {frames: torch.equal(streamed(frames), whole) for frames, whole in wholes.items()}
    facts["further"] = {
        at_once: max(
            float((streamed(frames, at_once) - wholes[frames]).abs().max()) for frames in (33, 61, 121)
        )
        for at_once in (4, 6, 8, 30)
    }
    facts["one_at_a_time"] = float((streamed(33, 1) - wholes[33]).abs().amax((1, 2, 3))[5:].max())
    facts["cancelled_after"] = cancelled_after(9)
    facts["asked_for"] = asked_for()
    facts["estimate"] = vae.memory_used_decode(latents(121).shape, vae.vae_dtype)
    facts["out_of_memory"] = out_of_memory()
    facts["after"] = torch.equal(streamed(33), wholes[33])
    facts["batch"] = refused(vae, latents(33, batch=2))
    facts["picture"] = refused(vae, latents(33)[:, :, 0])
    vae.first_stage_model = Tiny()
    facts["another"] = refused(vae, latents(33))
    vae.latent_channels = 4
    facts["channels"] = refused(vae, latents(33))
(folder / "facts.json").write_text(json.dumps(facts))
