"""ONNX models compared with the onnx package: those that it includes, and those of its helpers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from netinspect.checkpoints.formats.onnx_tensors import DTYPES
from netinspect.checkpoints.read import read_checkpoint
from netinspect.records.checkpoint import GraphTensor
from tests.checkpoints.formats.onnx_models import (
    MODELS,
    OTHERS,
    assert_as_onnx,
    dtype_of,
    model_of,
    save,
)


def test_onnx_package_has_models() -> None:
    assert len(MODELS) >= 149
    assert len(OTHERS) >= 300


@pytest.mark.parametrize("path", MODELS, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_read_onnx_agrees_with_onnx_package(path: Path) -> None:
    checkpoint = read_checkpoint(str(path))
    assert checkpoint.problems == ()
    assert_as_onnx(path, checkpoint)


def test_dtypes_equal_onnx_package() -> None:
    named = dict(TensorProto.DataType.items())
    assert set(DTYPES) == set(named.values())
    for kind in set(named.values()) - {TensorProto.UNDEFINED}:
        assert DTYPES[kind] == dtype_of(kind)


# --- models made by its helpers -----------------------------------------------------------------------


@pytest.mark.parametrize("raw", [True, False], ids=["raw", "typed"])
@pytest.mark.parametrize("kind", sorted(set(DTYPES) - {0, TensorProto.STRING}), ids=DTYPES.get)
def test_read_onnx_every_type_raw_and_typed(tmp_path: Path, kind: int, raw: bool) -> None:
    dtype = np.dtype(helper.tensor_dtype_to_np_dtype(kind))
    values = np.array([0, 1, 1, 0, 1, 1, 0], np.float32).astype(dtype)
    in_raw = numpy_helper.from_array(values, "w")
    numbers = values if values.dtype.kind == "c" else values.astype(np.float32)
    tensor = in_raw if raw else helper.make_tensor("w", kind, [7], numbers.tolist())
    path = save(model_of(tensor), tmp_path / "a.onnx")
    checkpoint = read_checkpoint(str(path))
    assert checkpoint.problems == ()
    assert_as_onnx(path, checkpoint)
    assert checkpoint.tensors[0].bytes == len(in_raw.raw_data)


def test_read_onnx_string_tensor_size(tmp_path: Path) -> None:
    tensor = TensorProto(name="w", data_type=8, dims=[3], string_data=[b"a", b"", b"three"])
    (found,) = read_checkpoint(str(save(model_of(tensor), tmp_path / "a.onnx"))).tensors
    assert (found.dtype, found.shape, found.bytes, found.position) == ("STRING", (3,), 6, None)


def test_read_onnx_inputs_exclude_initializers(tmp_path: Path) -> None:
    model = model_of(numpy_helper.from_array(np.zeros(3, np.float32), "w"))
    model.graph.input.append(helper.make_tensor_value_info("w", TensorProto.FLOAT, [3]))
    graph = read_checkpoint(str(save(model, tmp_path / "a.onnx"))).graph
    assert graph is not None
    assert graph.inputs == (GraphTensor(name="x", dtype="float32", shape=("batch", 3, "?")),)


def test_read_onnx_inputs_that_are_not_tensors(tmp_path: Path) -> None:
    tensor = helper.make_tensor_type_proto(TensorProto.FLOAT, [1])
    model = model_of()
    types = {
        "s": helper.make_sequence_type_proto(tensor),
        "m": helper.make_map_type_proto(TensorProto.INT64, tensor),
        "o": helper.make_optional_type_proto(helper.make_sequence_type_proto(tensor)),
        "p": helper.make_sparse_tensor_type_proto(TensorProto.FLOAT, [4, 5]),
        "u": helper.make_tensor_type_proto(TensorProto.STRING, None),
    }
    for name, kind in types.items():
        model.graph.output.append(helper.make_value_info(name, kind))
    path = save(model, tmp_path / "a.onnx")
    graph = read_checkpoint(str(path)).graph
    assert graph is not None
    assert [(each.name, each.dtype, each.shape) for each in graph.outputs[1:]] == [
        ("s", "sequence(float32)", ("...",)),
        ("m", "map(int64, float32)", ("...",)),
        ("o", "optional(sequence(float32))", ("...",)),
        ("p", "sparse float32", (4, 5)),
        ("u", "STRING", ("...",)),
    ]


def test_read_onnx_nested_graphs(tmp_path: Path) -> None:
    def branch(name: str) -> onnx.GraphProto:
        value = helper.make_tensor_value_info("y", TensorProto.FLOAT, [2])
        weight = numpy_helper.from_array(np.ones(2, np.float32), "w")
        node = helper.make_node("Relu", ["w"], ["y"])
        return helper.make_graph([node], name, [], [value], initializer=[weight])

    inner = helper.make_node(
        "If", ["c"], ["y"], name="choice", then_branch=branch("t"), else_branch=branch("e")
    )
    outer = helper.make_node("Loop", ["n"], ["z"], body=branch("b"))
    path = save(model_of(nodes=(inner, outer)), tmp_path / "a.onnx")
    checkpoint = read_checkpoint(str(path))
    assert sorted(each.name for each in checkpoint.tensors) == [
        "Loop_1.body.w",
        "choice.else_branch.w",
        "choice.then_branch.w",
    ]
    assert {each.key for each in checkpoint.tensors} == {"w"}
    assert checkpoint.problems == ()
    assert checkpoint.graph is not None
    assert {each.name: each.uses for each in checkpoint.graph.operators} == {
        "Relu": 3,
        "If": 1,
        "Loop": 1,
    }


def test_read_onnx_sparse_functions_constants_and_metadata(tmp_path: Path) -> None:
    values = numpy_helper.from_array(np.ones(3, np.float32), "sparse")
    indices = numpy_helper.from_array(np.array([1, 5, 7], np.int64))
    constant = numpy_helper.from_array(np.ones((2, 2), np.float32))
    model = model_of(nodes=(
        helper.make_node("Constant", [], ["k"], value=constant),
        helper.make_node("Twice", ["x"], ["y"], domain="mine"),
    ))  # fmt: skip
    model.graph.sparse_initializer.append(helper.make_sparse_tensor(values, indices, [3, 4]))
    add = helper.make_node("Add", ["a", "a"], ["b"])
    model.functions.append(
        helper.make_function("mine", "Twice", ["a"], ["b"], [add], [helper.make_opsetid("", 17)])
    )
    helper.set_model_props(model, {"author": "someone"})
    checkpoint = read_checkpoint(str(save(model, tmp_path / "a.onnx")))
    found = checkpoint.tensors[1]
    assert (found.name, found.layout, found.shape, found.bytes) == ("sparse", "sparse_coo", (3, 4), 36)
    texts = {each.name: each.text for each in checkpoint.metadata}
    assert texts["functions.mine.Twice"] == "Add 1"
    assert [(each.name, each.shape) for each in checkpoint.tensors] == [
        ("k", (2, 2)),
        ("sparse", (3, 4)),
    ]
    assert texts["metadata_props.author"] == "someone"
    assert checkpoint.graph is not None
    assert [each.name for each in checkpoint.graph.operators] == ["Constant", "mine.Twice"]


def test_read_onnx_fields_in_any_order(tmp_path: Path) -> None:
    tensor = numpy_helper.from_array(np.arange(6, dtype=np.float32), "w")
    model = model_of(tensor)
    whole = onnx.ModelProto(graph=model.graph).SerializeToString()
    del model.graph.node[:]
    model.ClearField("graph")
    path = tmp_path / "a.onnx"
    path.write_bytes(whole + model.SerializeToString())
    checkpoint = read_checkpoint(str(path))
    assert_as_onnx(path, checkpoint)


def test_read_onnx_ignores_fields_of_other_kinds(tmp_path: Path) -> None:
    """protobuf treats them as unknown fields."""
    tensor = numpy_helper.from_array(np.zeros(3, np.float32), "w").SerializeToString()
    odd = b"\x0d\1\0\0\0" + b"\x4d\1\0\0\0"  # dims and raw_data as four bytes
    odd += b"\x10\x81\x80\x80\x80\x10"  # data_type, and more bits than it has
    model = model_of()
    model.graph.initializer.append(TensorProto.FromString(tensor + odd))
    path = save(model, tmp_path / "a.onnx")
    checkpoint = read_checkpoint(str(path))
    assert checkpoint.problems == ()
    assert_as_onnx(path, checkpoint)


def test_read_onnx_damaged_tensor_is_a_problem(tmp_path: Path) -> None:
    good = numpy_helper.from_array(np.zeros(3, np.float32), "good")
    short = TensorProto(name="short", dims=[4], data_type=1, raw_data=b"123")
    empty = TensorProto(name="empty", dims=[4], data_type=1)
    typed = TensorProto(name="typed", dims=[100], data_type=7, int64_data=[1, 2])
    other = TensorProto(name="other", dims=[2], data_type=99)
    path = save(model_of(good, short, empty, typed, other, good), tmp_path / "a.onnx")
    checkpoint = read_checkpoint(str(path))
    assert [each.file for each in checkpoint.tensors] == [0, None, None, None, None, 0]
    assert checkpoint.problems == (
        "short should have 16 bytes and has 3",
        "empty should have 16 bytes and has 0",
        "typed should have 100 numbers, which do not fit 2 bytes",
        "other has elements of the type ONNX type 99, which is unknown, and no raw bytes",
        "good occurs twice",
    )


# --- external data -------------------------------------------------------------------------------
