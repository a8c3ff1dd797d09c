"""ONNX against the onnx package: all models that come with it, and those that its helpers make."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from netinspect.checkpoints.formats.onnx_tensors import DTYPES
from netinspect.checkpoints.read import read_checkpoint
from netinspect.records.checkpoint import Checkpoint, GraphTensor

DATA = Path(onnx.__file__).parent / "backend" / "test" / "data"
MODELS = sorted(DATA.rglob("*.onnx"))
OTHERS = sorted(DATA.rglob("*.pb"))


def dtype_of(kind: int) -> str:
    """NumPy's, or ml_dtypes', name for a type; torch's is the same where torch has one."""
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
    """All tensors of a model in the order of the file, those of inner graphs after the outer ones."""
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
    """Tensors, their bytes in the file, graph and metadata are those that the package finds."""
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
    told = {each.name: each.text for each in checkpoint.metadata}
    assert told["ir_version"] == str(model.ir_version)
    assert told.get("producer_name", "") == model.producer_name
    for opset in model.opset_import:
        assert told[f"opset_import.{opset.domain or 'ai.onnx'}"] == str(opset.version)


def save(model: onnx.ModelProto, path: Path) -> Path:
    path.write_bytes(model.SerializeToString())
    return path


def model_of(*tensors: TensorProto, nodes: tuple[onnx.NodeProto, ...] = ()) -> onnx.ModelProto:
    value = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", 3, None])
    graph = helper.make_graph(list(nodes), "net", [value], [value], initializer=list(tensors))
    return helper.make_model(graph, producer_name="tests", opset_imports=[helper.make_opsetid("", 17)])


# --- what comes with the package -----------------------------------------------------------------


def test_the_package_has_its_models() -> None:
    assert len(MODELS) >= 149
    assert len(OTHERS) >= 300


