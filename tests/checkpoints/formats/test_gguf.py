"""Tests of GGUF files that gguf-py writes, against its own reader."""

from __future__ import annotations

import math
import struct
from decimal import Decimal
from pathlib import Path

import gguf
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from netinspect.checkpoints.formats import ggml
from netinspect.checkpoints.read import read_checkpoint
from netinspect.checkpoints.readers import read_source
from netinspect.records.checkpoint import Checkpoint, StoredTensor
from tests.checkpoints import gguf_files as build
from tests.checkpoints.memory_source import MemorySource, read

DTYPES = {
    "F32": "float32",
    "F16": "float16",
    "BF16": "bfloat16",
    "F64": "float64",
    "I8": "int8",
    "I16": "int16",
    "I32": "int32",
    "I64": "int64",
}


def write(
    path: Path, *, endianess: gguf.GGUFEndian = gguf.GGUFEndian.LITTLE, alignment: int | None = None
) -> Path:
    """Write a small model with every kind of value and several types of tensors."""
    writer = gguf.GGUFWriter(str(path), "llama", endianess=endianess)
    if alignment is not None:
        writer.add_custom_alignment(alignment)
    writer.add_uint8("u8", 255)
    writer.add_int8("i8", -128)
    writer.add_uint16("u16", 65_535)
    writer.add_int16("i16", -32_768)
    writer.add_uint32("u32", 2**32 - 1)
    writer.add_int32("i32", -(2**31))
    writer.add_uint64("u64", 2**64 - 1)
    writer.add_int64("i64", -(2**63))
    writer.add_float32("f32", 1e-6)
    writer.add_float64("f64", 0.1)
    writer.add_bool("yes", True)
    writer.add_bool("no", False)
    writer.add_string("text", "naïve\n\x1b[31m")
    writer.add_token_list([f"token{number}" for number in range(1000)])
    writer.add_array("numbers", [1, 2, 3])
    writer.add_array("floats", [0.1, 0.2, 0.3, 0.4, 0.5])
    random = np.random.default_rng(0)
    writer.add_tensor("blk.0.weight", random.standard_normal((3, 5, 64)).astype(np.float32))
    writer.add_tensor("half", random.standard_normal((7, 32)).astype(np.float16))
    writer.add_tensor("scale", np.ones(1, np.float64))
    writer.add_tensor("ids", np.arange(10, dtype=np.int32))
    packed = gguf.quants.quantize(np.ones((4, 64), np.float32), gguf.GGMLQuantizationType.Q8_0)
    writer.add_tensor("quantized", packed, raw_dtype=gguf.GGMLQuantizationType.Q8_0)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def assert_as_gguf_py(path: Path, tensors: tuple[StoredTensor, ...]) -> None:
    """Check names, sizes, types, bytes and positions against gguf-py."""
    theirs = gguf.GGUFReader(str(path)).tensors
    assert [each.name for each in tensors] == [each.name for each in theirs]
    for ours, other in zip(tensors, theirs, strict=True):
        assert ours.shape == tuple(reversed(other.shape.tolist()))
        assert ours.dtype == DTYPES.get(other.tensor_type.name, other.tensor_type.name)
        assert ours.bytes == other.n_bytes
        assert ours.position == other.data_offset


