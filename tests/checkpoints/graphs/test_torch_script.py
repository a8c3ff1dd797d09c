"""Tests of the graphs of TorchScript archives against torch's inlined graphs."""

from __future__ import annotations

import io
import zipfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from netinspect.checkpoints.graphs.read import read_file_graph
from netinspect.errors import CheckpointError
from netinspect.records.file_graph import FileGraph
from tests.checkpoints.graphs.models import SAMPLE_MODELS, Branching, built

pytestmark = pytest.mark.filterwarnings("ignore")  # torch deprecates TorchScript

SCRIPTED = ("lenet", "resnet18", "shared_layer", "tied", "several")
PRINTED = {"Bool", "Int", "Float", "__getitem__", "IntImplicit", "ScalarImplicit", "len"}
"""Operators that the code has as `bool(x)`, `x[0]` and the like, or not at all."""

CHECKS = {
    *("dim", "device", "size", "format", "eq", "ne", "lt", "gt", "__is__", "__isnot__"),
    *("relu_", "dropout_"),
}
"""Operators of checks, which torch merges, and of branches that a constant decides, which it keeps."""


def save(module: Any, folder: Path) -> FileGraph:
    path = folder / "model.pt"
    module.save(str(path))
    graph = read_file_graph(str(path))
    assert graph is not None
    return graph


def operators(block: Any) -> Iterator[str]:
    """Yield the names of torch's operators in a graph, those in blocks included."""
    for node in block.nodes():
        space, _, name = node.kind().partition("::")
        if space == "aten" and name not in PRINTED | CHECKS:
            yield name
        for inner in node.blocks():
            yield from operators(inner)


def operators_read(graph: FileGraph) -> Counter[str]:
    with_body = {each.owner for each in graph.bodies}
    return Counter(
        node.label
        for index, node in enumerate(graph.nodes)
        if node.operator.startswith("torch.")
        and node.label not in PRINTED | CHECKS
        and index not in with_body
    )


def calls_of(model: nn.Module, inputs: tuple[Any, ...]) -> Counter[tuple[str, str]]:
    """Count the calls of each module by path and class, as hooks see them."""
    found: Counter[tuple[str, str]] = Counter()
    handles = []
    for path, module in model.named_modules():
        label = f"{type(module).__module__}.{type(module).__name__}"

        def count(*_: Any, key: tuple[str, str] = (path, label)) -> None:
            found[key] += 1

        handles.append(module.register_forward_hook(count))
    with torch.no_grad():
        model(*inputs)
    for handle in handles:
        handle.remove()
    return found


@pytest.mark.parametrize("name", SAMPLE_MODELS)
def test_traced_graph_is_that_of_torch(name: str, tmp_path: Path) -> None:
    model, inputs = built(name)
    traced = torch.jit.trace(model, inputs, strict=False)
    found = save(traced, tmp_path)
    expected = Counter(operators(torch.jit.load(str(tmp_path / "model.pt")).inlined_graph))
    assert operators_read(found) == expected
    calls = Counter((each.path, each.class_path) for each in found.modules)
    assert calls == calls_of(model, inputs)
    assert {each.name for each in found.parameters if each.kind != "constant"} >= {
        name for name, _ in model.named_parameters()
    }
    assert found.notes == ("no shapes in the file: TorchScript stores none",)


@pytest.mark.parametrize("name", SCRIPTED)
def test_scripted_graph_is_that_of_torch(name: str, tmp_path: Path) -> None:
    model, inputs = built(name)
    found = save(torch.jit.script(model), tmp_path)
    expected = Counter(operators(torch.jit.load(str(tmp_path / "model.pt")).inlined_graph))
    assert operators_read(found) == expected
    # The body of a loop is followed once.
    assert {(each.path, each.class_path) for each in found.modules} == set(calls_of(model, inputs))


