"""Tests of the recorded output of forward: complete or marked as cut, and none of its code is run."""

from __future__ import annotations

import collections
import dataclasses
import types
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest
import torch
from torch import nn

from netinspect.records.values import tensors_in
from netinspect.rendering import format_values
from netinspect.tracing.tensors.describe import LiveTensors, describe, tensors_of


@dataclasses.dataclass
class Inner:
    hidden: Any
    number: int = 2


@dataclasses.dataclass
class Outer:
    inner: Inner
    extra: Any = None


class Plain:
    def __init__(self, **held: Any) -> None:
        self.__dict__.update(held)


class Slotted:
    __slots__ = ("first", "second")

    def __init__(self, first: Any, second: Any) -> None:
        self.first, self.second = first, second


class Pair(NamedTuple):
    x: Any
    y: Any = None


class Touchy:
    """Object whose methods all fail."""

    def __init__(self, tensor: Any) -> None:
        self.tensor = tensor

    def _fail(self, *_: Any) -> Any:
        raise AssertionError("touched")

    __iter__ = __len__ = __repr__ = __bool__ = __eq__ = __hash__ = __getattr__ = _fail


def y() -> torch.Tensor:
    return torch.zeros(2, 3)


def cycle() -> Plain:
    outer = Plain(tensor=y())
    outer.inner = Plain(up=outer)  # type: ignore[attr-defined]
    return outer


def deep(make: Callable[[Any], Any], levels: int = 12) -> Any:
    value: Any = y()
    for _ in range(levels):
        value = make(value)
    return value


WHOLE: dict[str, tuple[Callable[[], Any], str]] = {
    "dataclasses": (
        lambda: Outer(Inner(y())), "Outer(inner: Inner(hidden: (2, 3), number: 2), extra: None)"
    ),
    "dataclass in an object": (
        lambda: Plain(out=Outer(Inner(y())), name="n"),
        "Plain(out: Outer(inner: Inner(hidden: (2, 3), number: 2), extra: None), name: 'n')",
    ),
    "objects": (
        lambda: Plain(a=Plain(b=Plain(c=y())), n=3), "Plain(a: Plain(b: Plain(c: (2, 3))), n: 3)"
    ),
    "without tensors": (lambda: Plain(a=y(), cfg=Plain(n=1)), "Plain(a: (2, 3), cfg: <Plain>)"),
    "a module": (lambda: Plain(a=y(), layer=nn.ReLU()), "Plain(a: (2, 3), layer: <ReLU>)"),
    "named tuples": (
        lambda: [Pair(y()), Pair(y(), 1)], "[Pair(x: (2, 3), y: None), Pair(x: (2, 3), y: 1)]"
    ),
    "namespaces": (
        lambda: types.SimpleNamespace(a=y(), b=types.SimpleNamespace(c=[y()])),
        "SimpleNamespace(a: (2, 3), b: SimpleNamespace(c: [(2, 3)]))",
    ),
    "slots": (
        lambda: Slotted(y(), Slotted(y(), 2)),
        "Slotted(first: (2, 3), second: Slotted(first: (2, 3), second: 2))",
    ),
    "sets": (lambda: ({y()}, frozenset([y()]), {1}), "(set((2, 3)), frozenset((2, 3)), <set>)"),
    "deque": (lambda: collections.deque([y(), (y(), 1)]), "deque((2, 3), ((2, 3), 1))"),
    "proxy": (lambda: types.MappingProxyType({"a": y()}), "mappingproxy(a: (2, 3))"),
    "user dictionary": (lambda: collections.UserDict(a=y()), "UserDict(a: (2, 3))"),
    "view": (lambda: {"a": y()}.values(), "dict_values((2, 3))"),
    "touchy": (lambda: Touchy(Touchy(y())), "Touchy(tensor: Touchy(tensor: (2, 3)))"),
    "distribution": (
        lambda: Plain(d=[torch.distributions.Normal(y(), y().exp())]),
        "Plain(d: [Normal(loc: (2, 3), scale: (2, 3))])",
    ),
    "cycle": (cycle, "Plain(tensor: (2, 3), inner: Plain(up: <the Plain around this>))"),
    "deep lists": (lambda: deep(lambda each: [each]), "[" * 8 + "<nested too deeply>" + "]" * 8),
    "deep objects": (
        lambda: deep(lambda each: Plain(v=each)), "Plain(v: " * 8 + "<nested too deeply>" + ")" * 8
    ),
    "long list": (lambda: [y()] * 1000, "[" + "(2, 3), " * 8 + "… 992 more]"),
    "long dictionary": (
        lambda: {f"k{number}": 1 for number in range(17)},
        "{" + "".join(f"k{number}: 1, " for number in range(8)) + "… 9 more}",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", WHOLE)
def test_output_text_is_complete_or_marked(name: str) -> None:
    make, text = WHOLE[name]
    value = make()
    tensors = LiveTensors()
    described = describe(value, tensors)
    assert format_values.value(described) == text
    # What other readers of the value take out of it is the same.
    assert list(map(id, tensors_of(value))) == list(map(id, tensors))
    assert len(list(tensors_in(described))) == len(tensors)


def test_list_containing_itself_ends() -> None:
    value: list[Any] = [y()]
    value.append(value)
    assert format_values.value(describe(value)) == "[(2, 3), <the list around this>]"
