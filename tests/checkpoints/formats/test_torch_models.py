"""Tests of files of whole models: pickled modules, TorchScript, exported programs."""

from __future__ import annotations

import copy
import importlib
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from netinspect.checkpoints.read import read_checkpoint
from netinspect.errors import CheckpointError
from netinspect.records.checkpoint import Checkpoint, GraphTensor, Operator, StoredTensor
from tests.checkpoints.expected import bytes_of, check_tensor, stored_bytes
from tests.checkpoints.zips import members_of, write_zip
from tests.support import TORCH

OWN = """
import torch
from torch import nn

class Block(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.linear = nn.Linear(width, width)
        self.register_buffer("mask", torch.ones(width))
        self.register_buffer("cache", torch.zeros(2), persistent=False)
        self.width = width
        self.extra = torch.full((3,), 2.0)

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.blocks = nn.ModuleList([Block(3), Block(3)])
        self.head = nn.Linear(3, 2, bias=False)
        self.tied = self.head
        self.head.weight.requires_grad_(False)
        self.blocks[1].eval()
"""


@pytest.fixture(params=[True, False], ids=["zip", "legacy"])
def new(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Yield a user module that no longer exists when the file is read."""
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "own_net.py").write_text(OWN)
    monkeypatch.syspath_prepend(str(tmp_path / "code"))
    yield importlib.import_module("own_net")
    sys.modules.pop("own_net", None)


def tensors_by_name(found: Checkpoint) -> dict[str, StoredTensor]:
    tensors = {tensor.name: tensor for tensor in found.tensors}
    assert len(tensors) == len(found.tensors)
    return tensors


def test_read_torch_model_with_missing_classes(own: Any, new: bool, tmp_path: Path) -> None:
    file = tmp_path / "net.pt"
    net = own.Net()
    torch.save(net, file, _use_new_zipfile_serialization=new)
    state = net.state_dict()
    (tmp_path / "code" / "own_net.py").unlink()
    del sys.modules["own_net"]
    found = read_checkpoint(str(file))
    assert "own_net" not in sys.modules
    assert [(module.path, module.class_path, module.training) for module in found.modules] == [
        ("", "own_net.Net", True),
        ("blocks", "torch.nn.modules.container.ModuleList", True),
        ("blocks.0", "own_net.Block", True),
        ("blocks.0.linear", "torch.nn.modules.linear.Linear", True),
        ("blocks.1", "own_net.Block", False),
        ("blocks.1.linear", "torch.nn.modules.linear.Linear", False),
        ("head", "torch.nn.modules.linear.Linear", True),
        ("tied", "torch.nn.modules.linear.Linear", True),
    ]
    tensors = tensors_by_name(found)
    kinds = {name: (tensor.kind, tensor.trainable) for name, tensor in tensors.items()}
    assert kinds["blocks.0.linear.weight"] == ("parameter", True)
    assert kinds["head.weight"] == ("parameter", False)
    assert kinds["blocks.0.mask"] == ("buffer", None)
    assert kinds["blocks.0.cache"] == ("buffer", None)
    assert kinds["blocks.0.extra"] == ("tensor", None)
    assert set(state) == {name for name, (kind, _) in kinds.items() if kind != "tensor"} - {
        "blocks.0.cache",
        "blocks.1.cache",
    }
    for name, tensor in state.items():
        check_tensor(file, tensors[name], tensor)
    assert tensors["tied.weight"].storage == tensors["head.weight"].storage
    assert {tensor.section for tensor in found.tensors} == {""}
    values = {entry.name: entry.text for entry in found.metadata}
    assert values["blocks.0.width"] == "3"
    assert values["blocks.0.linear.in_features"] == "3"
    assert "own_net.Net" in found.warnings[0]


def test_read_torch_model_within_checkpoint(new: bool, tmp_path: Path) -> None:
    file = tmp_path / "net.pt"
    torch.save(
        {"model": nn.Sequential(nn.Linear(2, 3)), "epoch": 4}, file, _use_new_zipfile_serialization=new
    )
    found = read_checkpoint(str(file))
    assert [(tensor.name, tensor.section, tensor.key) for tensor in found.tensors] == [
        ("model.0.weight", "model", "0.weight"),
        ("model.0.bias", "model", "0.bias"),
    ]
    assert [module.path for module in found.modules] == ["model", "model.0"]


def test_read_torch_resnet18(new: bool, tmp_path: Path) -> None:
    torchvision = importlib.import_module("torchvision")

    file = tmp_path / "resnet18.pt"
    model = torchvision.models.resnet18().eval()
    torch.save(model, file, _use_new_zipfile_serialization=new)
    found = read_checkpoint(str(file))
    tensors = tensors_by_name(found)
    state = model.state_dict()
    assert list(tensors) == list(state)
    for name, tensor in state.items():
        assert tensors[name].shape == tuple(tensor.shape)
    for name in ("conv1.weight", "layer4.1.bn2.running_var", "fc.bias", "bn1.num_batches_tracked"):
        check_tensor(file, tensors[name], state[name])
    parameters = {name for name, tensor in tensors.items() if tensor.kind == "parameter"}
    assert parameters == {name for name, _ in model.named_parameters()}
    assert [(each.path, each.class_path.rpartition(".")[2]) for each in found.modules] == [
        (name, type(module).__name__) for name, module in model.named_modules()
    ]
    assert all(each.training is False for each in found.modules)


def test_read_torch_lists_hooks_of_model(tmp_path: Path) -> None:
    file = tmp_path / "hooked.pt"
    model = nn.Linear(2, 3)
    model.register_forward_hook(print)
    torch.save(model, file)
    found = read_checkpoint(str(file))
    assert [entry.text for entry in found.metadata if "_forward_hooks" in entry.name] == [
        "builtins.print"
    ]


def test_read_torch_graph_module(tmp_path: Path) -> None:
    file = tmp_path / "graph.pt"
    model = torch.fx.symbolic_trace(nn.Sequential(nn.Linear(2, 3), nn.ReLU()))
    torch.save(model, file)
    found = read_checkpoint(str(file))
    assert set(tensors_by_name(found)) == set(model.state_dict())
    assert found.modules[0].class_path == "torch.fx.graph_module.reduce_graph_module"


# --- TorchScript ---------------------------------------------------------------------------------


class Scripted(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 2, 3)
        self.blocks = nn.ModuleList([nn.Linear(3, 3), nn.Linear(3, 3)])
        self.register_buffer("scale", torch.ones(3))
        self.plain = torch.arange(4.0)
        self.limit = 5

    def forward(self, x: Tensor) -> Tensor:
        for block in self.blocks:
            x = block(x) * self.scale + self.limit
        return x


@pytest.mark.filterwarnings("ignore")
def test_read_torch_script_scripted_model(tmp_path: Path) -> None:
    file = tmp_path / "scripted.pt"
    model = Scripted().eval()
    torch.jit.save(torch.jit.script(model), file)
    loaded = torch.jit.load(file)
    found = read_checkpoint(str(file))
    assert found.format == "TorchScript"
    tensors = tensors_by_name(found)
    assert set(tensors) == {*loaded.state_dict(), "plain"}
    for name, tensor in loaded.state_dict().items():
        check_tensor(file, tensors[name], tensor)
    assert {name for name, each in tensors.items() if each.kind == "parameter"} == {
        name for name, _ in loaded.named_parameters()
    }
    assert {name for name, each in tensors.items() if each.kind == "buffer"} == {
        name for name, _ in loaded.named_buffers()
    }
    classes = {module.path: module.class_path.rpartition(".")[2] for module in found.modules}
    assert classes == {name: module.original_name for name, module in loaded.named_modules()}
    assert all(module.training is False for module in found.modules)
    assert ("limit", "5") in [(entry.name, entry.text) for entry in found.metadata]
    assert {each.verdict for each in found.globals} == {"needed"}
    assert found.warnings == ()


@pytest.mark.filterwarnings("ignore")
def test_read_torch_script_traced_model_with_constants(tmp_path: Path) -> None:
    file = tmp_path / "traced.pt"

    known = torch.arange(6.0)

    def add(x: Tensor) -> Tensor:
        return x + known

    torch.jit.save(torch.jit.trace(add, torch.ones(6)), str(file))
    found = read_checkpoint(str(file))
    (constant,) = found.tensors
    assert (constant.name, constant.section, constant.shape) == ("constants.0", "constants", (6,))
    assert stored_bytes(file, constant) == bytes_of(known)


def test_read_torch_script_archive_of_torch() -> None:
    file = Path(torch.__file__).parent / "bin" / "test_interpreter_async.pt"
    if not file.exists():
        pytest.skip("this torch has no bin/test_interpreter_async.pt")
    found = read_checkpoint(str(file))
    assert (found.format, found.tensors) == ("TorchScript", ())
    assert [(module.path, module.class_path) for module in found.modules] == [("", "DemoModule")]


# --- exported programs ---------------------------------------------------------------------------


class Exported(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(8, 4)
        self.register_buffer("bias", torch.ones(4))
        self.register_buffer("hidden", torch.zeros(4), persistent=False)
        self.constant = torch.arange(4.0)
        self.twice = self.linear.weight
        self.small = nn.Parameter(torch.ones(2, dtype=torch.bfloat16), requires_grad=False)

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu(self.linear(x) + self.bias + self.constant + self.hidden) + self.small.sum()


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("exported") / "net.pt2"
    batch = torch.export.Dim("batch")
    program = torch.export.export(Exported(), (torch.randn(2, 8),), dynamic_shapes={"x": {0: batch}})
    torch.export.save(program, file)
    return file


@pytest.fixture
def exported_folders(exported: Path) -> Path:
    """Return an exported program in the layout with folders for weights, constants and models."""
    if TORCH < (2, 8):
        pytest.skip("torch before 2.8 writes another layout")
    return exported


def test_read_exported_program(exported: Path) -> None:
    program = torch.export.load(exported)
    found = read_checkpoint(str(exported))
    assert found.format == "exported program"
    tensors = tensors_by_name(found)
    state = program.state_dict
    assert {name for name, tensor in tensors.items() if tensor.section == ""} == set(state)
    for name, tensor in state.items():
        check_tensor(exported, tensors[name], tensor)
        assert (tensors[name].kind == "parameter") == isinstance(tensor, nn.Parameter)
        if isinstance(tensor, nn.Parameter):
            assert tensors[name].trainable == tensor.requires_grad
    for name, constant in program.constants.items():
        check_tensor(exported, tensors[f"constants.{name}"], constant)
    assert tensors["twice"].storage == tensors["linear.weight"].storage if "twice" in tensors else True
    assert len(tensors) == len(state) + len(program.constants)


def test_read_exported_graph(exported_folders: Path) -> None:
    graph = read_checkpoint(str(exported_folders)).graph
    assert graph is not None
    (given,) = graph.inputs
    (made,) = graph.outputs
    assert (given.name, given.dtype, given.shape[1]) == ("x", "float32", 8)
    assert isinstance(given.shape[0], str)
    assert made == GraphTensor(name=made.name, dtype="float32", shape=(given.shape[0], 4))
    program = torch.export.load(exported_folders)
    calls = [str(node.target) for node in program.graph.nodes if node.op == "call_function"]
    assert sum(each.uses for each in graph.operators) == len(calls)
    assert Operator(name="aten.relu.default", uses=1) in graph.operators
    assert {each.name for each in graph.operators} == {f"{call}" for call in calls}


def test_read_exported_old_layout(tmp_path: Path) -> None:
    """Until torch 2.7 the tensors were files of `torch.save` in the archive."""
    inner, file = tmp_path / "inner.pt", tmp_path / "old.pt2"
    state = {"a.weight": torch.randn(3, 4), "b": torch.ones(2)}
    torch.save(state, inner)
    state_dict = inner.read_bytes()
    torch.save({"c": torch.arange(3)}, inner)
    write_zip(
        file,
        {
            "serialized_exported_program.json": b"{}",
            "serialized_state_dict.pt": state_dict,
            "serialized_constants.pt": inner.read_bytes(),
            "version": b"8.1",
        },
    )
    tensors = tensors_by_name(read_checkpoint(str(file)))
    assert list(tensors) == ["a.weight", "b", "constants.c"]
    for name, tensor in {**state, "constants.c": torch.arange(3)}.items():
        check_tensor(file, tensors[name], tensor)


Change = Callable[[dict[str, bytes], dict[str, Any]], None]
CONFIG = "net/data/weights/model_weights_config.json"


def _drop(members: dict[str, bytes], config: dict[str, Any]) -> None:
    del members["net/data/weights/weight_0"]


def _shorten(members: dict[str, bytes], config: dict[str, Any]) -> None:
    members["net/data/weights/weight_0"] = b"short"


def _enlarge(members: dict[str, bytes], config: dict[str, Any]) -> None:
    config["linear.weight"]["tensor_meta"]["sizes"][0]["as_int"] = 2**62


def _negate(members: dict[str, bytes], config: dict[str, Any]) -> None:
    config["linear.weight"]["tensor_meta"]["sizes"][0]["as_int"] = -1


def _retype(members: dict[str, bytes], config: dict[str, Any]) -> None:
    config["linear.weight"]["tensor_meta"]["dtype"] = 99


def _open(members: dict[str, bytes], config: dict[str, Any]) -> None:
    config["linear.weight"]["tensor_meta"]["sizes"] = [{"as_expr": {}}]


def _untell(members: dict[str, bytes], config: dict[str, Any]) -> None:
    config["linear.weight"]["tensor_meta"] = None


def _misplace(members: dict[str, bytes], config: dict[str, Any]) -> None:
    config["linear.weight"]["path_name"] = "../../../etc/passwd"


def _kind(members: dict[str, bytes], config: dict[str, Any]) -> None:
    members["net/archive_format"] = b"pt3"


def _unconfigure(members: dict[str, bytes], config: dict[str, Any]) -> None:
    members["net/models/other.json"] = b"{}"


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (_drop, "should be in 'net/data/weights/weight_0', which is missing"),
        (_shorten, "its storage has 5"),
        (_enlarge, "its storage has"),
        (_negate, "a shape is (-1, 8)|a shape is \\[-1, 8\\]"),
        (_retype, "its type or layout is unknown"),
        (_open, "its sizes are not numbers"),
        (_untell, "has no tensor_meta"),
        (_misplace, "which is missing"),
        (_kind, "archive_format is b'pt3'"),
        (_unconfigure, "it has neither"),
    ],
)
def test_read_exported_refuses_invalid_program(
    change: Change, complaint: str, exported_folders: Path, tmp_path: Path
) -> None:
    members = copy.copy(members_of(exported_folders))
    config = json.loads(members[CONFIG])
    change(members, config["config"])
    members[CONFIG] = json.dumps(config).encode()
    file = tmp_path / "net.pt2"
    write_zip(file, members)
    with pytest.raises(CheckpointError) as caught:
        read_checkpoint(str(file))
    assert any(each in str(caught.value.cause) for each in complaint.replace("\\", "").split("|"))


@pytest.mark.parametrize(
    "graph", [b"[]", b"{}", b'{"graph_module": {"graph": 3}}', b"[" * 100_000, b"\xff"]
)
def test_read_exported_invalid_graph_keeps_tensors(
    graph: bytes, exported_folders: Path, tmp_path: Path
) -> None:
    members = members_of(exported_folders)
    members["net/models/model.json"] = graph
    file = tmp_path / "net.pt2"
    write_zip(file, members)
    found = read_checkpoint(str(file))
    assert found.graph is None
    assert len(found.tensors) == len(read_checkpoint(str(exported_folders)).tensors)
