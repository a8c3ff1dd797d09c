"""Tests of the origins of tensors against torch's autograd graph, and of what it does not have."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from models import lenet
from netinspect.records.steps import Origin
from tests.nets.case import capture_trace, rows
from tests.operators import declare
from tests.tracing.autograd_graph import differences
from tests.tracing.counting.counted import Calls


def input_tensor(*sizes: int) -> Tensor:
    return rows(*sizes).requires_grad_()


class UNet(nn.Module):
    """Two levels with skip connections."""

    def __init__(self) -> None:
        super().__init__()
        self.down = nn.ModuleList([nn.Conv2d(1, 4, 3, padding=1), nn.Conv2d(4, 8, 3, padding=1)])
        self.middle = nn.Conv2d(8, 8, 3, padding=1)
        self.up = nn.ModuleList([nn.Conv2d(16, 4, 3, padding=1), nn.Conv2d(8, 1, 3, padding=1)])

    def forward(self, x: Tensor) -> Tensor:
        skips = []
        for layer in self.down:
            x = F.relu(layer(x))
            skips.append(x)
            x = F.max_pool2d(x, 2)
        x = self.middle(x)
        for layer in self.up:
            x = layer(torch.cat([F.interpolate(x, scale_factor=2), skips.pop()], 1))
        return x


def recurrent(net: Any, x: Tensor) -> Any:
    output, (hidden, cell) = net.lstm(x)
    return net.head(output[:, -1]), hidden[0] + cell[0]


def in_place(net: Any, x: Tensor) -> Any:
    y = net.linear(x)
    z = F.relu_(y)
    z = z + y
    z += 1
    z[:2] = x[:2]
    z[2].mul_(2)
    other = torch.empty(4, 4)
    other[:2] = z[1:3]
    other[2:].copy_(y[2:]).add_(1)
    return z.sigmoid_() * other, y


def views(net: Any, x: Tensor) -> Any:
    first, second = net.linear(x).chunk(2, 1)
    base = torch.cat([second, first], 1)
    top, bottom, column = base[:2], base[2:], base.t()[0]
    top.add_(x[:2])
    rest = base.view(-1)[8:] * 2
    column.mul_(3)
    return {"bottom": bottom + 1, "rest": rest, "all": base.permute(1, 0), "parts": base.unbind(1)}


class Tied(nn.Module):
    """Output layer with the weights of the embedding."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(6, 4)
        self.head = nn.Linear(4, 6, bias=False)
        self.head.weight = self.embedding.weight

    def forward(self, tokens: Tensor) -> Any:
        return self.head(self.embedding(tokens)), self.embedding.weight


def several(net: Any, pair: Any, scale: Tensor) -> Any:
    one, other = pair["one"], pair["other"]
    joined = one + net.linear(net.identity(other)) * scale
    return {"joined": joined, "passed": one, "sum": (joined.sum(), net.dropout(joined))}


MODELS: dict[str, Callable[[], tuple[nn.Module, tuple[Any, ...]]]] = {
    "lenet": lambda: (lenet.LeNet(), (input_tensor(2, 1, 28, 28),)),
    "unet": lambda: (UNet(), (input_tensor(1, 1, 8, 8),)),
    "lstm": lambda: (
        Calls(recurrent, lstm=nn.LSTM(4, 3, 2, batch_first=True), head=nn.Linear(3, 2)),
        (input_tensor(2, 5, 4),),
    ),
    "in-place": lambda: (Calls(in_place, linear=nn.Linear(4, 4)), (input_tensor(4, 4),)),
    "views": lambda: (Calls(views, linear=nn.Linear(4, 4)), (input_tensor(4, 4),)),
    "tied": lambda: (Tied(), (torch.tensor([[1, 2]]),)),
    "several": lambda: (
        Calls(several, linear=nn.Linear(4, 4), identity=nn.Identity(), dropout=nn.Dropout()),
        ({"one": input_tensor(4, 4), "other": rows(4, 4)}, input_tensor(4)),
    ),
}


