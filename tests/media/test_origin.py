"""Content Credentials: who made a video, of what, readable by everybody's tools."""

from __future__ import annotations

import hashlib
import json

import numpy as np
import pytest
import soundfile
import torch
from certificates import KEYS, signer
from cryptography.hazmat.primitives import serialization

from skyreels_core import assets
from skyreels_core.cli import main
from skyreels_core.errors import InputError
from skyreels_core.media.origin import LABEL, Origin, pixel_hash, voice_hash
from skyreels_core.media.reading import read_picture
from skyreels_core.media.sound import Audio, read_audio
from skyreels_core.media.writing import write_video
from skyreels_core.model.bundle import random_bundle

c2pa = pytest.importorskip("c2pa")
FRAMES = [torch.full((32, 48, 3), 0.1 * i) for i in range(8)]
VOICE = Audio(torch.sin(torch.arange(16000 * 8 // 25) / 20)[None], 16000)
ORIGIN = Origin("animation", "a model", {"voice": voice_hash(VOICE), "picture": pixel_hash(FRAMES[:1])})


def read(path) -> tuple[dict, str]:
    with c2pa.Reader(str(path)) as reader:
        found = json.loads(reader.json())
    return found["manifests"][found["active_manifest"]], found["validation_state"]


@pytest.mark.parametrize("kind", KEYS)
@pytest.mark.parametrize("suffix", [".mp4", ".mov"])
def test_a_signed_video_says_what_made_it_of_what(tmp_path, kind, suffix):
    path, signs = tmp_path / f"made{suffix}", signer(tmp_path, kind)
    write_video(path, FRAMES, 25, VOICE, sign=lambda made: signs.sign(made, ORIGIN))
    manifest, state = read(path)
    data = {each["label"]: each["data"] for each in manifest["assertions"]}
    (action,) = data["c2pa.actions.v2"]["actions"]
    assert state == "Valid" and action["action"] == "c2pa.created"
    assert action["digitalSourceType"].endswith("/trainedAlgorithmicMedia")
    assert data[LABEL]["inputs"]["picture"]["sha256"] == hashlib.sha256(bytes(32 * 48 * 3)).hexdigest()
    assert {each.name for each in tmp_path.iterdir()} == {path.name, "chain.pem", "key.pem"}


def test_a_changed_byte_is_noticed(tmp_path):
    path, signs = tmp_path / "made.mp4", signer(tmp_path)
    write_video(path, FRAMES, 25, VOICE, sign=lambda made: signs.sign(made, ORIGIN))
    content = bytearray(path.read_bytes())
    content[-20] ^= 1
    path.write_bytes(content)
    assert read(path)[1] == "Invalid"


def test_an_edit_is_a_composite():
    (actions, _) = Origin("edit", "m").manifest("x.mp4")["assertions"]
    assert actions["data"]["actions"][0]["digitalSourceType"].endswith(
        "/compositeWithTrainedAlgorithmicMedia"
    )


def test_hashes_are_of_samples_and_pixels():
    samples = np.array([[0.5, -0.25]], dtype="<f4")
    assert voice_hash(Audio(torch.from_numpy(samples), 8000)) == hashlib.sha256(samples.tobytes()).hexdigest()
    assert pixel_hash([torch.ones(1, 2, 3)]) == hashlib.sha256(b"\xff" * 6).hexdigest()


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("key.pem", b"nothing", "no private key"),
        ("chain.pem", b"nothing", r"cannot sign|cannot be signed"),
        ("key.pem", None, "cannot be read"),
    ],
)
def test_what_cannot_sign_is_said_and_leaves_no_file(tmp_path, name, content, sentence):
    signs = signer(tmp_path)
    (tmp_path / name).unlink() if content is None else (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=sentence):
        signs.check(tmp_path / "made.mp4")
        write_video(tmp_path / "made.mp4", FRAMES, 25, sign=lambda made: signs.sign(made, ORIGIN))
    assert not [each for each in tmp_path.iterdir() if each.suffix == ".mp4"]


def test_a_key_of_another_certificate_is_refused(tmp_path):
    signs = signer(tmp_path)
    other = KEYS["ec"]().private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    signs.key.write_bytes(other)
    with pytest.raises(InputError, match=r"cannot sign|cannot be signed"):
        signs.check(tmp_path / "made.mp4")
        write_video(tmp_path / "made.mp4", FRAMES, 25, sign=lambda made: signs.sign(made, ORIGIN))


def test_a_certificate_that_cannot_sign_is_found_before_the_work(tmp_path):
    signs = signer(tmp_path)
    alone = (
        signs.certificate.read_bytes().split(b"-----END CERTIFICATE-----\n")[1]
        + b"-----END CERTIFICATE-----\n"
    )
    signs.certificate.write_bytes(alone)  # the authority's own, of another key
    with pytest.raises(InputError, match=r"cannot sign|cannot be signed"):
        signs.check(tmp_path / "made.mp4")


def test_other_files_than_mp4_and_mov_are_refused(tmp_path):
    with pytest.raises(InputError, match=r"fit into \.mp4 and \.mov"):
        signer(tmp_path).check(tmp_path / "made.webm")


class TestRuns:
    """Through the command line and Python."""

    def test_several_devices_sign_alike(self, tmp_path):
        folder, voice = self.model(tmp_path)
        signs, models = signer(tmp_path), []
        signing = ["--sign-certificate", str(signs.certificate), "--sign-key", str(signs.key)]
        for devices in ([], ["--devices", "cpu,cpu"]):
            made = tmp_path / f"made{len(devices)}.mp4"
            assert main([*self.command(folder, voice, made), *signing, *devices]) == 0
            models += [e["data"]["model"] for e in read(made)[0]["assertions"] if e["label"] == LABEL]
        assert models[0] == models[1]

    def test_animate_signs_what_it_was_given(self, tmp_path, capsys):
        folder, voice = self.model(tmp_path)
        signs, made = signer(tmp_path), tmp_path / "made.mp4"
        signing = ["--sign-certificate", str(signs.certificate), "--sign-key", str(signs.key)]
        assert main([*self.command(folder, voice, made), *signing]) == 0
        manifest, state = read(made)
        (generation,) = [each["data"] for each in manifest["assertions"] if each["label"] == LABEL]
        assert state == "Valid" and "blocks of width" in generation["model"]
        assert manifest["title"] == "made.mp4"
        assert generation["inputs"]["voice"]["sha256"] == voice_hash(read_audio(voice))
        picture = read_picture(assets.portrait())
        assert generation["inputs"]["picture"]["sha256"] == pixel_hash([picture])

    def test_half_a_signature_is_refused_before_the_work(self, tmp_path, capsys):
        folder, voice = self.model(tmp_path)
        for half in (["--sign-key", "key.pem"], ["--sign-timestamp", "http://127.0.0.1"]):
            assert main([*self.command(folder, voice, tmp_path / "made.mp4"), *half]) == 2
        assert "Give both, or none" in capsys.readouterr().err

    def model(self, tmp_path):
        (tmp_path / "model").mkdir()
        random_bundle(tmp_path / "model", 1)
        voice = tmp_path / "voice.wav"
        soundfile.write(voice, VOICE.samples[0].numpy(), VOICE.sample_rate)
        return tmp_path / "model", voice

    def command(self, folder, voice, made):
        return [
            "animate", "--model", str(folder), "--audio", str(voice), "--image", str(assets.portrait()),
            "--width", "32", "--height", "32", "--steps", "2", "-o", str(made),
        ]  # fmt: skip
