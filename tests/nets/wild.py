"""Models with features of real code: library objects, transforms, quantization, wrappers, hooks."""

from __future__ import annotations

import functools
import importlib.util
import warnings
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
import torch.fx
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils import prune, rnn
from torch.nn.utils.parametrizations import weight_norm
from torch.nn.utils.parametrize import register_parametrization

from tests.nets.case import Case, rows
from tests.nets.structures import Pair


@dataclass
class Fields(OrderedDict[str, Any]):
    """A dataclass and dictionary with its values in its fields only."""

    first: Tensor
    more: list[Tensor] = field(default_factory=list)


class Layered(nn.Module):
    """Returns the result of an inner model, which is an object of a library."""

    def __init__(self, wrap: Callable[[Tensor], Any], name: str) -> None:
        super().__init__()
        self.inner = Wrapping(wrap)
        self.head = nn.Linear(2, 1)
        self.name = name

    def forward(self, x: Tensor) -> Any:
        found = self.inner(x)
        return {"state": found, "scores": (self.head(getattr(found, self.name)), [3])}


class Wrapping(nn.Module):
    def __init__(self, wrap: Callable[[Tensor], Any]) -> None:
        super().__init__()
        self.linear = nn.Linear(3, 2)
        self.wrap = wrap

    def forward(self, x: Tensor) -> Any:
        return self.wrap(self.linear(x))


def _model_output(y: Tensor) -> Any:
    from transformers.modeling_outputs import BaseModelOutput

    return BaseModelOutput(last_hidden_state=y, hidden_states=(y, y))


class Recursive(nn.Module):
    """Calls itself."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(3, 3)

    def forward(self, x: Tensor, times: int = 1) -> Tensor:
        x = self.linear(x)
        out: Tensor = self(x, times - 1) if times else x
        return out


class Chosen(nn.Module):
    """Calls one of its branches, by name and by index."""

    def __init__(self) -> None:
        super().__init__()
        self.named = nn.ModuleDict({"wide": nn.Linear(3, 5), "narrow": nn.Linear(3, 2)})
        self.numbered = nn.ModuleList([nn.ReLU(), nn.Tanh()])

    def forward(self, x: Tensor, name: str = "narrow", number: int = 1) -> Tensor:
        out: Tensor = self.numbered[number](self.named[name](x))
        return out


class Bare(nn.Module):
    """Parameters and a buffer without a layer; forward writes to the buffer."""

    cache: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(3, 3))
        self.bias = nn.Parameter(torch.zeros(3))
        self.register_buffer("cache", torch.zeros(6, 3), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        keys = F.linear(x, self.weight, self.bias)
        self.cache[: len(x)] = keys
        return self.cache.sum(0)


class Views(nn.Module):
    """Writes to views of a tensor, and reads it through other views."""

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        base = x * 2
        left, right = base.split(2, dim=1)
        left.add_(1)
        untouched = right.exp()
        flat = base.view(-1)
        flat.mul_(3)
        return untouched, base.t() + 0, left.neg()


class InPlace(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.act = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        y = x + 0
        y += 1
        y.clamp_(0)
        F.relu(y, inplace=True)
        torch.add(y, 1, out=y)
        out: Tensor = self.act(y)
        return out * 2


class Attending(nn.Module):
    def forward(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        mixed = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        return torch.einsum("bhld,bhmd->bhlm", mixed, k)


class Sentences(nn.Module):
    """A recurrent layer on unsorted sequences of different lengths."""

    def __init__(self, layer: type[nn.LSTM] | type[nn.GRU]) -> None:
        super().__init__()
        self.layer = layer(3, 4)

    def forward(self, long: Tensor, short: Tensor) -> Tensor:
        packed = rnn.pack_sequence([short, long], enforce_sorted=False)
        states, _ = self.layer(packed)
        padded, lengths = rnn.pad_packed_sequence(states)
        return padded / lengths[:, None]


class Cells(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first = nn.LSTMCell(3, 4)
        self.second = nn.GRUCell(4, 4)

    def forward(self, x: Tensor) -> Tensor:
        state = hidden = None
        for row in x:
            state = self.first(row, state)
            hidden = self.second(state[0], hidden)
        assert hidden is not None
        return hidden


class Doubled(nn.Module):
    def forward(self, weight: Tensor) -> Tensor:
        return weight * 2


def _parametrized() -> nn.Module:
    layer = nn.Linear(3, 3)
    register_parametrization(layer, "weight", Doubled())
    return nn.Sequential(layer, weight_norm(nn.Conv1d(4, 2, 1)))


def _pruned() -> nn.Module:
    layer = nn.Linear(3, 3)
    prune.l1_unstructured(layer, "weight", 0.5)
    return nn.Sequential(layer, nn.ReLU())


class Mapped(nn.Module):
    """A layer and an operation under two nested `torch.vmap`."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(3, 2)

    def forward(self, x: Tensor) -> Tensor:
        each = torch.vmap(lambda rows: torch.vmap(self.linear)(rows) * 2)
        out: Tensor = each(x)
        return out + 1