@pytest.mark.parametrize("name", MODELS)
def test_origins_agree_with_autograd(name: str) -> None:
    model, arguments = MODELS[name]()
    trace, found, compared = differences(model, *arguments)
    assert trace.failure is None
    assert found == []
    assert compared > 5


def library_model(name: str) -> tuple[nn.Module, tuple[Any, ...]]:
    if name == "gpt2":
        transformers = pytest.importorskip("transformers")
        sizes: dict[str, Any] = {
            "n_layer": 3,
            "n_head": 2,
            "n_embd": 8,
            "vocab_size": 11,
            "n_positions": 16,
        }
        return transformers.GPT2LMHeadModel(transformers.GPT2Config(**sizes)), (torch.ones(1, 5).long(),)
    declare()
    models = pytest.importorskip("torchvision.models")
    if name == "resnet18":
        return models.resnet18(num_classes=5), (input_tensor(1, 3, 32, 32),)
    sizes = {"growth_rate": 4, "block_config": (2, 2), "num_init_features": 8, "num_classes": 5}
    return models.DenseNet(**sizes), (input_tensor(1, 3, 32, 32),)


@pytest.mark.libraries
@pytest.mark.parametrize("name", ["gpt2", "resnet18", "densenet"])
def test_origins_of_library_models_agree_with_autograd(name: str) -> None:
    model, arguments = library_model(name)
    trace, found, compared = differences(model, *arguments)
    assert trace.failure is None
    assert found == []
    assert compared > 100


@pytest.mark.libraries
def test_cache_of_gpt2_is_marked_in_all_blocks() -> None:
    model, arguments = library_model("gpt2")
    trace = capture_trace(model, *arguments)
    blocks = [step for step in trace.steps if step.name == "GPT2Block"]
    marked = [[each.in_object for each in block.input_origins] for block in blocks]
    # Each layer adds a key and a value to the cache, which starts empty.
    assert [sum(each) for each in marked] == [0, 2, 4]
    assert len({tuple(each for each in block if not each) for block in marked}) == 1
    assert [each.in_object for each in trace.output_origins] == [False] + [True] * 6


Operation = tuple[str, int, int]
NAMES = (
    "add", "cat", "exp", "identity", "t", "rows", "column", "square", "steps", "mul_", "add_", "setitem",
    "relu_",
)  # fmt: skip


def run_operations(net: Any, x: Tensor, operations: list[Operation]) -> tuple[Tensor, ...]:
    """Run operations on 4x4 tensors and views of them; each adds its result to the list."""
    found = [x * 1, net.linear(x)]
    for name, first, second in operations:
        one, other = found[first % len(found)], found[second % len(found)]
        if name in ("add", "add_", "setitem") and one.shape != other.shape:
            continue
        if name == "add":
            found.append(one + other)
        elif name == "cat":
            found.append(torch.cat([one.reshape(-1), other.reshape(-1)])[:4].view(2, 2))
        elif name == "exp":
            found.append(one.exp())
        elif name == "identity":
            found.append(net.identity(one))
        elif name == "mul_":
            one.mul_(2)
        elif name == "add_":
            one.add_(other.detach() if first == second else other)
        elif name == "setitem":
            one[...] = other + 1
        elif name == "relu_":
            found.append(F.relu_(one))
        elif one.dim() != 2 or one.shape[0] == 1:
            found.append(one.unsqueeze(0))
        else:
            index: Any = {
                "rows": slice(1, 3),
                "column": (slice(None), 0),
                "square": (slice(2), slice(2)),
            }
            found.append(one.t() if name == "t" else one[index.get(name, slice(0, 4, 2))])
    return tuple(found[-3:])


@settings(deadline=None, max_examples=30)
@given(st.lists(st.tuples(st.sampled_from(NAMES), st.integers(0, 9), st.integers(0, 9)), max_size=14))
def test_origins_in_random_programs_agree_with_autograd(operations: list[Operation]) -> None:
    def forward(net: Any, x: Tensor) -> tuple[Tensor, ...]:
        return run_operations(net, x, operations)

    model = Calls(forward, linear=nn.Linear(4, 4), identity=nn.Identity())
    trace, found, _ = differences(model, input_tensor(4, 4))
    # A write may replace values that only the backward needs.
    assert trace.failure is None or trace.failure.phase == "backward"
    assert found == []


