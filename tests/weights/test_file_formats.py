"""What people give as .safetensors that is none: each is named, with what to do."""

from __future__ import annotations

import io
import json
import tarfile
import zipfile

import pytest
import torch

from skyreels_core.errors import InputError
from skyreels_core.weights.header import read_header


def zipped(*names):
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name in names:
            archive.writestr(name, b"x")
    return content.getvalue()


def packed(mode):
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode=mode) as archive:
        archive.addfile(tarfile.TarInfo("model.safetensors"), io.BytesIO())
    return content.getvalue()


def pickled():
    content = io.BytesIO()
    torch.save({"weight": torch.ones(600)}, content)
    return content.getvalue()


def gguf(architecture):
    key, value = b"general.architecture", architecture.encode()
    start = b"GGUF" + (3).to_bytes(4, "little") + bytes(8) + (1).to_bytes(8, "little")
    return b"".join([
        start, len(key).to_bytes(8, "little"), key, (8).to_bytes(4, "little"), len(value).to_bytes(8, "little"), value,
    ]) + bytes(99)  # fmt: skip


PAGE, ANSWER = "is a web page.*Download it again", "is a web site's error message.*Download it again"
LFS = "Git LFS pointer.*git lfs pull"
FILES: dict[str, tuple[bytes | str, str]] = {
    "a login page": ("<!DOCTYPE html>\n<html><title> Access to model is restricted</title>", "restricted'.*signed in"),
    "a page in capitals": ("\r\n  <HTML><BODY>Forbidden</BODY></HTML>", PAGE),
    "a page with a mark": ("\ufeff<!doctype html><p>x", PAGE),
    "a page after a note": ("<!-- cached -->\n<html lang='en'>", PAGE),
    "an error in JSON": ('{"error":"Invalid username or password."}', rf"{ANSWER[:-17]}.*Invalid username"),
    "an error in an object": (json.dumps({"error": {"code": 404, "message": "No such file"}}), "No such file"),
    "a detail": ('{"detail": "Not found"}', ANSWER),
    "an error in XML": ('<?xml version="1.0"?><Error><Code>AccessDenied</Code></Error>', r"\(AccessDenied\)"),
    "an error in words": ("Access to model Wan-AI/x is restricted. You must be authenticated", ANSWER),
    "an entry that is not there": ("Entry not found", ANSWER),
    "a pointer": ("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 3", LFS),
    "an index": (json.dumps({"metadata": {}, "weight_map": {"a": "b"}}), "the index of a model in parts.*one file"),
    "a configuration": ('{"_class_name": "WanModel"}', r"a model's configuration \(JSON\).*with the weights"),
    "a workflow": ('{"1": {"class_type": "KSampler"}}', "a ComfyUI workflow"),
    "a list": ("[1, 2]", "a JSON text"),
    "nothing": (b"", "is empty.*Download it again"),
    "zeros": (bytes(9000), "begins with zeros.*interrupted"),
    "a zip": (zipped("model/model.safetensors"), "a zip archive.*Unpack it"),
    "a zip that is cut": (zipped("a")[:-9], "damaged.*Download it again"),
    "a pickle that is cut": (pickled()[:-99], "a pickle or zip archive that is damaged.*Download it again"),
    "a pickle": (pickled(), "is a pickle"),
    "a document": (zipped("[Content_Types].xml"), "an Office document"),
    "a tar": (packed("w"), "a tar archive.*Unpack it"),
    "a tar.gz": (packed("w:gz"), "a gzip archive.*Unpack it"),
    "a tar.xz": (packed("w:xz"), "an xz archive"),
    "a 7z": (b"7z\xbc\xaf\x27\x1c" + bytes(60), "a 7-Zip archive"),
    "a GGUF": (gguf("wan"), "a GGUF file of the kind 'wan', which needs a GGUF loader"),
    "an encoder in GGUF": (gguf("t5encoder"), "of the kind 't5encoder'"),
    "ONNX": (b"\x08\x08\x12\x07pytorch\x1a\x052.0.0" + bytes(60), "an ONNX model"),
    "a picture": (b"\x89PNG\r\n\x1a\n" + bytes(60), r"a picture \(PNG\)"),
    "a film": (bytes(3) + b"\x20ftypisom" + bytes(60), r"a video or sound \(MP4\)"),
    "HDF5": (b"\x89HDF\r\n\x1a\n" + bytes(60), "an HDF5 file"),
    "a note": ("a note, not a model", "is not a safetensors file. Give the model as"),
}  # fmt: skip


@pytest.mark.parametrize("case", FILES.values(), ids=FILES.keys())
def test_a_file_that_is_none_is_named_with_what_to_do(tmp_path, case):
    content, says = case
    path = tmp_path / "model.safetensors"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(InputError, match=r"model\.safetensors is ") as refused:
        read_header(path)
    assert refused.match(f"(?s){says}")


def test_json_that_looks_like_the_length_of_a_header_is_named(tmp_path):
    path = tmp_path / "model.safetensors"
    path.write_text('{"abcd":{"error":"Repository not found"}}')
    with pytest.raises(InputError, match=r"\(JSON\), not a safetensors file"):
        read_header(path)
