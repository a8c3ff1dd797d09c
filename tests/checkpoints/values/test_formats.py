"""Tests of values in GGUF, ONNX, npy and npz files against the values that were written."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gguf
import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from netinspect.checkpoints.read import read_checkpoint
from netinspect.checkpoints.values.data import CheckpointData
from netinspect.checkpoints.values.threads import Workspace
from tests.checkpoints.formats.onnx_models import model_of

Array = np.ndarray[Any, Any]
RANDOM = np.random.default_rng(0)
ARRAYS: dict[str, Array] = {
    "single": RANDOM.standard_normal((3, 4, 64)).astype(np.float32),
    "half": RANDOM.standard_normal((5, 32)).astype(np.float16),
    "double": RANDOM.standard_normal(7),
    "whole": RANDOM.integers(-(2**40), 2**40, (6, 2)),
    "small": RANDOM.integers(-128, 127, 11).astype(np.int8),
}


def values(path: Path) -> dict[str, bytes]:
    """Return all values of all tensors, in the order of the tensors and in native byte order."""
    checkpoint = read_checkpoint(str(path))
    assert checkpoint.problems == ()
    found = {}
    with CheckpointData(checkpoint) as data:
        for tensor in checkpoint.tensors:
            assert data.reason_without_values(tensor) == ""
            pieces = data.pieces(tensor, 0, tensor.elements, Workspace())
            found[tensor.name] = b"".join(piece.tobytes() for piece in pieces)
    return found


def expected(arrays: dict[str, Array] = ARRAYS) -> dict[str, bytes]:
    return {
        name: array.astype(array.dtype.newbyteorder("=")).tobytes() for name, array in arrays.items()
    }


@pytest.mark.parametrize("order", list(gguf.GGUFEndian), ids=lambda each: each.name.lower())
def test_values_of_gguf(tmp_path: Path, order: gguf.GGUFEndian) -> None:
    path = tmp_path / "a.gguf"
    writer = gguf.GGUFWriter(str(path), "llama", endianess=order)
    for name, array in ARRAYS.items():
        writer.add_tensor(name, array.copy())
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    assert values(path) == expected()


@pytest.mark.parametrize("kind", ["raw", "typed", "outside"])
def test_values_of_onnx(tmp_path: Path, kind: str) -> None:
    arrays = {name: ARRAYS[name] for name in ("single", "double")} if kind == "typed" else ARRAYS
    tensors = [numpy_helper.from_array(array, name) for name, array in arrays.items()]
    if kind == "typed":
        tensors = [
            helper.make_tensor(each.name, each.data_type, each.dims, arrays[each.name].ravel().tolist())
            for each in tensors
        ]
    path = tmp_path / "a.onnx"
    outside = kind == "outside"
    onnx.save_model(model_of(*tensors), str(path), save_as_external_data=outside, size_threshold=0)
    assert values(path) == expected(arrays)


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("bytes_first", ["<", ">"])
def test_values_of_numpy_files(tmp_path: Path, order: Any, bytes_first: Any) -> None:
    arrays = {
        name: np.array(array, array.dtype.newbyteorder(bytes_first), order=order)
        for name, array in ARRAYS.items()
    }
    np.savez(tmp_path / "a.npz", allow_pickle=False, **arrays)
    assert values(tmp_path / "a.npz") == expected(arrays)
    np.save(tmp_path / "a.npy", arrays["single"])
    assert values(tmp_path / "a.npy") == {"array": expected(arrays)["single"]}