# --- what autograd does not have ------------------------------------------------------------------


def origins_of(forward: Callable[..., Any], *args: Any, **modules: nn.Module) -> dict[str, Any]:
    """Return the origins of the inputs of each step and of the output, by the name of the step."""
    trace = capture_trace(Calls(forward, **modules), *args)
    assert trace.failure is None
    names = [step.name for step in trace.steps]

    def readable(origin: Origin) -> str:
        parts = [names[index] for index in origin.producers] + [*origin.arguments, *origin.parameters]
        return " ".join(parts) + " (in object)" * origin.in_object

    found = {step.name: [readable(each) for each in step.input_origins] for step in trace.steps}
    return found | {"output": [readable(each) for each in trace.output_origins]}


def test_operands_with_one_producer_are_both_recorded() -> None:
    def forward(_: Any, x: Tensor) -> Tensor:
        y = x * 2
        z = F.relu_(y)
        return z + y

    found = origins_of(forward, rows(3))
    assert found["add"] == ["relu_", "relu_"]
    assert found["output"] == ["add"]


def test_argument_is_the_origin_of_a_skip_connection() -> None:
    found = origins_of(lambda net, x: x + net.linear(x), rows(2, 3), linear=nn.Linear(3, 3))
    assert found["add"] == ["0", "linear"]
    assert found["linear"] == ["0", "linear.weight", "linear.bias"]


def test_argument_stays_an_origin_after_a_write_to_a_part() -> None:
    def forward(_: Any, x: Tensor, y: Tensor) -> Tensor:
        x[0].neg_()
        y.exp_()
        return torch.stack([x, y])

    assert origins_of(forward, rows(3), rows(3))["stack"] == ["neg_ 0", "exp_"]


def test_origins_of_outputs() -> None:
    def forward(net: Any, x: Tensor, y: Tensor) -> Any:
        y.exp_()
        return {"x": x, "same": net.identity(y), "weights": [net.linear.weight], "new": x + 1}

    modules = {"identity": nn.Identity(), "linear": nn.Linear(2, 2)}
    found = origins_of(forward, rows(3), rows(3), **modules)
    assert found["output"] == ["0", "Identity", "linear.weight", "add"]


def test_tensor_from_outside_has_an_empty_origin() -> None:
    mask = torch.ones(3)
    assert origins_of(lambda _, x: x * mask, rows(3))["mul"] == ["0", ""]


class Memory:
    """An object that carries state from call to call."""

    def __init__(self) -> None:
        self.keys: list[Tensor] = []


def test_tensors_in_objects_are_marked() -> None:
    class Block(nn.Module):
        def forward(self, x: Tensor, memory: Memory, more: dict[str, Any]) -> Tensor:
            memory.keys.append(x + 1)
            return x * 2

    def forward(net: Any, x: Tensor) -> Tensor:
        memory = Memory()
        x = net.first(x, memory, {"x": [x]})
        out: Tensor = net.second(x, memory, {"x": (x, memory)})
        return out

    trace = capture_trace(Calls(forward, first=Block(), second=Block()), rows(3))
    first, second = (step for step in trace.steps if step.name == "Block")
    assert [each.in_object for each in first.input_origins] == [False, False]
    assert [each.in_object for each in second.input_origins] == [False, True, False, True]


def test_inputs_that_a_pre_hook_replaces_keep_their_origin() -> None:
    linear = nn.Linear(3, 3)
    linear.register_forward_pre_hook(lambda module, args: (args[0] * 2,))
    found = origins_of(lambda net, x: net.linear(x), rows(2, 3), linear=linear)
    assert found["Linear"] == ["0"]
    assert found["linear"] == ["mul", "linear.weight", "linear.bias"]
