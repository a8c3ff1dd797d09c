"""Tests of pickles not written by `torch.save`, and of torch's first format."""

from __future__ import annotations

import io
import pickle
import struct
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from netinspect.checkpoints.read import read_checkpoint
from netinspect.errors import CheckpointError
from netinspect.records.checkpoint import StoredTensor
from tests.checkpoints.expected import check_tensor, stored_bytes

PROTOCOLS = range(6)
TYPES = [
    *("bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"),
    *("float16", "float32", "float64", "complex64", "complex128"),
]


def dump(item: Any, file: Path, protocol: int) -> None:
    with file.open("wb") as opened:
        pickle.dump(item, opened, protocol)


def read(file: Path, position: int, length: int) -> bytes:
    with file.open("rb") as opened:
        opened.seek(position)
        return opened.read(length)


# --- NumPy ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_read_plain_pickle_arrays_of_every_type(protocol: int, tmp_path: Path) -> None:
    file = tmp_path / "arrays.pkl"
    arrays = {name: (np.arange(12) % 2).astype(name).reshape(3, 4) for name in TYPES}
    arrays["scalar"] = np.array(3.5)
    arrays["empty"] = np.zeros((0, 2), np.float32)
    arrays["large"] = np.arange(100_000, dtype=np.float32).reshape(2, -1)
    arrays["turned"] = np.asfortranarray(np.arange(6, dtype=np.float64).reshape(2, 3))
    dump(arrays, file, protocol)
    found = read_checkpoint(str(file))
    assert found.format == "pickle"
    assert [tensor.name for tensor in found.tensors] == list(arrays)
    for tensor, array in zip(found.tensors, arrays.values(), strict=True):
        assert (tensor.shape, tensor.dtype) == (array.shape, str(array.dtype))
        assert tensor.bytes == array.nbytes
        strides = tuple(step // array.itemsize for step in array.strides)
        assert tensor.stride == (None if array.flags.c_contiguous else strides)
        # Up to protocol 2, bytes are stored as encoded texts.
        assert (tensor.position is not None) == (protocol >= 3)
        if tensor.position is not None:
            expected = array.tobytes(order="A")
            assert read(file, tensor.position, array.nbytes) == expected
    assert {each.verdict for each in found.globals} == {"needed"}
    assert len({tensor.storage for tensor in found.tensors}) == len(arrays)


def test_read_plain_pickle_arrays_of_other_types(tmp_path: Path) -> None:
    file = tmp_path / "arrays.pkl"
    arrays = {
        "swapped": np.arange(3, dtype=">f4"),
        "texts": np.array(["ab", "c"]),
        "raw": np.array([b"abc"]),
        "date": np.array(["2024-01-02"], dtype="M8[D]"),
        "objects": np.array([{"a": 1}, None], dtype=object),
    }
    dump(arrays, file, 4)
    found = read_checkpoint(str(file))
    assert [(tensor.name, tensor.dtype, tensor.shape, tensor.bytes) for tensor in found.tensors] == [
        ("swapped", ">f4", (3,), 12),
        ("texts", "U2", (2,), 16),
        ("raw", "S3", (1,), 3),
        ("date", "M8", (1,), 8),
    ]
    entries = {entry.name: (entry.type, entry.text) for entry in found.metadata}
    assert entries["objects"] == ("array of objects", "(2,)")
    assert entries["objects.0.a"] == ("int", "1")


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_read_plain_pickle_numpy_scalars(protocol: int, tmp_path: Path) -> None:
    file = tmp_path / "numbers.pkl"
    item = {"w": np.ones(2), "a": np.float64(0.5), "b": np.int16(-3), "c": np.bool_(True)}
    dump(item, file, protocol)
    entries = {entry.name: (entry.type, entry.text) for entry in read_checkpoint(str(file)).metadata}
    assert entries == {"a": ("float64", "0.5"), "b": ("int16", "-3"), "c": ("bool", "True")}


def test_read_plain_pickle_refuses_array_of_wrong_size(tmp_path: Path) -> None:
    file = tmp_path / "array.pkl"
    dump({"a": np.arange(4, dtype=np.uint8)}, file, 3)
    data = file.read_bytes()
    assert data.count(b"K\x04\x85") == 1
    file.write_bytes(data.replace(b"K\x04\x85", b"K\x09\x85"))
    with pytest.raises(CheckpointError) as caught:
        read_checkpoint(str(file))
    assert caught.value.cause == "a: an array of shape (9,) of uint8 takes 9 bytes, got 4"


# --- tensors pickled by `pickle` itself ----------------------------------------------------------


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_read_plain_pickle_torch_tensors(protocol: int, tmp_path: Path) -> None:
    file = tmp_path / "state.pkl"
    item = {
        "weight": nn.Parameter(torch.randn(3, 4)),
        "large": torch.randn(200, 100),
        "view": torch.arange(20).view(4, 5)[1:, 2:].t(),
        "half": torch.ones(3, dtype=torch.bfloat16),
        "none": torch.zeros(0, 4),
    }
    dump(item, file, protocol)
    found = read_checkpoint(str(file))
    assert [tensor.name for tensor in found.tensors] == list(item)
    for tensor, original in zip(found.tensors, item.values(), strict=True):
        assert (tensor.shape, f"torch.{tensor.dtype}") == (tuple(original.shape), str(original.dtype))
        if protocol >= 3:
            check_tensor(file, tensor, original.detach())
        else:
            assert tensor.position is None
    assert found.tensors[0].kind == "parameter"
    assert {each.verdict for each in found.globals} == {"needed"}
    assert found.warnings == ()


def test_read_plain_pickle_lists_imports_of_nested_storage(tmp_path: Path) -> None:
    """The bytes of a storage are another pickle, which would be loaded without restrictions."""
    file = tmp_path / "state.pkl"
    dump({"weight": torch.randn(3)}, file, 3)
    data = file.read_bytes()
    inner = b"cnt\nsystem\n(X\x05\0\0\0touchtR0"
    # A call replaces the empty dict of machine properties in the inner file.
    start = data.index(b"\x80\x02}q\x00(X\x10\x00\x00\x00protocol_version")
    changed = data[: start + 2] + inner + data[start + 2 :]
    length = data.index(b"B", data.index(b"_load_from_bytes"))
    size = struct.unpack_from("<I", data, length + 1)[0]
    changed = changed[: length + 1] + struct.pack("<I", size + len(inner)) + changed[length + 5 :]
    file.write_bytes(changed)
    found = read_checkpoint(str(file))
    assert [each.name for each in found.globals if each.verdict == "other"] == ["nt.system"]
    assert [tensor.name for tensor in found.tensors] == ["weight"]


def test_read_plain_pickle_refuses_pickle_without_tensors(tmp_path: Path) -> None:
    file = tmp_path / "words.pkl"
    dump({"a": [1, 2]}, file, 4)
    with pytest.raises(CheckpointError) as caught:
        read_checkpoint(str(file))
    assert caught.value.message.endswith("words.pkl holds no tensors")
    assert caught.value.cause == "it is a pickle of {'a': [1, 2]}"
    assert "netinspect globals" in str(caught.value.hint)


def test_read_plain_pickle_warns_of_trailing_bytes(tmp_path: Path) -> None:
    file = tmp_path / "two.pkl"
    file.write_bytes(pickle.dumps({"a": np.ones(2)}) + pickle.dumps(3))
    assert read_checkpoint(str(file)).warnings == ("after the pickle: 5 bytes that are not read",)


# --- torch's first format ------------------------------------------------------------------------


class Outside:
    """Stand-in for a tensor, by its key."""

    def __init__(self, key: int) -> None:
        self.key = key


class Writer(pickle.Pickler):
    def persistent_id(self, obj: Any) -> Any:
        return str(obj.key) if isinstance(obj, Outside) else None


Storages = dict[int, torch.Tensor]
Views = list[tuple[int, int, int, int]]
Tensors = dict[int, tuple[int, tuple[int, ...], tuple[int, ...], int]]


def write_tar(file: Path, item: Any, storages: Storages, tensors: Tensors, views: Views) -> None:
    """Write a file as the first versions of torch did."""

    def member(fill: Callable[[io.BytesIO], None], name: str) -> None:
        opened = io.BytesIO()
        fill(opened)
        member = tarfile.TarInfo(name)
        member.size = len(opened.getvalue())
        archive.addfile(member, io.BytesIO(opened.getvalue()))

    def fill_storages(opened: io.BytesIO) -> None:
        pickle.dump(len(storages), opened, 2)
        for key, data in storages.items():
            kind = {torch.float32: torch.FloatStorage, torch.int64: torch.LongStorage}[data.dtype]
            pickle.dump((key, "cpu", kind), opened, 2)
            opened.write(struct.pack("<q", data.numel()) + data.numpy().tobytes())
        pickle.dump(views, opened, 2)

    def fill_tensors(opened: io.BytesIO) -> None:
        pickle.dump(len(tensors), opened, 2)
        for key, (storage, sizes, strides, offset) in tensors.items():
            pickle.dump((key, storage, torch.FloatTensor), opened, 2)
            opened.write(struct.pack("<ii", len(sizes), 0))
            opened.write(struct.pack(f"<{2 * len(sizes) + 1}q", *sizes, *strides, offset))

    def fill_pickle(opened: io.BytesIO) -> None:
        Writer(opened, 2).dump(item)

    with tarfile.open(file, "w:", format=tarfile.PAX_FORMAT) as archive:
        member(lambda opened: pickle.dump({"protocol_version": 1000}, opened, 2), "sys_info")
        member(fill_pickle, "pickle")
        member(fill_tensors, "tensors")
        member(fill_storages, "storages")


def made_tar(file: Path) -> None:
    write_tar(
        file,
        {
            "model": {"weight": Outside(10), "turned": Outside(11)},
            "counts": Outside(12),
            "epoch": 3,
            "in": Outside(13),
        },
        {100: torch.arange(24.0), 200: torch.arange(5)},
        {
            10: (100, (4, 6), (6, 1), 0),
            11: (100, (2, 3), (1, 6), 5),
            12: (200, (5,), (1,), 0),
            13: (300, (2, 2), (2, 1), 1),
        },
        [(300, 100, 10, 6)],
    )


@pytest.mark.filterwarnings("ignore")
def test_read_torch_tar_reads_first_format(tmp_path: Path) -> None:
    file = tmp_path / "first.pt"
    made_tar(file)
    loaded = torch.load(file, weights_only=False)
    expected = {
        "model.weight": loaded["model"]["weight"],
        "model.turned": loaded["model"]["turned"],
        "counts": loaded["counts"],
        "in": loaded["in"],
    }
    found = read_checkpoint(str(file))
    assert found.format == "torch tar"
    tensors: dict[str, StoredTensor] = {tensor.name: tensor for tensor in found.tensors}
    assert list(tensors) == list(expected)
    for name, tensor in expected.items():
        assert tensors[name].shape == tuple(tensor.shape)
        assert f"torch.{tensors[name].dtype}" == str(tensor.dtype)
        assert tensors[name].stride == (None if tensor.is_contiguous() else tensor.stride())
        assert stored_bytes(file, tensors[name]) == tensor.contiguous().numpy().tobytes()
    assert tensors["model.weight"].storage == tensors["in"].storage != tensors["counts"].storage
    assert [(entry.name, entry.text) for entry in found.metadata] == [("epoch", "3")]
    assert {each.verdict for each in found.globals} == {"needed"}


@pytest.mark.parametrize(
    ("before", "after", "complaint"),
    [
        (struct.pack("<q", 24), struct.pack("<q", 25), "at byte"),
        (struct.pack("<q", 24), struct.pack("<q", -1), "the size of a storage is -4|-1"),
        (struct.pack("<2q", 4, 6), struct.pack("<2q", 4, 2**40), "needs"),
        (struct.pack("<2q", 4, 6), struct.pack("<2q", -4, 6), "a shape is"),
        (struct.pack("<ii", 2, 0), struct.pack("<ii", 10**9, 0), "1,000,000,000 dimensions"),
    ],
)
def test_read_torch_tar_refuses_invalid_file(
    before: bytes, after: bytes, complaint: str, tmp_path: Path
) -> None:
    file = tmp_path / "first.pt"
    made_tar(file)
    data = file.read_bytes()
    assert before in data
    file.write_bytes(data.replace(before, after, 1))
    with pytest.raises(CheckpointError) as caught:
        read_checkpoint(str(file))
    assert any(each in str(caught.value.cause) for each in complaint.split("|"))


@pytest.mark.parametrize("cut", [100, 600, 2000, 3000])
def test_read_torch_tar_refuses_truncated_file(cut: int, tmp_path: Path) -> None:
    file = tmp_path / "first.pt"
    made_tar(file)
    file.write_bytes(file.read_bytes()[:cut])
    with pytest.raises(CheckpointError):
        read_checkpoint(str(file))


def test_read_torch_tar_refuses_other_archive(tmp_path: Path) -> None:
    file = tmp_path / "other.tar"
    with tarfile.open(file, "w:") as archive:
        archive.addfile(tarfile.TarInfo("readme"), io.BytesIO())
    with pytest.raises(CheckpointError, match="is not a checkpoint"):
        read_checkpoint(str(file))