@pytest.mark.parametrize("path", MODELS, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_it_agrees_with_the_package(path: Path) -> None:
    checkpoint = read_checkpoint(str(path))
    assert checkpoint.problems == ()
    assert_as_onnx(path, checkpoint)


def test_the_types_are_those_of_the_package() -> None:
    named = dict(TensorProto.DataType.items())
    assert set(DTYPES) == set(named.values())
    for kind in set(named.values()) - {TensorProto.UNDEFINED}:
        assert DTYPES[kind] == dtype_of(kind)


# --- what its helpers make -----------------------------------------------------------------------


@pytest.mark.parametrize("raw", [True, False], ids=["raw", "typed"])
@pytest.mark.parametrize("kind", sorted(set(DTYPES) - {0, TensorProto.STRING}), ids=DTYPES.get)
def test_each_type_in_both_forms(tmp_path: Path, kind: int, raw: bool) -> None:
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


def test_strings_take_what_their_bytes_take(tmp_path: Path) -> None:
    tensor = TensorProto(name="w", data_type=8, dims=[3], string_data=[b"a", b"", b"three"])
    (found,) = read_checkpoint(str(save(model_of(tensor), tmp_path / "a.onnx"))).tensors
    assert (found.dtype, found.shape, found.bytes, found.position) == ("STRING", (3,), 6, None)


def test_inputs_that_hold_a_value_are_no_inputs(tmp_path: Path) -> None:
    model = model_of(numpy_helper.from_array(np.zeros(3, np.float32), "w"))
    model.graph.input.append(helper.make_tensor_value_info("w", TensorProto.FLOAT, [3]))
    graph = read_checkpoint(str(save(model, tmp_path / "a.onnx"))).graph
    assert graph is not None
    assert graph.inputs == (GraphTensor(name="x", dtype="float32", shape=("batch", 3, "?")),)


def test_values_that_are_no_tensors(tmp_path: Path) -> None:
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


def test_graphs_within_nodes(tmp_path: Path) -> None:
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


def test_sparse_functions_constants_metadata(tmp_path: Path) -> None:
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
    told = {each.name: each.text for each in checkpoint.metadata}
    assert told["functions.mine.Twice"] == "Add 1"
    assert [(each.name, each.shape) for each in checkpoint.tensors] == [
        ("k", (2, 2)),
        ("sparse", (3, 4)),
    ]
    assert told["metadata_props.author"] == "someone"
    assert checkpoint.graph is not None
    assert [each.name for each in checkpoint.graph.operators] == ["Constant", "mine.Twice"]


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
"""One for each attribute of the operator."""

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
    """A field with bytes, at most 2**14 of them."""
    length = len(content)
    size = bytes([length]) if length < 128 else bytes([length & 127 | 128, length >> 7])
    return bytes([number << 3 | 2]) + size + content


def facts(checkpoint: Checkpoint) -> dict[str, tuple[object, ...]]:
    return {each.name: (each.dtype, each.shape, each.bytes, each.layout) for each in checkpoint.tensors}


def test_constants_of_every_kind_have_the_names_of_their_outputs(tmp_path: Path) -> None:
    path = save(model_of(nodes=tuple(constant_nodes())), tmp_path / "a.onnx")
    checkpoint = read_checkpoint(str(path))
    assert checkpoint.problems == ()
    assert facts(checkpoint) == {f"{name}_out": each for name, each in CONSTANT_FACTS.items()}
    assert_as_onnx(path, checkpoint)


def test_constants_of_inner_graphs_and_functions(tmp_path: Path) -> None:
    def body(name: str) -> onnx.GraphProto:
        value = helper.make_tensor_value_info("y", TensorProto.FLOAT, [2])
        return helper.make_graph(constant_nodes("value", "value_float"), name, [], [value])

    choice = {"then_branch": body("t"), "else_branch": body("e")}
    nodes = [
        helper.make_node("If", ["c"], ["y"], name="alike", **choice),
        helper.make_node("If", ["c"], ["z"], name="alike", **choice),
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
        *(f"{node}.{branch}" for node in ("alike", "alike#2") for branch in choice),
        "Loop_2.body",
        "Scan_3.body",
    ]
    names = [f"{each}.{name}_out" for each in graphs for name in ("value", "value_float")]
    functions = ["functions.Both.value_out", "functions.Both#2.value_out"]
    assert sorted(each.name for each in checkpoint.tensors) == sorted([*names, *functions])


def test_constants_as_writers_of_proto3_have_them(tmp_path: Path) -> None:
    """Lists are packed, and a scalar that is zero is left out."""
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


def test_the_order_of_fields_does_not_matter(tmp_path: Path) -> None:
    tensor = numpy_helper.from_array(np.arange(6, dtype=np.float32), "w")
    model = model_of(tensor)
    whole = onnx.ModelProto(graph=model.graph).SerializeToString()
    del model.graph.node[:]
    model.ClearField("graph")
    path = tmp_path / "a.onnx"
    path.write_bytes(whole + model.SerializeToString())
    checkpoint = read_checkpoint(str(path))
    assert_as_onnx(path, checkpoint)


def test_fields_of_another_kind_are_no_fields(tmp_path: Path) -> None:
    """protobuf takes them for fields that it does not know."""
    tensor = numpy_helper.from_array(np.zeros(3, np.float32), "w").SerializeToString()
    odd = b"\x0d\1\0\0\0" + b"\x4d\1\0\0\0"  # dims and raw_data as four bytes
    odd += b"\x10\x81\x80\x80\x80\x10"  # data_type, and more bits than it has
    model = model_of()
    model.graph.initializer.append(TensorProto.FromString(tensor + odd))
    path = save(model, tmp_path / "a.onnx")
    checkpoint = read_checkpoint(str(path))
    assert checkpoint.problems == ()
    assert_as_onnx(path, checkpoint)


def test_what_is_wrong_with_one_tensor_is_a_problem(tmp_path: Path) -> None:
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


def external(path: Path, location: str) -> Path:
    """A model whose tensor states that it is in another file."""
    tensor = numpy_helper.from_array(np.arange(4, dtype=np.float32), "w")
    onnx.external_data_helper.set_external_data(tensor, location, offset=8, length=16)
    tensor.ClearField("raw_data")
    return save(model_of(tensor), path)


@pytest.mark.parametrize("location", ["weights.bin", "sub/weights.bin"])
def test_external_data_in_the_folder_is_found(tmp_path: Path, location: str) -> None:
    place = tmp_path / location
    place.parent.mkdir(exist_ok=True)
    place.write_bytes(b"12345678" + np.arange(4, dtype=np.float32).tobytes())
    checkpoint = read_checkpoint(str(external(tmp_path / "a.onnx", location)))
    assert checkpoint.problems == ()
    assert [each.path for each in checkpoint.files] == [str(tmp_path / "a.onnx"), str(place)]
    assert [(each.file, each.position, each.bytes) for each in checkpoint.tensors] == [(1, 8, 16)]


def test_what_the_package_saves_beside_is_found(tmp_path: Path) -> None:
    tensors = [numpy_helper.from_array(np.full(300, k, np.float32), f"w{k}") for k in range(3)]
    path = tmp_path / "a.onnx"
    onnx.save_model(
        model_of(*tensors), str(path), save_as_external_data=True, location="all", size_threshold=0
    )
    checkpoint = read_checkpoint(str(path))
    assert checkpoint.problems == ()
    raw = (tmp_path / "all").read_bytes()
    for number, found in enumerate(checkpoint.tensors):
        assert found.position is not None
        piece = raw[found.position : found.position + found.bytes]
        assert piece == np.full(300, number, np.float32).tobytes()


@pytest.mark.parametrize(
    ("location", "wrong"),
    [
        ("gone.bin", "cannot be read (No such file or directory)"),
        ("../outside.bin", "is not in the folder of the model: nothing was read from there"),
        ("/etc/passwd", "is not in the folder of the model: nothing was read from there"),
        ("link.bin", "is not in the folder of the model: nothing was read from there"),
        ("", "is not in the folder of the model: nothing was read from there"),
        ("fifo", "cannot be read (fifo is not a regular file)"),
        (".", "is not in the folder of the model: nothing was read from there"),
    ],
)
def test_external_data_elsewhere_is_not_touched(tmp_path: Path, location: str, wrong: str) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    (tmp_path / "outside.bin").write_bytes(bytes(100))
    (folder / "link.bin").symlink_to(tmp_path / "outside.bin")
    os.mkfifo(folder / "fifo")
    checkpoint = read_checkpoint(str(external(folder / "a.onnx", location)))
    assert checkpoint.problems == (f"the external data {location!r} {wrong}; it should hold w",)
    assert [(each.file, each.position) for each in checkpoint.tensors] == [(None, None)]
    assert len(checkpoint.files) == 1


def test_external_data_that_is_too_short_is_a_problem(tmp_path: Path) -> None:
    (tmp_path / "weights.bin").write_bytes(bytes(20))
    checkpoint = read_checkpoint(str(external(tmp_path / "a.onnx", "weights.bin")))
    assert checkpoint.problems == ("w extends beyond the end of 'weights.bin'",)
