"""External data of ONNX models."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from netinspect.checkpoints.read import read_checkpoint
from tests.checkpoints.formats.onnx_models import (
    model_of,
    save,
)


def external(path: Path, location: str) -> Path:
    """Return a model whose tensor refers to another file."""
    tensor = numpy_helper.from_array(np.arange(4, dtype=np.float32), "w")
    onnx.external_data_helper.set_external_data(tensor, location, offset=8, length=16)
    tensor.ClearField("raw_data")
    return save(model_of(tensor), path)


@pytest.mark.parametrize("location", ["weights.bin", "sub/weights.bin"])
def test_read_onnx_external_data_in_folder(tmp_path: Path, location: str) -> None:
    place = tmp_path / location
    place.parent.mkdir(exist_ok=True)
    place.write_bytes(b"12345678" + np.arange(4, dtype=np.float32).tobytes())
    checkpoint = read_checkpoint(str(external(tmp_path / "a.onnx", location)))
    assert checkpoint.problems == ()
    assert [each.path for each in checkpoint.files] == [str(tmp_path / "a.onnx"), str(place)]
    assert [(each.file, each.position, each.bytes) for each in checkpoint.tensors] == [(1, 8, 16)]


def test_read_onnx_external_data_saved_by_onnx_package(tmp_path: Path) -> None:
    tensors = [numpy_helper.from_array(np.full(300, k, np.float32), f"w{k}") for k in range(3)]
    path = tmp_path / "a.onnx"
    onnx.save_model(
        model_of(*tensors), str(path), save_as_external_data=True, location="all", size_threshold=0
    )
    checkpoint = read_checkpoint(str(path))
    assert checkpoint.problems == ()
    raw = (tmp_path / "all").read_bytes()
    for number, found in enumerate(checkpoint.tensors):
        assert found.position is not None
        piece = raw[found.position : found.position + found.bytes]
        assert piece == np.full(300, number, np.float32).tobytes()


@pytest.mark.parametrize(
    ("location", "wrong"),
    [
        ("gone.bin", "cannot be read (No such file or directory)"),
        ("../outside.bin", "is not in the folder of the model: nothing was read from there"),
        ("/etc/passwd", "is not in the folder of the model: nothing was read from there"),
        ("link.bin", "is not in the folder of the model: nothing was read from there"),
        ("", "is not in the folder of the model: nothing was read from there"),
        ("fifo", "cannot be read (fifo is not a regular file)"),
        (".", "is not in the folder of the model: nothing was read from there"),
    ],
)
def test_read_onnx_refuses_external_data_elsewhere(tmp_path: Path, location: str, wrong: str) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    (tmp_path / "outside.bin").write_bytes(bytes(100))
    (folder / "link.bin").symlink_to(tmp_path / "outside.bin")
    os.mkfifo(folder / "fifo")
    checkpoint = read_checkpoint(str(external(folder / "a.onnx", location)))
    assert checkpoint.problems == (f"the external data {location!r} {wrong}; it should hold w",)
    assert [(each.file, each.position) for each in checkpoint.tensors] == [(None, None)]
    assert len(checkpoint.files) == 1


def test_read_onnx_short_external_data_is_a_problem(tmp_path: Path) -> None:
    (tmp_path / "weights.bin").write_bytes(bytes(20))
    checkpoint = read_checkpoint(str(external(tmp_path / "a.onnx", "weights.bin")))
    assert checkpoint.problems == ("w extends beyond the end of 'weights.bin'",)