def test_types_equal_gguf_py() -> None:
    theirs = {
        int(kind): (DTYPES.get(kind.name, kind.name), *sizes)
        for kind, sizes in gguf.GGML_QUANT_SIZES.items()
    }
    ours = dict(ggml.TYPES)
    # Known to ggml since, by its block_q2_0: 64 elements of two bits and a half for the scale.
    assert ours.pop(42) == ("Q2_0", 64, 64 * 2 // 8 + 2)
    assert ours == theirs


@pytest.mark.parametrize("endianess", list(gguf.GGUFEndian), ids=lambda each: each.name.lower())
@pytest.mark.parametrize("alignment", [None, 8, 4096])
def test_read_gguf_agrees_with_gguf_py(
    tmp_path: Path, endianess: gguf.GGUFEndian, alignment: int | None
) -> None:
    path = write(tmp_path / "a.gguf", endianess=endianess, alignment=alignment)
    checkpoint = read_checkpoint(str(path))
    assert checkpoint.format == "GGUF"
    assert checkpoint.warnings == ()
    assert {each.byte_order for each in checkpoint.tensors} == {endianess.name.lower()}
    assert_as_gguf_py(path, checkpoint.tensors)
    assert_values_as_gguf_py(path, checkpoint)


def assert_values_as_gguf_py(path: Path, checkpoint: Checkpoint) -> None:
    fields = gguf.GGUFReader(str(path)).fields
    texts = {each.name: each for each in checkpoint.metadata}
    assert set(texts) == {name for name in fields if not name.startswith("GGUF.")}
    for name, found in texts.items():
        kinds, value = fields[name].types, fields[name].contents()
        if kinds[0] == gguf.GGUFValueType.ARRAY:
            assert found.type == f"{kinds[-1].name.lower()}[{len(value)}]"
        else:
            assert found.type == kinds[0].name.lower()
        if kinds[0] == gguf.GGUFValueType.BOOL:
            assert found.text == ("true" if value else "false")
        elif kinds[0] == gguf.GGUFValueType.FLOAT32:
            assert np.float32(float(found.text)) == np.float32(value)
        elif kinds[0] != gguf.GGUFValueType.ARRAY:
            assert found.text == str(value)


def test_read_gguf_formats_values(tmp_path: Path) -> None:
    checkpoint = read_checkpoint(str(write(tmp_path / "a.gguf")))
    texts = {each.name: each.text for each in checkpoint.metadata}
    assert texts["f32"] == "1e-06"
    assert texts["floats"] == "[0.1, 0.2, 0.3, 0.4, ...]"
    assert texts["numbers"] == "[1, 2, 3]"
    assert texts["tokenizer.ggml.tokens"] == '["token0", "token1", "token2", "token3", ...]'
    assert texts["text"] == "naïve\n\x1b[31m"


@given(st.floats(width=32, allow_nan=False, allow_infinity=False, allow_subnormal=False))
def test_read_gguf_formats_shortest_float(value: float) -> None:
    data = build.file((build.entry("f", 6, struct.pack("<f", value)),))
    (found,) = read(data).metadata
    # NumPy has its own algorithm for the shortest digits.
    assert Decimal(found.text) == Decimal(str(np.float32(value)))


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 2**-149, 3.4028235e38])
def test_read_gguf_formats_extreme_floats(value: float) -> None:
    data = build.file((build.entry("f", 6, struct.pack("<f", value)),))
    (found,) = read(data).metadata
    assert struct.pack("<f", float(found.text)) == struct.pack("<f", value)


def test_read_gguf_version_2(tmp_path: Path) -> None:
    path = write(tmp_path / "a.gguf")
    raw = bytearray(path.read_bytes())
    raw[4:8] = struct.pack("<I", 2)
    path.write_bytes(raw)
    assert_as_gguf_py(path, read_checkpoint(str(path)).tensors)


def test_read_gguf_nested_arrays(tmp_path: Path) -> None:
    inner = build.array(4, 2, struct.pack("<II", 7, 8))
    nested = build.array(9, 2, build.array(9, 6, inner * 6) + build.array(9, 0))
    path = tmp_path / "a.gguf"
    path.write_bytes(build.file((build.entry("nested", build.ARRAY, nested),)))
    (found,) = read_checkpoint(str(path)).metadata
    assert found.type == "array[2]"
    assert found.text == "[[[7, 8], [7, 8], [7, 8], [7, 8], ...], []]"


@pytest.mark.parametrize("length", [1999, 2000, 2001, 2002, 2003, 2004, 9000])
def test_read_gguf_cuts_long_text_between_characters(tmp_path: Path, length: int) -> None:
    text = "x" * (length % 4) + "😀é" * length
    path = tmp_path / "a.gguf"
    path.write_bytes(build.file((build.entry("text", 8, build.string(text)),)))
    (found,) = read_checkpoint(str(path)).metadata
    assert found.text.endswith("...")
    assert text.startswith(found.text[:-3])
    assert 1990 <= len(found.text[:-3].encode()) <= 2000


def test_read_gguf_scalar_and_empty_tensor(tmp_path: Path) -> None:
    tensors = (build.tensor("none", (0, 5)), build.tensor("one", ()))
    path = tmp_path / "a.gguf"
    path.write_bytes(build.file((), tensors, 4))
    none, one = read_checkpoint(str(path)).tensors
    assert (none.shape, none.bytes) == ((5, 0), 0)
    assert (one.shape, one.bytes, one.position) == ((), 4, path.stat().st_size - 4)


def test_read_gguf_warns_of_unknown_type(tmp_path: Path) -> None:
    tensors = (build.tensor("new", (64,), 99), build.tensor("old", (8,), 0, 64))
    path = tmp_path / "a.gguf"
    path.write_bytes(build.file((), tensors, 96))
    checkpoint = read_checkpoint(str(path))
    assert [(each.dtype, each.bytes) for each in checkpoint.tensors] == [
        ("ggml type 99", 64),
        ("float32", 32),
    ]
    assert checkpoint.warnings == (
        "unknown types: 'new' (type 99); their sizes are the distances to the next tensor",
    )


@pytest.mark.parametrize("offsets", [(0, 256), (128, 0)])
def test_read_gguf_warns_of_holes_and_other_order(tmp_path: Path, offsets: tuple[int, int]) -> None:
    tensors = tuple(build.tensor(f"t{at}", (32,), 0, at) for at in offsets)
    path = tmp_path / "a.gguf"
    path.write_bytes(build.file((), tensors, 512))
    (warning,) = read_checkpoint(str(path)).warnings
    assert warning == "the tensors are not packed in order, which ggml's own reader requires"