def test_scripted_control_flow_is_that_of_torch(tmp_path: Path) -> None:
    found = save(torch.jit.script(Branching().eval()), tmp_path)
    expected = Counter(operators(torch.jit.load(str(tmp_path / "model.pt")).inlined_graph))
    assert operators_read(found) == expected
    outer = [
        node.label for node in found.nodes if node.body == 0 and node.label in ("for", "while", "if")
    ]
    assert outer == ["for", "while", "if"]
    loop = next(each for each in found.bodies if each.kind == "loop")
    assert [each.name for each in loop.inputs] == [each.argument for each in loop.results]


def test_traced_edges_are_those_of_torch(tmp_path: Path) -> None:
    model, inputs = built("several")
    found = save(torch.jit.trace(model, inputs), tmp_path)
    by_label = {
        (found.nodes[each.producer].label, node.label)
        for node in found.nodes
        for each in node.inputs
        if each.producer is not None
    }
    assert by_label == {
        ("linear", "mul"),
        ("linear", "add"),
        ("mul", "add"),
        ("add", "chunk"),
        ("add", "cat"),
    }
    labels = [
        found.nodes[each.producer].label for each in found.main.results if each.producer is not None
    ]
    assert labels == ["chunk", "cat"]


def test_parameters_have_shapes_of_the_file(tmp_path: Path) -> None:
    model, inputs = built("resnet18")
    found = save(torch.jit.trace(model, inputs), tmp_path)
    shapes = {name: tuple(each.shape) for name, each in model.state_dict().items()}
    assert all(each.shape == shapes[each.name] for each in found.parameters if each.name in shapes)
    assert {each.kind for each in found.parameters} >= {"parameter", "buffer"}


def with_code(code: str, name: str = "Net") -> bytes:
    """Return an archive whose model has the given code."""

    class Net(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x

    made = io.BytesIO()
    torch.jit.save(torch.jit.trace(Net(), torch.zeros(1)), made)
    made.seek(0)
    old = zipfile.ZipFile(made)
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as new:
        for member in old.namelist():
            raw = old.read(member)
            if member.endswith(".py"):
                first, *_ = raw.decode().partition("\n  def ")
                raw = f"{first}\n{code}".encode()
            new.writestr(member, raw)
    return out.getvalue()


HEAD = "  def forward(self: __torch__.x.Net,\n    x: Tensor) -> Tensor:\n"
HOSTILE = {
    "recursion": HEAD + "    return (self).forward(x, )\n",
    "doubling": HEAD + "".join("    x = (x, x)\n" for _ in range(100)) + "    return x\n",
    "doubling of constants": HEAD
    + "    y = (1, 2)\n"
    + "    y = (y, y)\n" * 100
    + "    return torch.relu(y)\n",
    "deep attribute": HEAD + "    return x" + ".a" * 5000 + "\n",
    "deep call": HEAD + "    return " + "torch.relu(" * 150 + "x" + ")" * 150 + "\n",
    "no Python": HEAD + "    return ((\n",
    "other statements": HEAD
    + "    import os\n    os.system('touch /tmp/netinspect-ran')\n    return x\n",
    "many": HEAD + "    x = torch.relu(x)\n" * 10_000 + "    return x\n",
    "too many": HEAD + "    x = torch.relu(x)\n" * 30_000 + "    return x\n",
    "nothing": "",
    "names": HEAD + "    return torch.a" + "b" * 100_000 + "(x, )\n",
    "digits": HEAD + "    return torch.add(x, " + "9" * 10_000 + ")\n",
}


TOO_LARGE = ("doubling", "doubling of constants", "too many")


@pytest.mark.parametrize("case", HOSTILE)
def test_hostile_code_is_followed_or_refused(case: str, tmp_path: Path) -> None:
    path = tmp_path / "model.pt"
    path.write_bytes(with_code(HOSTILE[case]))
    if case in TOO_LARGE:
        with pytest.raises(CheckpointError, match="cannot read the graph"):
            read_file_graph(str(path))
        return
    graph = read_file_graph(str(path))
    assert graph is not None
    assert graph.bodies
    assert graph.notes
    assert all(len(node.label) < 400 for node in graph.nodes)
    assert not Path("/tmp/netinspect-ran").exists()
