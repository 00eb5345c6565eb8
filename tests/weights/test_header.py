import shlex

import pytest
import torch
from safetensors.torch import load_file, save_file

from skyreels_core.errors import InputError
from skyreels_core.weights.header import read_header

TENSORS = {"weight": torch.arange(600.0).reshape(20, 30), "bias": torch.ones(20)}


@pytest.mark.parametrize("legacy", [False, True])
def test_pickles_are_refused_with_the_command_that_converts_them(tmp_path, legacy):
    path = tmp_path / "model.ckpt"
    torch.save(TENSORS, path, _use_new_zipfile_serialization=not legacy)
    with pytest.raises(InputError, match="is a pickle") as refused:
        read_header(path)
    _, code = shlex.split(str(refused.value).splitlines()[-1])[1:]
    exec(code, {})
    converted = load_file(tmp_path / "model.safetensors")
    assert all(torch.equal(converted[name], tensor) for name, tensor in TENSORS.items())


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"GGUF" + bytes(60), "is a GGUF file"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "Git LFS pointer.*git lfs pull"),
        (b"<!DOCTYPE html>", "not a safetensors file"),
        (b"", "not a safetensors file"),
    ],
)
def test_other_formats_are_named(tmp_path, content, says):
    (tmp_path / "model.safetensors").write_bytes(content)
    with pytest.raises(InputError, match=says):
        read_header(tmp_path / "model.safetensors")


@pytest.mark.parametrize("kept", [0.9, 0.01], ids=["in the tensors", "in the header"])
def test_a_file_that_is_cut_short_says_so(tmp_path, kept):
    path = tmp_path / "model.safetensors"
    save_file(TENSORS, path)
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * kept)])
    with pytest.raises(InputError, match=f"is damaged: .* the file has {int(len(content) * kept):,}"):
        read_header(path)


def test_missing_files_and_folders_are_named(tmp_path):
    with pytest.raises(InputError, match="does not exist"):
        read_header(tmp_path / "nothing.safetensors")
    with pytest.raises(InputError, match="is a folder"):
        read_header(tmp_path)