# --- several files -------------------------------------------------------------------------------


def write_split(folder: Path) -> list[Path]:
    writer = gguf.GGUFWriter(str(folder / "model.gguf"), "llama", split_max_tensors=2)
    for number in range(5):
        writer.add_tensor(f"t{number}", np.full((2, 32), number, np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return sorted(folder.glob("model-*.gguf"))


@pytest.mark.parametrize("named", [0, 1, 2])
def test_read_checkpoint_joins_split_gguf(tmp_path: Path, named: int) -> None:
    paths = write_split(tmp_path)
    assert len(paths) == 3
    checkpoint = read_checkpoint(str(paths[named]))
    assert checkpoint.problems == ()
    assert [each.path for each in checkpoint.files] == [str(path) for path in paths]
    assert [each.name for each in checkpoint.tensors] == [f"t{number}" for number in range(5)]
    assert len({each.storage for each in checkpoint.tensors}) == 5
    for index, path in enumerate(paths):
        assert_as_gguf_py(path, tuple(each for each in checkpoint.tensors if each.file == index))
    assert [each.text for each in checkpoint.metadata if each.name == "split.count"] == ["3"]


def test_read_checkpoint_joins_folder_of_split_gguf(tmp_path: Path) -> None:
    paths = write_split(tmp_path)
    whole, folder = read_checkpoint(str(paths[1])), read_checkpoint(str(tmp_path))
    assert folder.tensors == whole.tensors
    assert folder.problems == whole.problems == folder.warnings == whole.warnings == ()


def test_read_checkpoint_split_gguf_missing_file_is_a_problem(tmp_path: Path) -> None:
    paths = write_split(tmp_path)
    paths[1].unlink()
    checkpoint = read_checkpoint(str(paths[0]))
    assert [each.name for each in checkpoint.tensors] == ["t0", "t1", "t4"]
    assert checkpoint.problems == ("shard model-00002-of-00003.gguf: it is not there",)


def test_read_checkpoint_split_gguf_damaged_file_is_a_problem(tmp_path: Path) -> None:
    paths = write_split(tmp_path)
    paths[1].write_bytes(paths[1].read_bytes()[:100])
    paths[2].write_bytes(b"text")
    problems = read_checkpoint(str(paths[0])).problems
    assert len(problems) == 2
    assert problems[0].startswith("shard model-00002-of-00003.gguf: ")
    assert problems[1].startswith("shard model-00003-of-00003.gguf: it is text in an unknown format")


def test_check_split_reports_files_of_different_models(tmp_path: Path) -> None:
    paths = write_split(tmp_path)
    paths[1].write_bytes(paths[0].read_bytes())
    problems = read_checkpoint(str(paths[0])).problems
    assert problems[0].endswith("holds t0, t1, which model-00001-of-00003.gguf holds too")
    assert problems[1] == (
        "its files do not belong together: model-00001-of-00003.gguf as number 1 of 3, "
        "model-00002-of-00003.gguf as number 1 of 3, model-00003-of-00003.gguf as number 3 of 3"
    )


@pytest.mark.parametrize("as_folder", [False, True])
def test_read_checkpoint_renamed_split_gguf_is_read_alone(tmp_path: Path, as_folder: bool) -> None:
    paths = write_split(tmp_path)
    (tmp_path / "alone").mkdir()
    other = paths[0].rename(tmp_path / "alone" / "first.gguf")
    checkpoint = read_checkpoint(str(other.parent if as_folder else other))
    assert len(checkpoint.tensors) == 2
    assert checkpoint.problems == ("it is one of 3 files, of which 1 was read",)


def test_check_split_reports_wrong_tensor_count(tmp_path: Path) -> None:
    entries = (
        build.entry("split.count", 2, struct.pack("<H", 2)),
        build.entry("split.tensors.count", 5, struct.pack("<i", 3)),
    )
    for number in range(2):
        path = tmp_path / f"m-{number + 1:05}-of-00002.gguf"
        own = build.entry("split.no", 2, struct.pack("<H", number))
        path.write_bytes(build.file((*entries, own), (build.tensor(f"t{number}"),), 128))
    problems = read_checkpoint(str(path)).problems
    assert problems == ("its files should have 3 tensors and have 2",)


def test_read_gguf_remote_file_takes_few_reads() -> None:
    words = b"".join(build.string(f"a word of number {number}") for number in range(300_000))
    tensors = tuple(build.tensor(f"t{number}", (32,), 0, 128 * number) for number in range(2000))
    entries = (build.entry("words", 9, build.array(8, 300_000, words)),)
    source = MemorySource(build.file(entries, tensors, 256_000), remote=True)
    assert len(read_source(source).tensors) == 2000
    assert source.reads <= 6
