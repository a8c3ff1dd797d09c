from __future__ import annotations

import math
import os
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from netinspect.checkpoints.values import data as data_module
from netinspect.checkpoints.values.data import (
    PIECE,
    CheckpointData,
    is_contiguous,
    is_dense,
    span_of,
)
from netinspect.checkpoints.values.threads import Workspace
from netinspect.errors import CheckpointError, LoadError
from netinspect.records.base import replace
from netinspect.records.checkpoint import Checkpoint
from tests.checkpoints.values.tensor_values import (
    COMPLEX,
    REAL,
    any_bits,
    bytes_of,
    name_of,
    normal,
    write_raw,
)

pytestmark = pytest.mark.filterwarnings("ignore:ComplexHalf support is experimental")


def read(checkpoint: Checkpoint, number: int = 0, *, in_order: bool = True) -> bytes:
    tensor = checkpoint.tensors[number]
    with CheckpointData(checkpoint) as data:
        assert data.reason_without_values(tensor) == ""
        pieces = data.pieces(tensor, 0, tensor.elements, Workspace(), in_order=in_order)
        return b"".join(piece.tobytes() for piece in pieces)


@pytest.mark.parametrize("size", [0, 1, 7, PIECE - 1, PIECE, PIECE + 1, 3 * PIECE + 5])
@pytest.mark.parametrize("dtype", [*REAL, *COMPLEX], ids=name_of)
def test_pieces_reads_all_elements(tmp_path: Path, dtype: torch.dtype, size: int) -> None:
    tensor = any_bits(dtype, size, seed=size)
    assert read(write_raw(tmp_path / "x", {"a": torch.ones(3), "b": tensor}), 1) == bytes_of(tensor)


def test_pieces_reads_range(tmp_path: Path) -> None:
    tensor = torch.arange(3 * PIECE)
    checkpoint = write_raw(tmp_path / "x", {"a": tensor})
    with CheckpointData(checkpoint) as data:
        pieces = [
            piece.copy() for piece in data.pieces(checkpoint.tensors[0], 5, 2 * PIECE + 9, Workspace())
        ]
    assert [len(piece) for piece in pieces] == [PIECE, PIECE, 4]
    assert np.concatenate(pieces).tolist() == list(range(5, 2 * PIECE + 9))


@st.composite
def views(draw: st.DrawFn) -> torch.Tensor:
    """Draw a permuted view with steps of a larger tensor."""
    sizes = draw(st.lists(st.integers(1, 9), min_size=1, max_size=4))
    tensor = torch.arange(math.prod(sizes) + 5, dtype=torch.int32)[3:-2].reshape(sizes)
    for dimension, size in enumerate(sizes):
        step = draw(st.integers(1, 3))
        index = [slice(None)] * len(sizes)
        index[dimension] = slice(draw(st.integers(0, size - 1)), None, step)
        tensor = tensor[tuple(index)]
    return tensor.permute(draw(st.permutations(range(len(sizes)))))


@given(views(), st.integers(0, 10**6), st.integers(0, 10**6), st.sampled_from([4, 64, 1 << 18]))
@settings(deadline=None, suppress_health_check=list(HealthCheck))
def test_pieces_reads_any_view_in_order(
    tmp_path: Path, tensor: torch.Tensor, one: int, other: int, span: int
) -> None:
    checkpoint = write_raw(tmp_path / "x", {"a": tensor})
    stored = checkpoint.tensors[0]
    start, stop = sorted((one % (tensor.numel() + 1), other % (tensor.numel() + 1)))
    with pytest.MonkeyPatch.context() as patch, CheckpointData(checkpoint) as data:
        patch.setattr(data_module, "_SPAN_BYTES", span)
        patch.setattr(data_module, "_SEEK_BYTES", span)
        pieces = data.pieces(stored, start, stop, Workspace())
        found = [number for piece in pieces for number in piece.tolist()]
        in_any = data.pieces(stored, 0, stored.elements, Workspace(), in_order=False)
        anyhow = [number for piece in in_any for number in piece.tolist()]
    assert found == tensor.reshape(-1)[start:stop].tolist()
    assert sorted(anyhow) == sorted(tensor.reshape(-1).tolist())
    assert is_contiguous(stored) == tensor.is_contiguous()
    assert is_dense(stored) == (span_of(stored) == tensor.numel())


