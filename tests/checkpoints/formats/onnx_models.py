"""ONNX models for tests, and their comparison with the onnx package."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from netinspect.records.checkpoint import Checkpoint, GraphTensor

DATA = Path(onnx.__file__).parent / "backend" / "test" / "data"
MODELS = sorted(DATA.rglob("*.onnx"))
OTHERS = sorted(DATA.rglob("*.pb"))


def dtype_of(kind: int) -> str:
    """Return the name of a type in NumPy or ml_dtypes, which torch shares if it has the type."""
    if kind == TensorProto.STRING:
        return "STRING"
    name = np.dtype(helper.tensor_dtype_to_np_dtype(kind)).name
    renamed = {"uint4": "UINT4", "int4": "INT4", "uint2": "UINT2", "int2": "INT2"}
    small = {"float4_e2m1fn": "FLOAT4E2M1", "float6_e2m3fn": "FLOAT6E2M3", "float6_e3m2fn": "FLOAT6E3M2"}
    return {**renamed, **small}.get(name, name)


SCALARS = {"value_float": TensorProto.FLOAT, "value_int": TensorProto.INT64}
LISTS = {"value_floats": TensorProto.FLOAT, "value_ints": TensorProto.INT64}


def constant(node: onnx.NodeProto) -> TensorProto | onnx.SparseTensorProto | None:
    """Return what a Constant node holds, as a tensor with the name of its output."""
    (attribute,) = node.attribute
    if attribute.ref_attr_name:
        return None
    value = helper.get_attribute_value(attribute)
    if attribute.name == "sparse_value":
        return value
    if attribute.name == "value":
        made = TensorProto.FromString(value.SerializeToString())
    elif attribute.name in SCALARS:
        made = helper.make_tensor("", SCALARS[attribute.name], [], [value])
    elif attribute.name in LISTS:
        made = helper.make_tensor("", LISTS[attribute.name], [len(value)], list(value))
    else:
        texts = list(value) if attribute.name == "value_strings" else [value]
        sizes = [len(texts)] if attribute.name == "value_strings" else []
        made = TensorProto(data_type=TensorProto.STRING, dims=sizes, string_data=texts)
    made.name = node.output[0]
    return made


def stored(model: onnx.ModelProto) -> Iterator[TensorProto | onnx.SparseTensorProto]:
    """Yield all tensors of a model in the order of the file, those of inner graphs last."""
    for outer in (model.graph, *model.functions):
        waiting: list[Any] = [outer]
        for graph in waiting:
            for node in graph.node:
                if node.op_type == "Constant" and node.domain in ("", "ai.onnx"):
                    found = constant(node)
                    yield from () if found is None else (found,)
                    continue
                for attribute in node.attribute:
                    waiting += [attribute.g] if attribute.HasField("g") else []
                    waiting += attribute.graphs
            if isinstance(graph, onnx.GraphProto):
                yield from graph.initializer
                yield from graph.sparse_initializer


def operators(graph: onnx.GraphProto) -> Iterator[str]:
    for node in graph.node:
        yield f"{node.domain}.{node.op_type}" if node.domain not in ("", "ai.onnx") else node.op_type
        for attribute in node.attribute:
            if attribute.HasField("g"):
                yield from operators(attribute.g)
            for inner in attribute.graphs:
                yield from operators(inner)


def assert_value(ours: GraphTensor, theirs: onnx.ValueInfoProto) -> None:
    assert ours.name == theirs.name
    kind = theirs.type.WhichOneof("value")
    if kind != "tensor_type":
        assert ours.dtype.startswith(kind.removesuffix("_type"))
        return
    tensor = theirs.type.tensor_type
    assert ours.dtype == dtype_of(tensor.elem_type)
    if not tensor.HasField("shape"):
        assert ours.shape == ("...",)
        return
    sizes = [
        each.dim_value if each.HasField("dim_value") else each.dim_param or "?"
        for each in tensor.shape.dim
    ]
    assert list(ours.shape) == sizes


def assert_as_onnx(path: Path, checkpoint: Checkpoint) -> None:
    """Check tensors, their bytes in the file, graph and metadata against the package."""
    model = onnx.load_model_from_string(path.read_bytes())
    theirs = list(stored(model))
    raw = path.read_bytes()
    assert checkpoint.format == "ONNX"
    for ours, other in zip(checkpoint.tensors, theirs, strict=True):
        if isinstance(other, onnx.SparseTensorProto):
            assert (ours.layout, ours.shape) == ("sparse_coo", tuple(other.dims))
            continue
        assert ours.key == other.name
        assert ours.shape == tuple(other.dims)
        assert ours.dtype == dtype_of(other.data_type)
        if other.HasField("raw_data"):
            assert ours.bytes == len(other.raw_data)
            assert ours.position is not None
            assert raw[ours.position : ours.position + ours.bytes] == other.raw_data
        elif ours.position is not None:
            values = numpy_helper.to_array(other)
            assert raw[ours.position : ours.position + ours.bytes] == values.tobytes()
    graph = checkpoint.graph
    assert graph is not None
    given = {each.name for each in model.graph.initializer}
    inputs = [each for each in model.graph.input if each.name not in given]
    for value, its in zip(graph.inputs, inputs, strict=True):
        assert_value(value, its)
    for value, its in zip(graph.outputs, model.graph.output, strict=True):
        assert_value(value, its)
    assert {each.name: each.uses for each in graph.operators} == Counter(operators(model.graph))
    reported = {each.name: each.text for each in checkpoint.metadata}
    assert reported["ir_version"] == str(model.ir_version)
    assert reported.get("producer_name", "") == model.producer_name
    for opset in model.opset_import:
        assert reported[f"opset_import.{opset.domain or 'ai.onnx'}"] == str(opset.version)


def save(model: onnx.ModelProto, path: Path) -> Path:
    path.write_bytes(model.SerializeToString())
    return path


def model_of(*tensors: TensorProto, nodes: tuple[onnx.NodeProto, ...] = ()) -> onnx.ModelProto:
    value = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", 3, None])
    graph = helper.make_graph(list(nodes), "net", [value], [value], initializer=list(tensors))
    return helper.make_model(graph, producer_name="tests", opset_imports=[helper.make_opsetid("", 17)])


# --- models that come with the package -----------------------------------------------------------------


CONSTANTS: dict[str, Any] = {
    "value": numpy_helper.from_array(np.arange(6, dtype=np.float16).reshape(2, 3)),
    "value_float": 1.5,
    "value_floats": [1.5, 2.5, 3.5],
    "value_int": -7,
    "value_ints": [-1, 300, 5],
    "value_string": "text",
    "value_strings": ["one", "", "three"],
    "sparse_value": helper.make_sparse_tensor(
        numpy_helper.from_array(np.ones(2, np.float32), "values"),
        numpy_helper.from_array(np.array([0, 3], np.int64)),
        [2, 2],
    ),
}
