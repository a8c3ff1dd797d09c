"""Models that change objects, hooks, global flags, gradients and classes."""

from __future__ import annotations

import array
import copy
import dataclasses
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrizations, spectral_norm, weight_norm

from tests.tracing.counting.counted import Calls


class Slotted:
    """An object with slots."""

    __slots__ = ("average", "count")

    def __init__(self) -> None:
        self.count = 0
        self.average = torch.zeros(3)


@dataclasses.dataclass(slots=True)
class Record:
    """A dataclass with slots."""

    count: int = 0
    seen: list[int] = dataclasses.field(default_factory=list)


class Average:
    """A moving average of weights that is not a module."""

    def __init__(self, model: nn.Module) -> None:
        self.steps = 0
        self.shadow = {name: each.detach().clone() for name, each in model.named_parameters()}

    def update(self, model: nn.Module) -> None:
        """Update the averages."""
        self.steps += 1
        for name, each in model.named_parameters():
            self.shadow[name].mul_(0.9).add_(each.detach(), alpha=0.1)


class Hook:
    """A hook that counts."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, *_: Any) -> None:
        self.calls += 1


def _objects(net: Any, x: Tensor) -> Tensor:
    net.slotted.count += 1
    net.slotted.average.add_(1)
    net.record.count += 1
    net.record.seen.append(1)
    net.average.update(net.linear)
    net.raw.extend(b"more")
    net.numbers.append(4)
    net.held[0]["a"].count += 1
    net.linear.weight.note = "seen"
    net.linear.bias.register_hook(lambda gradient: gradient)
    net.linear.weight.register_post_accumulate_grad_hook(lambda tensor: None)
    out: Tensor = net.linear(x)
    return out


def _objects_net() -> nn.Module:
    net: Any = Calls(_objects, linear=nn.Linear(3, 3))
    net.slotted, net.record, net.average = Slotted(), Record(), Average(net.linear)
    net.raw, net.numbers = bytearray(b"raw"), array.array("i", [1, 2])
    net.held = ({"a": Slotted()},)
    net.linear.register_forward_hook(Hook())
    return net


class Offload:
    """Loads the weights of a layer before its forward, and removes them afterwards."""

    def __init__(self, layer: Any) -> None:
        self.stored = {name: each.detach().clone() for name, each in layer.named_parameters()}
        self.loaded = 0
        self.forward = layer.forward
        for name, each in list(layer.named_parameters()):
            layer._parameters[name] = nn.Parameter(torch.empty_like(each, device="meta"))
        self.layer = [layer]

    def __call__(self, *args: Any) -> Any:
        layer = self.layer[0]
        placeholders = dict(layer._parameters)
        self.loaded += 1
        for name, each in self.stored.items():
            layer._parameters[name] = nn.Parameter(each.clone())
        out = self.forward(*args)
        layer._parameters.update(placeholders)
        return out


def _offloaded() -> nn.Module:
    net: Any = nn.Sequential(nn.Linear(3, 3), nn.BatchNorm1d(3))
    net[0].forward = net[0].offload = Offload(net[0])
    return net


def _offloaded_failing() -> nn.Module:
    """A net whose hook does not remove the weights, since forward fails."""
    net: Any = _offloaded()
    net.append(nn.Linear(7, 7))
    return net


def _switches(net: Any, x: Tensor) -> Tensor:
    torch.backends.cudnn.benchmark = True
    torch.backends.cuda.enable_flash_sdp(False)
    torch.use_deterministic_algorithms(True)
    torch.set_autocast_enabled("cpu", True)
    torch.set_float32_matmul_precision("medium")
    torch.set_num_threads(1 if torch.get_num_threads() > 1 else 2)
    torch.autograd.set_detect_anomaly(True)
    return x


def _normalized() -> nn.Module:
    return nn.Sequential(
        spectral_norm(nn.Linear(3, 3)),
        weight_norm(nn.Linear(3, 3)),
        parametrizations.spectral_norm(nn.Linear(3, 3)),
        parametrizations.weight_norm(nn.Linear(3, 3)),
        parametrizations.orthogonal(nn.Linear(3, 3)),
    )


def _backward(net: Any, x: Tensor) -> Tensor:
    with torch.enable_grad():
        net.table(torch.tensor([1, 2])).sum().backward()
        net.linear(x).sum().backward()
    return x


def _graded() -> nn.Module:
    net: Any = Calls(_backward, table=nn.Embedding(5, 3, sparse=True), linear=nn.Linear(3, 3))
    net.table(torch.tensor([1, 1])).sum().backward()
    net.linear.weight.grad = torch.ones(3, 3)
    return net


def _swap(net: Any, x: Tensor) -> Tensor:
    torch.utils.swap_tensors(net.linear.weight, nn.Parameter(torch.zeros(3, 3)))
    net.__class__ = Twin
    net.norm.__dict__ = dict(vars(net.norm))
    net.norm = copy.deepcopy(net.norm)
    return x


class Twin(Calls):
    """Another class of the same layout."""


MODELS: dict[str, Callable[[], nn.Module]] = {
    "objects": _objects_net,
    "offloaded": _offloaded,
    "offloaded and fails": _offloaded_failing,
    "switches": lambda: Calls(_switches),
    "normalized": _normalized,
    "gradients": _graded,
    "swapped": lambda: Calls(_swap, linear=nn.Linear(3, 3), norm=nn.BatchNorm1d(3)),
}
