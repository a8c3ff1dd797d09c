"""Tests of npy and npz files that NumPy writes, against NumPy's own reader."""

from __future__ import annotations

import io
import os
import pickle
import struct
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as of_numpy

from netinspect.checkpoints.formats.npy_header import HeaderError, parse_header
from netinspect.checkpoints.read import read_checkpoint
from netinspect.errors import CheckpointError
from netinspect.records.checkpoint import StoredTensor
from tests.checkpoints.memory_source import read

TORCH = {"bool", *(f"{kind}{bits}" for kind in ("int", "uint") for bits in (8, 16, 32, 64))} | {
    "float16",
    "float32",
    "float64",
    "complex64",
    "complex128",
}


def npy(header: str, data: bytes = b"", version: tuple[int, int] = (1, 0)) -> bytes:
    """Return a file with any header."""
    raw = header.encode("utf-8")
    length = struct.pack("<H" if version[0] == 1 else "<I", len(raw))
    return b"\x93NUMPY" + bytes(version) + length + raw + data


def header(descr: str = "'<f4'", order: str = "False", shape: str = "(2,)") -> str:
    return f"{{'descr': {descr}, 'fortran_order': {order}, 'shape': {shape}, }}\n"


def assert_is(tensor: StoredTensor, array: np.ndarray[Any, Any], raw: bytes) -> None:
    """Check that the reported position, dtype and strides give the array."""
    assert tensor.shape == array.shape
    assert tensor.bytes == array.nbytes
    if array.dtype.newbyteorder("=").name in TORCH:
        assert tensor.dtype == array.dtype.newbyteorder("=").name
    assert tensor.byte_order == ("big" if array.dtype.str[0] == ">" else "little")
    assert tensor.position is not None
    data = np.frombuffer(raw, array.dtype, array.size, tensor.position) if array.dtype.itemsize else None
    if data is not None:
        strides = tensor.stride or tuple(int(np.prod(array.shape[at + 1 :])) for at in range(array.ndim))
        steps = [step * array.dtype.itemsize for step in strides]
        seen = np.lib.stride_tricks.as_strided(data, array.shape, steps)
        assert seen.tobytes() == array.tobytes()


# --- npy -----------------------------------------------------------------------------------------


ARRAYS = of_numpy.arrays(
    dtype=st.one_of(of_numpy.scalar_dtypes(), of_numpy.array_dtypes(max_size=3)),
    shape=of_numpy.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=4),
)


@pytest.mark.filterwarnings("ignore:Stored array in format 3.0")
@given(ARRAYS, st.sampled_from("CF"))
def test_read_checkpoint_locates_npy_and_npz_arrays(array: np.ndarray[Any, Any], order: Any) -> None:
    written = io.BytesIO()
    array = np.array(array, order=order)
    np.save(written, array)
    raw = written.getvalue()
    (tensor,) = read(raw).tensors
    assert_is(tensor, array, raw)


@pytest.mark.parametrize("version", [(1, 0), (2, 0), (3, 0)])
def test_read_npy_all_versions(tmp_path: Path, version: tuple[int, int]) -> None:
    array = np.arange(12, dtype=">i4").reshape(3, 4).T
    path = tmp_path / "a.npy"
    with path.open("wb") as file:
        np.lib.format.write_array(file, array, version=version)
    checkpoint = read_checkpoint(str(path))
    assert checkpoint.format == "npy"
    assert_is(checkpoint.tensors[0], array, path.read_bytes())
    assert checkpoint.tensors[0].stride == (1, 4)
    assert checkpoint.warnings == ()


def test_read_npy_unicode_field_names(tmp_path: Path) -> None:
    array = np.zeros(2, [("naïve", "<f4"), ("it's", ">i8", (2, 3)), ("\u65e5", "S3")])
    path = tmp_path / "a.npy"
    with pytest.warns(UserWarning, match="format 3.0"):
        np.save(path, array)
    (tensor,) = read_checkpoint(str(path)).tensors
    assert tensor.dtype == "{naïve: float32, it's: >int64(2, 3), \u65e5: S3}"
    assert tensor.bytes == array.nbytes == 2 * (4 + 48 + 3)


