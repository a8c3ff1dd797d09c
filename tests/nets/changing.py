"""Models of odd tensors, TorchScript and objects, each of which changes itself in its own way."""

import array
import copy
import dataclasses
from collections.abc import Callable
from typing import Any, Dict, List, Optional  # noqa: UP035

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrizations, spectral_norm, weight_norm

from tests.tracing.counting.counted import Calls

X = torch.arange(12.0).reshape(4, 3)


# --- TorchScript: its compiler reads annotations as objects, not as texts -----------------------------


class Counter:
    """A class that is scripted."""

    def __init__(self) -> None:
        self.count = 0
        self.seen = [1]

    def step(self) -> None:
        """Count."""
        self.count += 1
        self.seen.append(self.count)


class Counting(nn.Module):
    """Changes an attribute of each kind."""

    number: int
    ratio: float
    word: str
    flag: bool
    names: List[str]  # noqa: UP006
    table: Dict[str, int]  # noqa: UP006
    nested: List[List[int]]  # noqa: UP006
    maybe: Optional[Tensor]  # noqa: UP045

    def __init__(self) -> None:
        super().__init__()
        self.number, self.ratio, self.word, self.flag = 0, float("nan"), "a", False
        self.names, self.table, self.nested = ["a"], {"a": 1}, [[1]]
        self.maybe = None
        self.plain = torch.zeros(3)
        self.listed = [torch.zeros(3)]
        self.linear = nn.Linear(3, 3)
        self.norm = nn.BatchNorm1d(3)
        self.dropout = nn.Dropout(0.5)
        self.register_buffer("buffer", torch.zeros(3))
        self.register_buffer("replaced", torch.zeros(3))

    def forward(self, x: Tensor) -> Tensor:
        """Change everything."""
        self.number += 1
        self.ratio = 1.5
        self.word = self.word + "b"
        self.flag = True
        self.names.append("b")
        self.table["b"] = 2
        self.nested[0].append(2)
        self.maybe = x
        self.plain.add_(1)
        self.listed[0].add_(1)
        self.buffer.add_(1)  # type: ignore[operator]
        self.replaced = self.replaced + 1  # type: ignore[has-type]
        with torch.no_grad():
            self.linear.weight.mul_(2)
        return self.dropout(self.norm(self.linear(x)))


class Around(nn.Module):
    """Holds a module of TorchScript among others."""

    def __init__(self, inner: Any) -> None:
        super().__init__()
        self.inner = inner
        self.dropout = nn.Dropout()

    def forward(self, x: Tensor) -> Tensor:
        """Call it."""
        out: Tensor = self.dropout(self.inner(x))
        return out


def _mixed(module: Any) -> nn.Module:
    module.train()
    module.dropout.eval()
    return module


def _scripted() -> nn.Module:
    return _mixed(torch.jit.script(Counting()))


def _traced() -> nn.Module:
    layers = nn.Sequential(nn.Linear(3, 3), nn.BatchNorm1d(3), nn.Dropout())
    return torch.jit.trace(layers.train(), X, check_trace=False)


def _frozen() -> nn.Module:
    return torch.jit.freeze(torch.jit.script(nn.Sequential(nn.Linear(3, 3)).eval()))


