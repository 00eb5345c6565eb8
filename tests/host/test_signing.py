"""Save Talking Video signs with what its server names, and with nothing that a graph could."""

from __future__ import annotations

import json
import subprocess

import pytest
from certificates import signer
from graphs import animation, completed, node
from host_server import HostServer
from refusals import refusal

from skyreels_core.media.origin import LABEL

c2pa = pytest.importorskip("c2pa")


@pytest.fixture(scope="module")
def signing_server(comfyui, tmp_path_factory):
    host, interpreter = comfyui
    if subprocess.run([interpreter, "-c", "import c2pa, cryptography"], capture_output=True).returncode:
        pytest.skip(f"{interpreter} has no c2pa-python")
    folder = tmp_path_factory.mktemp("signing")
    signs, server = signer(folder), HostServer(host, interpreter, folder / "base")
    named = {"SKYREELS_C2PA_CERTIFICATE": signs.certificate, "SKYREELS_C2PA_KEY": signs.key}
    server.folder.mkdir()
    with pytest.MonkeyPatch.context() as patch:
        for name, path in named.items():
            patch.setenv(name, str(path))
        server.start()
    yield server
    server.kill()


def signed(**fields):
    saving = {
        "latent": ["sampler", 0], "vae": ["demo", 2], "fps": 0.0, "filename_prefix": "signed", "codec": "h264",
        "quality": 0, "colour_strength": 1.0, "sign": True,
    }  # fmt: skip
    return animation(steps=2) | {"saved": node("SkyReelsAudioSaveVideo", **saving | fields)}


def test_a_video_says_which_model_made_it_of_which_voice_and_picture(signing_server):
    (video,) = completed(signing_server, signed())["outputs"]["saved"]["images"]
    with c2pa.Reader(str(signing_server.output / video["subfolder"] / video["filename"])) as reader:
        found = json.loads(reader.json())
    manifest = found["manifests"][found["active_manifest"]]
    (generation,) = [each["data"] for each in manifest["assertions"] if each["label"] == LABEL]
    assert found["validation_state"] == "Valid" and manifest["title"] == video["filename"]
    assert set(generation["inputs"]) == {"voice", "picture"} and "Wan" in generation["model"]


def test_a_file_that_cannot_hold_a_signature_is_refused(signing_server):
    assert "Content Credentials fit into" in refusal(signing_server, signed(codec="vp9"))


def test_a_server_without_a_certificate_says_how_to_name_one(server):
    assert "SKYREELS_C2PA_CERTIFICATE" in refusal(server, signed())
