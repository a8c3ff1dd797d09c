from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from netinspect.checkpoints.read import read_checkpoint
from netinspect.checkpoints.values.compare import compare_pairs
from netinspect.checkpoints.values.data import PIECE, CheckpointData
from netinspect.checkpoints.values.dtypes import Array
from netinspect.checkpoints.values.fingerprints import same_content
from netinspect.checkpoints.values.statistics import _PART, summarize_values
from netinspect.checkpoints.values.threads import Workspace
from netinspect.errors import CheckpointError
from netinspect.records.base import replace
from netinspect.records.checkpoint import Checkpoint


def compressed(path: Path, arrays: Mapping[str, Array]) -> Checkpoint:
    np.savez_compressed(path, **arrays)  # type: ignore[arg-type]
    return read_checkpoint(str(path))


def arrays() -> dict[str, Array]:
    random = np.random.default_rng(0)
    return {
        "large": random.standard_normal(2 * _PART + 77).astype("f4"),
        "small": random.standard_normal((3, 5)),
        "empty": np.zeros((0, 2), "f4"),
        "number": np.array(3.0),
        "big": random.standard_normal(1000).astype(">f4"),
        "zeros": np.zeros(9 * PIECE, "i2"),
    }


def test_checkpoint_data_compressed_equals_stored_arrays(tmp_path: Path) -> None:
    held = arrays()
    packed = compressed(tmp_path / "packed.npz", held)
    np.savez(tmp_path / "plain.npz", **held)  # type: ignore[arg-type]
    plain = read_checkpoint(str(tmp_path / "plain.npz"))
    assert all(tensor.position is None for tensor in packed.tensors)
    assert all(tensor.position is not None for tensor in plain.tensors)
    with CheckpointData(packed) as one, CheckpointData(plain) as other:
        assert summarize_values(one, packed.tensors) == summarize_values(other, plain.tensors)
        pairs = list(zip(packed.tensors, plain.tensors, strict=True))
        assert all(each.identical for each in compare_pairs(one, other, pairs))
        itself = [(tensor, tensor) for tensor in packed.tensors]
        assert all(each.identical for each in compare_pairs(one, one, itself))
        places = [(one, tensor) for tensor in packed.tensors] + [(other, each) for each in plain.tensors]
        groups = same_content(places)
    assert groups == [[number, number + 6] for number in (0, 1, 3, 4, 5)]


def test_inflated_array_reads_any_range(tmp_path: Path) -> None:
    held = np.random.default_rng(0).standard_normal(9 * PIECE)
    checkpoint = compressed(tmp_path / "packed.npz", {"a": held})
    workspace = Workspace()
    with CheckpointData(checkpoint) as data:
        for start, stop in ((5, 9), (PIECE, 3 * PIECE + 1), (7, 8), (len(held) - 3, len(held))):
            pieces = data.pieces(checkpoint.tensors[0], start, stop, workspace)
            assert (
                np.concatenate([piece.copy() for piece in pieces]).tolist() == held[start:stop].tolist()
            )


def test_checkpoint_data_skips_compressed_fortran_order(tmp_path: Path) -> None:
    checkpoint = compressed(tmp_path / "packed.npz", {"a": np.asfortranarray(np.ones((3, 4)))})
    with CheckpointData(checkpoint) as data:
        reason = data.reason_without_values(checkpoint.tensors[0])
    assert reason == "it is compressed, or not stored as one piece"


def test_inflated_array_damaged_member_is_one_error(tmp_path: Path) -> None:
    path = tmp_path / "packed.npz"
    compressed(path, {"a": np.random.default_rng(0).standard_normal(9 * PIECE)})
    data = bytearray(path.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 1000] = bytes(1000)
    path.write_bytes(data)
    checkpoint = read_checkpoint(str(path))
    with CheckpointData(checkpoint) as opened, pytest.raises(CheckpointError) as caught:
        summarize_values(opened, checkpoint.tensors)
    assert str(path) in caught.value.message


def test_inflated_array_short_member_is_one_error(tmp_path: Path) -> None:
    whole = io.BytesIO()
    np.save(whole, np.ones(1000))
    path = tmp_path / "packed.npz"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.npy", whole.getvalue())
    checkpoint = read_checkpoint(str(path))
    longer = replace(checkpoint.tensors[0], shape=(2000,), bytes=16000)
    with CheckpointData(checkpoint) as data, pytest.raises(CheckpointError, match="ends too early\n"):
        summarize_values(data, [longer])