class _HoldsObject(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.counter = torch.jit.script(Counter)()
        self.linear = nn.Linear(3, 3)

    def forward(self, x: Tensor) -> Tensor:
        self.counter.step()
        return self.linear(x)


# --- tensors ------------------------------------------------------------------------------------------


class Wrapped(torch.Tensor):
    """Weights of eight bits and their scale, as libraries of quantization have them."""

    packed: Tensor
    scale: Tensor

    @staticmethod
    def __new__(cls, packed: Tensor, scale: Tensor) -> "Wrapped":
        return torch.Tensor._make_wrapper_subclass(
            cls, packed.shape, dtype=torch.float32, requires_grad=False
        )

    def __init__(self, packed: Tensor, scale: Tensor) -> None:
        self.packed, self.scale = packed, scale

    def __repr__(self) -> str:  # type: ignore[override]
        return "Wrapped"

    def __tensor_flatten__(self) -> tuple[list[str], None]:
        return ["packed", "scale"], None

    @classmethod
    def __torch_dispatch__(  # type: ignore[override]
        cls, func: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        if func is torch.ops.aten.detach.default:
            return Wrapped(args[0].packed, args[0].scale)
        if func is torch.ops.aten.mul_.Tensor:
            args[0].scale.mul_(args[1])
            return args[0]
        plain = [each.packed * each.scale if isinstance(each, Wrapped) else each for each in args]
        return func(*plain, **(kwargs or {}))


def _wrapped(net: Any, x: Tensor) -> Tensor:
    net.weight.packed.add_(1)
    net.weight.mul_(2)
    net.weight.scale = net.weight.scale + 1
    net.weight.note = "seen"
    net.table.scale.zero_()
    return x + net.weight.scale


def _wrapped_net() -> nn.Module:
    net: Any = Calls(_wrapped)
    packed = Wrapped(torch.ones(3, dtype=torch.int8), torch.ones(3))
    net.weight = nn.Parameter(packed, requires_grad=False)
    net.register_buffer("table", Wrapped(torch.ones(3, dtype=torch.int8), torch.ones(3)))
    return net


def _coo() -> Tensor:
    places = torch.tensor([[0, 0, 1], [1, 1, 2]])
    return torch.sparse_coo_tensor(places, torch.tensor([1.0, 2.0, 3.0]), (3, 3))


def _sparse(net: Any, x: Tensor) -> Tensor:
    net.coo.mul_(2)
    net.coo.add_(torch.sparse_coo_tensor(torch.tensor([[2], [2]]), torch.ones(1), (3, 3)))
    net.flag._coalesced_(True)
    net.values._values().add_(1)
    net.csr.values().mul_(3)
    net.param.data.mul_(2)
    net.replaced = net.replaced.coalesce()
    net.zeroed.zero_()
    return x


def _sparse_net() -> nn.Module:
    net: Any = Calls(_sparse)
    for name in ("coo", "flag", "values", "replaced", "zeroed"):
        net.register_buffer(name, _coo())
    net.register_buffer("csr", torch.eye(3).to_sparse_csr())
    net.param = nn.Parameter(_coo())
    return net


def _odd(net: Any, x: Tensor) -> Tensor:
    net.nested.mul_(2)
    net.quantized.copy_(torch.quantize_per_tensor(torch.zeros(3), 0.1, 0, torch.qint8))
    net.complex.mul_(1j)
    net.conjugated.add_(1)
    net.shared.add_(1)
    net.turned.t_()
    net.turned.add_(1)
    net.grown.resize_(10)
    net.pointed.set_(torch.ones(7))
    net.other_type.data = torch.zeros(2, dtype=torch.float64)
    net.other = torch.ones(1)
    net.bits.logical_not_()
    net.small.fill_(float("nan"))
    net.empty.resize_(3)
    return x


def _odd_net() -> nn.Module:
    net: Any = Calls(_odd)
    whole = torch.arange(12.0)
    tensors = {
        "nested": torch.nested.nested_tensor([torch.ones(2, 3), torch.ones(4, 3)]),
        "quantized": torch.quantize_per_tensor(torch.ones(3), 0.1, 0, torch.qint8),
        "complex": torch.ones(3, dtype=torch.complex64),
        "conjugated": torch.ones(3, dtype=torch.complex64).conj(),
        "whole": whole,
        "shared": whole[2:8:2],
        "turned": whole.view(3, 4),
        "grown": torch.ones(3),
        "pointed": torch.ones(3),
        "other_type": torch.ones(2),
        "other": torch.ones(1),
        "bits": torch.ones(3, dtype=torch.bool),
        "small": torch.ones(3, dtype=torch.bfloat16),
        "empty": torch.empty(0),
    }
    for name, tensor in tensors.items():
        net.register_buffer(name, tensor)
    return net


# --- objects ------------------------------------------------------------------------------------------


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
        """Take a step."""
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
    """Brings the weights of a layer before its forward, and takes them away after it."""

    def __init__(self, layer: Any) -> None:
        self.there = {name: each.detach().clone() for name, each in layer.named_parameters()}
        self.brought = 0
        self.forward = layer.forward
        for name, each in list(layer.named_parameters()):
            layer._parameters[name] = nn.Parameter(torch.empty_like(each, device="meta"))
        self.layer = [layer]

    def __call__(self, *args: Any) -> Any:
        layer = self.layer[0]
        away = dict(layer._parameters)
        self.brought += 1
        for name, each in self.there.items():
            layer._parameters[name] = nn.Parameter(each.clone())
        out = self.forward(*args)
        layer._parameters.update(away)
        return out


def _offloaded() -> nn.Module:
    net: Any = nn.Sequential(nn.Linear(3, 3), nn.BatchNorm1d(3))
    net[0].forward = net[0].offload = Offload(net[0])
    return net


def _left_on() -> nn.Module:
    """One whose hook does not take the weights away again, since forward fails."""
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
    "scripted": _scripted,
    "scripted inside": lambda: _mixed(Around(_scripted())),
    "traced": _traced,
    "traced inside": lambda: _mixed(Around(_traced())),
    "frozen": _frozen,
    "frozen inside": lambda: _mixed(Around(_frozen())),
    "scripted object": lambda: torch.jit.script(_HoldsObject()),
    "scripted twice": lambda: Around(Around(torch.jit.script(Around(nn.BatchNorm1d(3))))),
    "wrapped": _wrapped_net,
    "sparse": _sparse_net,
    "odd tensors": _odd_net,
    "objects": _objects_net,
    "offloaded": _offloaded,
    "offloaded and fails": _left_on,
    "switches": lambda: Calls(_switches),
    "normalized": _normalized,
    "gradients": _graded,
    "swapped": lambda: Calls(_swap, linear=nn.Linear(3, 3), norm=nn.BatchNorm1d(3)),
}