def test_pieces_reads_large_transposed_tensor(tmp_path: Path) -> None:
    for tensor in (normal(torch.float32, 700, 900).t(), normal(torch.float32, 100, 90, 20)[:, 3:, ::2]):
        assert read(write_raw(tmp_path / "x", {"a": tensor})) == bytes_of(tensor)
    complex_one = normal(torch.complex64, 70, 50).t()
    assert read(write_raw(tmp_path / "x", {"a": complex_one})) == bytes_of(complex_one)


def test_pieces_reads_elements_with_gaps(tmp_path: Path) -> None:
    tensor = torch.arange(3_000_000, dtype=torch.int32)[::100_000]
    assert read(write_raw(tmp_path / "x", {"a": tensor})) == bytes_of(tensor)


def test_reason_without_values_names_the_cause(tmp_path: Path) -> None:
    checkpoint = write_raw(tmp_path / "x", {"a": torch.ones(4, 4)})
    tensor = checkpoint.tensors[0]
    cases = {
        "": tensor,
        "its values are not in any file": replace(tensor, file=None),
        "its layout is sparse_coo": replace(tensor, layout="sparse_coo"),
        "it is compressed, or not stored as one piece": replace(tensor, position=None),
        "several of its elements share memory": replace(tensor, stride=(0, 1)),
        "the elements of Q4_K cannot be read as numbers": replace(tensor, dtype="Q4_K"),
        "the elements of qint8 cannot be read as numbers": replace(
            tensor, dtype="qint8", layout="quantized"
        ),
    }
    with CheckpointData(checkpoint) as data:
        assert {data.reason_without_values(each): each for each in cases.values()} == cases


def test_reason_without_values_of_remote_file(tmp_path: Path) -> None:
    checkpoint = write_raw(tmp_path / "x", {"a": torch.ones(4, 4)})
    address = replace(checkpoint.files[0], path="https://hub.test/x", modified=None)
    with CheckpointData(replace(checkpoint, files=(address,))) as data:
        assert data.reason_without_values(checkpoint.tensors[0]) == "its file is not local"


def test_checkpoint_data_refuses_changed_file(tmp_path: Path) -> None:
    path = tmp_path / "x"
    checkpoint = write_raw(path, {"a": torch.ones(4)})
    os.utime(path, ns=(1, 1))
    with pytest.raises(LoadError, match=f"^{path} changed since it was read(?m:$)"):
        CheckpointData(checkpoint)
    path.unlink()
    with pytest.raises(LoadError, match=f"^cannot read {path}(?m:$)"):
        CheckpointData(checkpoint)


def test_pieces_refuses_file_truncated_while_read(tmp_path: Path) -> None:
    path = tmp_path / "x"
    checkpoint = write_raw(path, {"a": torch.ones(4 * PIECE)})
    with CheckpointData(checkpoint) as data:
        pieces = data.pieces(checkpoint.tensors[0], 0, 4 * PIECE, Workspace())
        next(pieces)
        os.truncate(path, 5 * PIECE)
        with pytest.raises(LoadError, match=f"^{path} changed while it was read(?m:$)"):
            next(pieces)


def test_pieces_refuses_tensor_beyond_end_of_file(tmp_path: Path) -> None:
    checkpoint = write_raw(tmp_path / "x", {"a": torch.ones(4)})
    tensor = replace(checkpoint.tensors[0], shape=(1000,), bytes=4000)
    with CheckpointData(checkpoint) as data, pytest.raises(CheckpointError, match="ends too early\n"):
        next(data.pieces(tensor, 0, 1000, Workspace()))
