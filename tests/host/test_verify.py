"""`skyreels-audio verify` against a real ComfyUI: the demo's jobs run, and those whose weights are missing say so."""

from __future__ import annotations

import hashlib
import json
from zipfile import ZipFile

import pytest
import requests

from skyreels_core import assets
from skyreels_core.cli import REFUSED, main


@pytest.fixture(scope="module")
def evidence(server, tmp_path_factory):
    """The report of the demo's jobs, and the files beside it."""
    file = tmp_path_factory.mktemp("verify") / "found.zip"
    assert main(["verify", "--server", server.url, "--family", "demo", "-o", str(file)]) == 0
    with ZipFile(file) as zipped:
        return json.loads(zipped.read("report.json")), {name: zipped.read(name) for name in zipped.namelist()}


def test_an_animation_and_a_dub_come_back_with_figures_sheets_and_reports(evidence):
    report, files = evidence
    assert [(job["family"], job["task"]) for job in report["jobs"]] == [
        ("demo", "animation"),
        ("demo", "dub"),
    ]
    assert report["server"]["system"]["comfyui_version"] and report["skyreels_audio"]
    for job in report["jobs"]:
        assert files[job["video"]][4:8] == b"ftyp" and files[job["sheet"]].startswith(b"\x89PNG")
        assert job["seconds"] > 0 and job["memory"] > 0 and sum(job["seconds_of_nodes"].values()) > 0
        assert any("forward passes" in text for text in job["report"])
        assert not any("tensor" in text for text in job["report"])
        assert job["measures"]["lip_gap"]["r"] > 0.5 and job["problems"] == []


def test_a_dub_is_the_source_outside_the_mask(evidence):
    outside = evidence[0]["jobs"][1]["measures"]["outside"]
    assert outside["psnr"] > 35  # 4:2:0 of H.264 at 96 px
    assert "outside" not in evidence[0]["jobs"][0]["measures"]


def test_missing_weights_are_named_with_their_folders(server, tmp_path, caplog, capsys):
    file = tmp_path / "found.zip"
    assert main(["verify", "--server", server.url, "--family", "humo", "-o", str(file)]) == 1
    with ZipFile(file) as zipped:
        (job, *_) = json.loads(zipped.read("report.json"))["jobs"]
    assert job["needs"]["humo_17B_fp8_e4m3fn.safetensors"] == "diffusion_models"
    assert "video" not in job and any("humo_17B" in problem for problem in job["problems"])
    assert "humo_17B_fp8_e4m3fn.safetensors (models/diffusion_models)" in capsys.readouterr().err


def test_an_unknown_family_and_a_name_that_is_no_zip_are_refused(server, tmp_path, capsys):
    assert main(["verify", "--server", server.url, "--family", "wanda"]) == REFUSED
    assert main(["verify", "--server", server.url, "-o", str(tmp_path / "found.tar")]) == REFUSED
    said = capsys.readouterr().err
    assert "no jobs of the family 'wanda'; choose from demo," in said and "ends in .zip" in said


def test_the_digest_of_a_weights_file_is_its_sha256(server):
    own = assets.model() / "vae.safetensors"
    target = server.models / "vae" / "verified.safetensors"
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(own.read_bytes())
    ask = f"{server.url}/skyreels-audio/digest"
    told = requests.get(ask, params={"name": target.name}, timeout=60).json()
    assert told["sha256"] == hashlib.sha256(own.read_bytes()).hexdigest()
    assert told["bytes"] == own.stat().st_size
    for name in ("../../etc/passwd", "/etc/passwd", "", "no.safetensors"):
        assert requests.get(ask, params={"name": name}, timeout=60).status_code == 404