def test_read_npy_python_2_header(tmp_path: Path) -> None:
    path = tmp_path / "a.npy"
    path.write_bytes(npy(header(shape="(3L, 2L)"), bytes(24)))
    assert read_checkpoint(str(path)).tensors[0].shape == (3, 2)


def test_read_npy_warns_of_bytes_after_array(tmp_path: Path) -> None:
    path = tmp_path / "a.npy"
    with path.open("wb") as file:
        np.save(file, np.zeros(3))
        np.save(file, np.ones(3))
    (warning,) = read_checkpoint(str(path)).warnings
    assert warning == "after the array: 152 bytes that are not read"


def test_read_npy_refuses_truncated_array(tmp_path: Path) -> None:
    path = tmp_path / "a.npy"
    np.save(path, np.zeros(3))
    raw = path.read_bytes()
    for length in range(6, len(raw)):
        path.write_bytes(raw[:length])
        with pytest.raises(CheckpointError, match=r"not whole|not a valid npy"):
            read_checkpoint(str(path))


class _Mark:
    """Object that leaves a mark when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __reduce__(self) -> Any:
        return os.mkdir, (str(self._path),)


def test_read_npy_refuses_objects_without_executing(tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    path = tmp_path / "a.npy"
    np.save(path, np.array([_Mark(mark)], object), allow_pickle=True)
    with pytest.raises(CheckpointError) as caught:
        read_checkpoint(str(path))
    assert caught.value.cause == (
        "it is an array of Python objects, which is a pickle; nothing was executed"
    )
    assert not mark.exists()
    # Loading this file would leave the mark.
    pickle.loads(path.read_bytes()[path.read_bytes().index(b"\n") + 1 :])
    assert mark.exists()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "()",
        "1",
        header() + "x",
        header().replace("descr", "other"),
        header()[:-3] + "'more': 1}",
        header()[:-3] + "'shape': (1,)}",
        header("'<f3'"),
        header("'<q8'"),
        header("'f4, i4'"),
        header("'<f4x'"),
        header("'f4' 'f4'"),
        header("f4"),
        header("[('a', '<f4'"),
        header("[('a',)]"),
        header("[(3, '<f4')]"),
        header("[('a', '<f4'), ('a', '<f4')]"),
        header("'<M8[Q]'"),
        header("['<f4']"),
        header("[[[[]]]]"),
        header("(" * 5000),
        header("[" * 3000 + "]" * 3000),
        header("-" * 5000 + "1"),
        header("__import__('os').system('true')"),
        header("'\\N{BULLET}'"),
        header("'V99999999999'"),
        header("[('a', 'V9999999999', (9999999999,))]"),
        header(order="1"),
        header(order="true"),
        header(shape="2"),
        header(shape="[2]"),
        header(shape="(-2,)"),
        header(shape="(2.0,)"),
        header(shape="(True,)"),
        header(shape="('2',)"),
        header(shape=f"({2**62}, 4)"),
        header(shape=f"({'9' * 4000},)"),
        header(shape=f"({'1,' * 65})"),
    ],
)
def test_read_npy_refuses_invalid_header(tmp_path: Path, text: str) -> None:
    with pytest.raises(HeaderError):
        parse_header(text)
    path = tmp_path / "a.npy"
    path.write_bytes(npy(text, bytes(100)))
    with pytest.raises(CheckpointError, match="not a valid npy file"):
        read_checkpoint(str(path))


@given(st.text(alphabet="{}()[]',:<>f4iU 0123TrueFalsdcporhn_L\\\"", max_size=200))
def test_parse_header_any_text_is_header_or_error(text: str) -> None:
    with pytest.raises(HeaderError):
        parse_header(text)


DATA = Path(np.__file__).parent / "lib" / "tests" / "data"


@pytest.mark.parametrize("name", ["py2-objarr.npy", "py3-objarr.npy", "py2-np0-objarr.npy"])
def test_read_npy_refuses_object_files_of_numpy(name: str) -> None:
    with pytest.raises(CheckpointError, match="cannot be read"):
        read_checkpoint(str(DATA / name))


@pytest.mark.filterwarnings("ignore:Reading .*created on Python 2")
def test_read_npy_refuses_python_2_object_file_of_numpy() -> None:
    path = DATA / "win64python2.npy"
    assert_is(read_checkpoint(str(path)).tensors[0], np.load(path), path.read_bytes())


# --- npz -----------------------------------------------------------------------------------------


ALL: dict[str, Any] = {
    "weight": np.arange(12, dtype=np.float32).reshape(3, 4),
    "bias": np.zeros(4, ">f8"),
    "order": np.asfortranarray(np.arange(24, dtype=np.int16).reshape(2, 3, 4)),
    "none": np.zeros((0, 3), np.float16),
    "one": np.array(3, np.int64),
    "layer.0/inner": np.ones(5, bool),
}


def test_read_npz_stored_arrays_have_positions(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    np.savez(path, **ALL)
    checkpoint = read_checkpoint(str(path))
    assert checkpoint.format == "npz"
    assert checkpoint.problems == checkpoint.warnings == ()
    assert [each.name for each in checkpoint.tensors] == list(ALL)
    assert [each.member for each in checkpoint.tensors] == [f"{name}.npy" for name in ALL]
    for tensor, array in zip(checkpoint.tensors, ALL.values(), strict=True):
        assert_is(tensor, array, path.read_bytes())


def test_read_npz_compressed_arrays_have_no_position(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    large = np.zeros((1000, 100_000), np.int8)  # larger than the limit for inflating a member at once
    np.savez_compressed(path, large=large, **ALL)
    checkpoint = read_checkpoint(str(path))
    assert {each.position for each in checkpoint.tensors} == {None}
    for tensor, array in zip(checkpoint.tensors, [large, *ALL.values()], strict=True):
        assert (tensor.shape, tensor.bytes) == (array.shape, array.nbytes)


def test_read_npz_incompressible_arrays(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    noise = np.frombuffer(os.urandom(100_000), np.uint8)
    np.savez_compressed(path, noise=noise)
    assert read_checkpoint(str(path)).tensors[0].shape == (100_000,)


def test_read_npz_object_array_is_a_problem(tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    path = tmp_path / "a.npz"
    np.savez(path, good=np.zeros(3), bad=np.array([_Mark(mark)], object), allow_pickle=True)
    checkpoint = read_checkpoint(str(path))
    assert [each.name for each in checkpoint.tensors] == ["good"]
    assert checkpoint.problems == (
        "bad.npy: it is an array of Python objects, which is a pickle; nothing was executed",
    )
    assert not mark.exists()


def test_read_npz_object_archive_of_numpy() -> None:
    path = DATA / "py3-objarr.npz"
    with pytest.raises(CheckpointError, match=r"no array of .* can be read") as caught:
        read_checkpoint(str(path))
    assert "nothing was executed" in (caught.value.cause or "")


def test_read_npz_damaged_members_are_problems(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("good.npy", npy(header(), bytes(8)))
        archive.writestr("short.npy", npy(header(), bytes(7)))
        archive.writestr("text.npy", b"no array")
        archive.writestr("notes.txt", b"read me")
    checkpoint = read_checkpoint(str(path))
    assert [each.name for each in checkpoint.tensors] == ["good"]
    assert checkpoint.problems == (
        "short.npy: expected 8 bytes, but it has only 7",
        "text.npy: it does not start with the magic of an array",
    )
    assert checkpoint.warnings == ("1 members are not arrays, such as 'notes.txt'",)


def test_read_checkpoint_refuses_zip_without_arrays(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("notes.txt", b"read me")
    with pytest.raises(CheckpointError, match="is not a checkpoint"):
        read_checkpoint(str(path))