class Gradients(nn.Module):
    """The gradient of its output with respect to its input, by torch.func."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(3, 1)

    def forward(self, x: Tensor) -> Tensor:
        y = x * 2
        return torch.func.grad(lambda z: self.linear(z).sum())(y)


class Directly(nn.Module):
    """Calls `forward` directly: of a torch layer, a block and a derived class."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(3)
        self.block = nn.Sequential(nn.Linear(3, 3), nn.ReLU())
        self.derived = Derived()
        self.idle = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        x = self.block.forward(self.norm.forward(x))
        return self.derived.forward(x).exp()


class Base(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x.sin()


class Derived(Base):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x) + 1


def _replaced() -> nn.Module:
    """Return a model with a layer whose `forward` is replaced on the instance, as offloading does."""
    model = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 2))
    layer = model[0]
    plain = layer.forward

    @functools.wraps(plain)
    def moved(*args: Any, **kwargs: Any) -> Tensor:
        return plain(*args, **kwargs) * 2

    layer.forward = moved
    return model


def _quantized(layer: nn.Module) -> nn.Module:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch warns that the function will move
        return torch.ao.quantization.quantize_dynamic(nn.Sequential(layer), {type(layer)})


def _complex() -> nn.Module:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch warns that complex modules are new
        return nn.Linear(3, 2).to(torch.complex64)


def _hooked() -> nn.Module:
    """Return a model with a full backward hook, for which torch adds steps of its own."""
    model = nn.Sequential(nn.Linear(3, 3), nn.ReLU())
    model[0].register_full_backward_hook(lambda *_: None)
    return model


def _x() -> tuple[Tensor, ...]:
    return (rows(4, 3),)


def _fields(y: Tensor) -> Fields:
    return Fields(y, [y])


def _pair(y: Tensor) -> Pair:
    return Pair(y, y + 1)


LIBRARY = (
    (Case(name="model-output", build=lambda: Layered(_model_output, "last_hidden_state"), args=_x),)
    if importlib.util.find_spec("transformers")
    else ()
)

CASES = (
    *LIBRARY,
    Case(name="fields", build=lambda: Layered(_fields, "first"), args=_x),
    Case(name="namedtuple", build=lambda: Layered(_pair, "right"), args=_x),
    Case(name="recursive", build=Recursive, args=_x),
    Case(name="chosen", build=Chosen, args=_x),
    Case(name="bare", build=Bare, args=_x),
    Case(name="views", build=Views, args=lambda: (rows(3, 4),)),
    Case(name="in-place", build=InPlace, args=_x),
    Case(name="attending", build=Attending, args=lambda: tuple(rows(1, 2, 5, 4) for _ in range(3))),
    Case(
        name="attention",
        build=lambda: nn.MultiheadAttention(4, 2),
        args=lambda: tuple(rows(5, 2, 4) for _ in range(3)),
    ),
    Case(name="sentences", build=lambda: Sentences(nn.LSTM), args=lambda: (rows(3, 3), rows(2, 3))),
    Case(name="sentences-gru", build=lambda: Sentences(nn.GRU), args=lambda: (rows(3, 3), rows(2, 3))),
    Case(name="cells", build=Cells, args=lambda: (rows(2, 4, 3),)),
    Case(name="parametrized", build=_parametrized, args=lambda: (rows(2, 4, 3),)),
    Case(name="pruned", build=_pruned, args=_x),
    Case(name="mapped", build=Mapped, args=lambda: (rows(2, 4, 3),)),
    Case(name="gradients", build=Gradients, args=_x),
    Case(name="directly", build=Directly, args=_x),
    Case(name="replaced", build=_replaced, args=_x),
    Case(name="half", build=lambda: nn.Linear(3, 2).half(), args=lambda: (rows(4, 3).half(),)),
    Case(name="complex", build=_complex, args=lambda: (rows(4, 3).to(torch.complex64),)),
    Case(name="hooked", build=_hooked, args=_x),
    Case(name="quantized", build=lambda: _quantized(nn.Linear(3, 2)), args=_x),
    Case(name="quantized-lstm", build=lambda: _quantized(nn.LSTM(3, 4)), args=lambda: (rows(5, 1, 3),)),
    Case(name="quantized-cell", build=lambda: _quantized(nn.GRUCell(3, 4)), args=_x),
    Case(name="fx", build=lambda: torch.fx.symbolic_trace(_replaced()), args=_x),
)
