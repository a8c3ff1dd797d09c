"""Tests of the recognition of ONNX models among other protobuf messages, texts and fragments."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
from hypothesis import given
from hypothesis import strategies as st
from onnx import helper, numpy_helper

from netinspect.checkpoints.read import read_checkpoint
from netinspect.checkpoints.readers import read_source
from netinspect.errors import CheckpointError
from tests.checkpoints.formats.onnx_models import MODELS, OTHERS, model_of
from tests.checkpoints.memory_source import MemorySource, read


def test_is_onnx_rejects_single_tensor() -> None:
    for path in OTHERS:
        with pytest.raises(CheckpointError, match="is not a checkpoint"):
            read_checkpoint(str(path))


def has_graph(raw: bytes) -> bool:
    try:
        return onnx.load_model_from_string(raw).HasField("graph")
    except DecodeError:
        return False


@pytest.mark.parametrize("path", [each for each in MODELS if each.stat().st_size < 2000][:12], ids=str)
def test_read_checkpoint_refuses_truncated_onnx(tmp_path: Path, path: Path) -> None:
    raw = path.read_bytes()
    cut = tmp_path / "cut.onnx"
    for length in range(len(raw)):
        cut.write_bytes(raw[:length])
        if has_graph(cut.read_bytes()):
            # Cut between two fields, it is a valid model without the other fields, also for the package.
            assert read_checkpoint(str(cut)).graph is not None
            continue
        with pytest.raises(CheckpointError, match=r"is not whole|is not a checkpoint"):
            read_checkpoint(str(cut))


@pytest.mark.parametrize(
    "raw",
    [
        b"\x08\x07",
        b"\x08\x07\x12\x05tests",
        b":) hello, this is a text\n",
        b"BEGIN of a text that protobuf might take for a field\n",
        bytes(range(8, 256)),
        # TensorFlow's SavedModel starts with the same two fields.
        b"\x08\x01\x12\x06\x0a\x04\x0a\x02v1",
        # Numbers of fields that no version of ONNX has.
        b"\x08\x07:\x02\x12\x00\xc2\x3e\x01x",
    ],
)
def test_is_onnx_rejects_other_protobuf(tmp_path: Path, raw: bytes) -> None:
    path = tmp_path / "a.onnx"
    path.write_bytes(raw)
    with pytest.raises(CheckpointError, match="is not a checkpoint"):
        read_checkpoint(str(path))


def test_is_onnx_rejects_parts_of_models() -> None:
    model = model_of(numpy_helper.from_array(np.zeros(3, np.float32), "w"))
    node = helper.make_node("Relu", ["x"], ["y"], name="a node")
    function = helper.make_function("mine", "f", ["a"], ["b"], [node], [helper.make_opsetid("", 17)])
    for message in (model.graph, model.graph.input[0], node, function, model.opset_import[0]):
        with pytest.raises(CheckpointError, match="is not a checkpoint"):
            read(message.SerializeToString())


@given(st.text(min_size=1))
def test_is_onnx_rejects_text(text: str) -> None:
    with pytest.raises(CheckpointError, match="is not a checkpoint"):
        read(text.encode("utf-8", "surrogatepass"))


def test_is_onnx_rejects_source_code() -> None:
    for path in Path(onnx.__file__).parent.glob("*.py"):
        with pytest.raises(CheckpointError, match="is not a checkpoint"):
            read_checkpoint(str(path))


def test_read_onnx_remote_file_takes_few_reads() -> None:
    tensors = [
        numpy_helper.from_array(np.zeros(500, np.float32), f"w{number}") for number in range(2000)
    ]
    source = MemorySource(model_of(*tensors).SerializeToString() * 3, remote=True)
    assert len(read_source(source).tensors) == 6000
    assert source.reads <= 30
