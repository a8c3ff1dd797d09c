"""Models that change their own state or the state of the process during forward."""

from __future__ import annotations

import random
from collections import Counter, deque
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tests.nets.case import Case, rows


class Everything(nn.Module):
    """Has state of every kind that can change; forward changes it by calling `act`."""

    counter: Tensor
    scratch: Tensor
    wide: Tensor

    def __init__(self, act: Callable[[Everything, Tensor], object]) -> None:
        super().__init__()
        self.act = act
        self.linear = nn.Linear(3, 3)
        self.norm = nn.BatchNorm1d(3)
        self.dropout = nn.Dropout(0.5)
        self.embedding = nn.Embedding(4, 3, max_norm=0.1)
        self.frozen = nn.Parameter(torch.ones(3), requires_grad=False)
        self.register_buffer("counter", torch.zeros((), dtype=torch.int64))
        self.register_buffer("scratch", torch.full((3,), float("nan")), persistent=False)
        self.register_buffer("wide", torch.zeros(1).expand(3))
        self.plain = torch.zeros(3)
        self.table = numpy.zeros(3)
        self.count = 0
        self.seen: list[Any] = [1]
        self.nested: dict[str, Any] = {"lists": [[1], (deque([1]), {1})], "tally": Counter("a")}
        self.state = SimpleNamespace(steps=0)
        self.torch_generator = torch.Generator().manual_seed(3)
        self.python_generator = random.Random(3)
        self.numpy_generator = numpy.random.default_rng(3)
        self.linear.weight.grad = torch.ones(3, 3)

    def forward(self, x: Tensor) -> Tensor:
        out = self.norm(self.linear(x)) + self.embedding(torch.tensor([1])) + self.dropout(x)
        self.act(self, x)
        result: Tensor = out * self.frozen.detach().clone()
        return result


def _attributes(net: Everything, x: Tensor) -> None:
    net.count += 1
    net.new = x
    net.seen.append(x)
    net.seen = [*net.seen]
    net.nested["lists"][0].append(2)
    net.nested["lists"][1][0].append(2)
    net.nested["lists"][1][1].add(2)
    net.nested["tally"].update("ab")
    net.nested["more"] = x
    net.state.steps += 1
    del net.plain
    net.table += 1


def _buffers(net: Everything, x: Tensor) -> None:
    net.counter += 1
    net.scratch = x.sum(0).detach()
    net.scratch.add_(1)
    net.register_buffer("late", torch.ones(2))
    net.plain.add_(1)
    net._buffers["wide"].untyped_storage().fill_(1)  # type: ignore[union-attr]


def _parameters_in_place(net: Everything, x: Tensor) -> None:
    with torch.no_grad():
        net.linear.weight.mul_(2)
        net.linear.bias[0] = 7
        net.norm.weight.copy_(torch.zeros(3))
        torch.add(net.frozen, 1, out=net.frozen)
        torch.ops.aten.neg_(net.norm.bias)
    net.embedding.weight.data.zero_()


def _parameters_aside(net: Everything, x: Tensor) -> None:
    net.linear.weight.detach().numpy()[0, 0] = 9
    net.linear.bias.data = torch.zeros(3, dtype=torch.float64)
    F.relu(net.frozen.sub_(3), inplace=True)
    F.dropout(net.norm.weight.detach(), 0.5, True, True)


def _parameters_replaced(net: Everything, x: Tensor) -> None:
    net.linear.weight = nn.Parameter(torch.zeros(3, 3))
    net.linear.bias.requires_grad_(False)
    net.frozen.requires_grad_(True)
    net.register_parameter("late", nn.Parameter(torch.zeros(1)))
    net.norm = nn.BatchNorm1d(3)
    del net.dropout


def _gradients(net: Everything, x: Tensor) -> None:
    with torch.enable_grad():
        F.linear(x, net.linear.weight, net.linear.bias).sum().backward()
    net.linear.bias.grad = None


def _random(net: Everything, x: Tensor) -> None:
    random.random()
    numpy.random.rand()
    torch.rand(1)
    torch.rand(1, generator=net.torch_generator)
    net.python_generator.random()
    net.numpy_generator.random()
    torch.manual_seed(99)
    random.seed(99)


def _modes(net: Everything, x: Tensor) -> None:
    net.train(not net.training)
    net.norm.momentum = 0.5
    torch.set_grad_enabled(not torch.is_grad_enabled())
    torch.set_default_dtype(torch.float64)
    torch.set_default_device("meta")


def _hooks(net: Everything, x: Tensor) -> None:
    net.linear.register_forward_hook(lambda *_: None)
    net.norm.register_forward_pre_hook(lambda *_: None, prepend=True)
    net.register_full_backward_hook(lambda *_: None)
    net.dropout._forward_hooks.clear()


def _inputs(net: Everything, x: Tensor) -> None:
    x.zero_()


def _nothing(net: Everything, x: Tensor) -> None:
    pass


ACTS: dict[str, Callable[[Everything, Tensor], object]] = {
    "nothing": _nothing,
    "attributes": _attributes,
    "buffers": _buffers,
    "parameters in place": _parameters_in_place,
    "parameters aside": _parameters_aside,
    "parameters replaced": _parameters_replaced,
    "gradients": _gradients,
    "random": _random,
    "modes": _modes,
    "hooks": _hooks,
    "inputs": _inputs,
}


class Stubborn(nn.Module):
    """Keeps its normalization in eval mode, and counts calls of `train`."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(3)
        self.switches = 0
        self.norm.eval()

    def train(self, mode: bool = True) -> Stubborn:
        super().train(mode)
        self.norm.eval()
        self.switches += 1
        return self

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.norm(x)
        return out


class Lazy(nn.Module):
    """Layers that take their size from the first input."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.LazyLinear(4)
        self.norm = nn.LazyBatchNorm1d()

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.norm(self.linear(x))
        return out


class Cloning(nn.Module):
    """Copies one of its layers during forward."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(3, 3)

    def forward(self, x: Tensor) -> Tensor:
        import copy

        twin = copy.deepcopy(self.linear)
        out: Tensor = twin(x) + self.linear(x)
        return out


def everything(act: str) -> Case:
    """Return the case of `Everything` with one of `ACTS`."""
    return Case(name=act, build=lambda: Everything(ACTS[act]), args=lambda: (rows(4, 3),))
