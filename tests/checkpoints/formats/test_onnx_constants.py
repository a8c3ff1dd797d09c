"""Constant nodes of ONNX models."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper

from netinspect.checkpoints.read import read_checkpoint
from netinspect.records.checkpoint import Checkpoint
from tests.checkpoints.formats.onnx_models import (
    CONSTANTS,
    assert_as_onnx,
    model_of,
    save,
)

CONSTANT_FACTS = {
    "value": ("float16", (2, 3), 12, "strided"),
    "value_float": ("float32", (), 4, "strided"),
    "value_floats": ("float32", (3,), 12, "strided"),
    "value_int": ("int64", (), 8, "strided"),
    "value_ints": ("int64", (3,), 24, "strided"),
    "value_string": ("STRING", (), 4, "strided"),
    "value_strings": ("STRING", (3,), 8, "strided"),
    "sparse_value": ("float32", (2, 2), 24, "sparse_coo"),
}


def constant_nodes(*names: str) -> list[onnx.NodeProto]:
    return [
        helper.make_node("Constant", [], [f"{each}_out"], **{each: CONSTANTS[each]})
        for each in names or CONSTANTS
    ]


def field(number: int, content: bytes) -> bytes:
    """Return a field with at most 2**14 bytes."""
    length = len(content)
    size = bytes([length]) if length < 128 else bytes([length & 127 | 128, length >> 7])
    return bytes([number << 3 | 2]) + size + content


def facts(checkpoint: Checkpoint) -> dict[str, tuple[object, ...]]:
    return {each.name: (each.dtype, each.shape, each.bytes, each.layout) for each in checkpoint.tensors}


def test_read_constant_every_kind_has_output_name(tmp_path: Path) -> None:
    path = save(model_of(nodes=tuple(constant_nodes())), tmp_path / "a.onnx")
    checkpoint = read_checkpoint(str(path))
    assert checkpoint.problems == ()
    assert facts(checkpoint) == {f"{name}_out": each for name, each in CONSTANT_FACTS.items()}
    assert_as_onnx(path, checkpoint)


def test_read_constant_in_nested_graphs_and_functions(tmp_path: Path) -> None:
    def body(name: str) -> onnx.GraphProto:
        value = helper.make_tensor_value_info("y", TensorProto.FLOAT, [2])
        return helper.make_graph(constant_nodes("value", "value_float"), name, [], [value])

    choice = {"then_branch": body("t"), "else_branch": body("e")}
    nodes = [
        helper.make_node("If", ["c"], ["y"], name="same_name", **choice),
        helper.make_node("If", ["c"], ["z"], name="same_name", **choice),
        helper.make_node("Loop", ["n"], ["l"], body=body("b")),
        helper.make_node("Scan", ["x"], ["s"], body=body("s"), num_scan_inputs=1),
        helper.make_node("ConstantOfShape", ["x"], ["f"], value=CONSTANTS["value"]),
        helper.make_node("Constant", [], ["other"], domain="mine", value=CONSTANTS["value"]),
    ]
    model = model_of(nodes=tuple(nodes))
    taken = helper.make_node("Constant", [], ["given"])
    taken.attribute.append(onnx.AttributeProto(name="value", type="TENSOR", ref_attr_name="w"))
    for domain in ("mine", "yours"):
        model.functions.append(
            helper.make_function(
                domain,
                "Both",
                ["a"],
                ["b"],
                [*constant_nodes("value"), taken],
                [helper.make_opsetid("", 17)],
                attributes=["w"],
            )
        )
    path = save(model, tmp_path / "a.onnx")
    checkpoint = read_checkpoint(str(path))
    assert checkpoint.problems == ()
    assert_as_onnx(path, checkpoint)
    graphs = [
        *(f"{node}.{branch}" for node in ("same_name", "same_name#2") for branch in choice),
        "Loop_2.body",
        "Scan_3.body",
    ]
    names = [f"{each}.{name}_out" for each in graphs for name in ("value", "value_float")]
    functions = ["functions.Both.value_out", "functions.Both#2.value_out"]
    assert sorted(each.name for each in checkpoint.tensors) == sorted([*names, *functions])


def test_read_constant_omitted_zero_of_proto3(tmp_path: Path) -> None:
    """Lists are packed, and a scalar of zero is omitted."""
    texts = {
        "floats": b"\x0a\x0cvalue_floats\x3a\x0c" + np.arange(3, dtype="<f4").tobytes(),
        "ints": b"\x0a\x0avalue_ints\x42\x05\x01\xac\x02\x05\x07",
        "zero": b"\x0a\x0bvalue_float\xa0\x01\x01",
        "nought": b"\x0a\x09value_int\xa0\x01\x02",
        "empty": b"\x0a\x0cvalue_string\xa0\x01\x03",
    }
    parts = b""
    for name, text in texts.items():
        node = field(2, name.encode()) + field(4, b"Constant") + field(5, text)
        parts += field(1, node)
    path = tmp_path / "a.onnx"
    path.write_bytes(model_of().SerializeToString() + field(7, parts))
    checkpoint = read_checkpoint(str(path))
    assert checkpoint.problems == ()
    assert facts(checkpoint) == {
        "floats": ("float32", (3,), 12, "strided"),
        "ints": ("int64", (4,), 32, "strided"),
        "zero": ("float32", (), 4, "strided"),
        "nought": ("int64", (), 8, "strided"),
        "empty": ("STRING", (), 0, "strided"),
    }
    floats = next(each for each in checkpoint.tensors if each.name == "floats")
    assert floats.position is not None
    assert path.read_bytes()[floats.position :][:12] == np.arange(3, dtype="<f4").tobytes()
