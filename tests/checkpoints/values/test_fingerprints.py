from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch

from netinspect.checkpoints.values import fingerprints as module
from netinspect.checkpoints.values.data import PIECE, CheckpointData
from netinspect.checkpoints.values.fingerprints import fingerprint, same_content
from netinspect.checkpoints.values.threads import Workspace
from netinspect.errors import LoadError
from netinspect.records.base import replace
from netinspect.records.checkpoint import Checkpoint, StoredTensor
from tests.checkpoints.values.tensor_values import normal, write_raw


def groups(checkpoint: Checkpoint) -> list[list[str]]:
    with CheckpointData(checkpoint) as data:
        found = same_content([(data, tensor) for tensor in checkpoint.tensors])
    return [[checkpoint.tensors[number].name for number in group] for group in found]


def test_same_content_groups_equal_tensors(tmp_path: Path) -> None:
    a = normal(torch.float32, 300, 400)
    near = a.clone()
    near[111, 7] += 1
    tensors = {
        "a": a,
        "other shape": a.clone().reshape(400, 300),
        "near": near,
        "copy": a.clone(),
        "transposed": a.t().contiguous().t(),
        "zeros": torch.zeros(5),
        "more zeros": torch.zeros(5),
        "zeros of another type": torch.zeros(5, dtype=torch.int32),
        "zeros of another sign": -torch.zeros(5),
        "nothing": torch.ones(0),
        "no more": torch.ones(0),
        "alone": torch.tensor(1.0),
    }
    assert groups(write_raw(tmp_path / "x", tensors)) == [
        ["a", "copy", "transposed"],
        ["zeros", "more zeros"],
    ]


def test_same_content_of_two_files(tmp_path: Path) -> None:
    one = write_raw(tmp_path / "one", {"a": normal(torch.float16, 1000), "b": torch.ones(1000).half()})
    other = write_raw(tmp_path / "other", {"b": normal(torch.float16, 1000), "c": torch.ones(1000)})
    with CheckpointData(one) as left, CheckpointData(other) as right:
        places = [(left, tensor) for tensor in one.tensors] + [(right, each) for each in other.tensors]
        assert same_content(places) == [[0, 2]]


def test_same_content_reads_only_similar_tensors_completely(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[str] = []
    tensors = {f"{number}": normal(torch.float32, PIECE, seed=number % 9) for number in range(10)}

    def recorded(data: CheckpointData, tensor: StoredTensor, workspace: Workspace) -> bytes:
        read.append(tensor.name)
        return fingerprint(data, tensor, workspace)

    monkeypatch.setattr(module, "fingerprint", recorded)
    assert groups(write_raw(tmp_path / "x", tensors)) == [["0", "9"]]
    assert sorted(read) == ["0", "9"]


def test_same_content_compares_bytes_of_packed_elements(tmp_path: Path) -> None:
    checkpoint = write_raw(
        tmp_path / "x", {"a": torch.arange(9), "b": torch.arange(9), "c": torch.arange(9)}
    )
    packed = tuple(replace(tensor, dtype="Q4_K") for tensor in checkpoint.tensors[:2])
    checkpoint = replace(
        checkpoint, tensors=(*packed, checkpoint.tensors[2], replace(packed[0], position=None))
    )
    assert groups(checkpoint) == [["a", "b"]]


def test_same_content_progress_ends_at_total(tmp_path: Path) -> None:
    checkpoint = write_raw(tmp_path / "x", {"a": torch.ones(PIECE), "b": torch.ones(PIECE)})
    progress: list[tuple[int, int]] = []
    with CheckpointData(checkpoint) as data:
        places = [(data, tensor) for tensor in checkpoint.tensors]
        same_content(places, lambda done, total: progress.append((done, total)))
    assert progress == [(4 * PIECE, 8 * PIECE), (8 * PIECE, 8 * PIECE)]


def test_same_content_refuses_file_that_changes(tmp_path: Path) -> None:
    checkpoint = write_raw(tmp_path / "x", {"a": torch.ones(3)})
    with CheckpointData(checkpoint) as data:
        os.utime(tmp_path / "x", ns=(1, 1))
        with pytest.raises(LoadError, match=r"changed while it was read(?m:$)"):
            same_content([(data, checkpoint.tensors[0])])
