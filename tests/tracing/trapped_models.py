"""Classes that record every call of a method that netinspect must not call."""

from __future__ import annotations

import dataclasses
import os
import sys
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

MARKS: list[str] = []
_armed = [False]

# What is called by design, what torch's own `__call__` goes through, and what makes a class.
_LEFT_OUT = frozenset(
    {
        *("__call__", "_call_impl", "_wrapped_call_impl", "_compiled_call_impl"),
        *("forward", "train", "eval", "extra_repr"),
        *("__init__", "__new__", "__class_getitem__", "__init_subclass__", "__subclasshook__"),
        *("__dict__", "__doc__", "__module__", "__weakref__", "__annotations__", "__slots__"),
        *("__getattribute__", "__setattr__", "__delattr__", "__class__", "__orig_bases__"),
        *("__parameters__", "__abstractmethods__", "__set_name__", "__static_attributes__"),
        *("__firstlineno__", "__dataclass_fields__", "__dataclass_params__", "__match_args__"),
    }
)
_SPECIAL = frozenset(
    {
        *("__len__", "__iter__", "__bool__", "__eq__", "__ne__", "__hash__", "__contains__"),
        *("__repr__", "__str__", "__format__", "__dir__", "__getattr__", "__getitem__", "__int__"),
        *("__setitem__", "__delitem__", "__deepcopy__", "__copy__", "__reduce__", "__reduce_ex__"),
        *("__getstate__", "__setstate__", "__sizeof__", "__fspath__", "__index__", "__float__"),
        *("__enter__", "__exit__", "__get__", "__lt__", "__gt__", "__le__", "__ge__", "__next__"),
        *("__reversed__", "__missing__", "__add__", "__radd__", "__length_hint__"),
        *("__instancecheck__", "__subclasscheck__", "__array__", "__torch_function__"),
        *("_fields", "data", "shape", "config", "loss", "items", "keys", "values", "get", "copy"),
    }
)
_PROPERTIES = frozenset(
    {
        *("config", "device", "dtype", "training", "example_input_array", "default_cfg", "hparams"),
        *("pretrained_cfg", "main_input_name", "image_size", "vocab_size", "max_norm", "data"),
        *("loss", "shape", "in_features", "num_embeddings", "set_experts_implementation", "func"),
        *("__wrapped__", "__fspath__", "__class__", "__dict__", "_fields", "__name__", "hf_config"),
    }
)


def mark(name: str) -> None:
    """Leave a mark, unless the user's own code is at work."""
    if _armed[0]:
        MARKS.append(name)


@contextmanager
def armed() -> Iterator[list[str]]:
    """Have the traps leave marks, and yield the list of them."""
    MARKS.clear()
    before, _armed[0] = _armed[0], True
    try:
        yield MARKS
    finally:
        _armed[0] = before


@contextmanager
def disarmed() -> Iterator[None]:
    """Within `armed`, do something that the user's own forward does."""
    before, _armed[0] = _armed[0], False
    try:
        yield
    finally:
        _armed[0] = before


def _trap(made: list[type], name: str) -> Callable[..., Any]:
    def method(self: Any, *args: Any, **kwargs: Any) -> Any:
        mark(f"{type(self).__name__}.{name}")
        found = getattr(super(made[0], self), name, None)
        if found is None:
            raise AttributeError(name)
        return found(*args, **kwargs)

    return method


def _trap_getter(name: str) -> property:
    def read(self: Any) -> Any:
        mark(f"{type(self).__name__}.{name} (property)")
        if name == "__class__":
            return type(self)
        raise AttributeError(name)

    return property(read, lambda self, value: mark(f"{name} (set)"))


def trapped(cls: type, *, leave: tuple[str, ...] = (), properties: bool = True) -> type:
    """Make a subclass in which everything leaves a mark; `leave` names what does not."""
    made: list[type] = []
    namespace: dict[str, Any] = {"__module__": __name__}
    for name in sorted({*dir(cls), *_SPECIAL} - _LEFT_OUT - {*leave}):
        stored = getattr(cls, name, None)
        if callable(stored) or stored is None:
            namespace[name] = _trap(made, name)
    for name in sorted(_PROPERTIES - {*leave}) if properties else ():
        namespace[name] = _trap_getter(name)
    made.append(type(cls)(f"Trapped{cls.__name__}", (cls,), namespace))
    return made[0]


class Meta(type):
    """A class of classes that leaves marks."""

    def __getattribute__(cls, name: str) -> Any:
        # Python and torch ask classes for attributes too, as for `__init__`.
        if f"{os.sep}netinspect{os.sep}" in sys._getframe(1).f_code.co_filename:
            mark(f"metaclass.__getattribute__ {name}")
        return super().__getattribute__(name)

    def __eq__(cls, other: object) -> bool:
        mark("metaclass.__eq__")
        return cls is other

    def __hash__(cls) -> int:
        mark("metaclass.__hash__")
        return id(cls)

    def __instancecheck__(cls, instance: object) -> bool:
        mark("metaclass.__instancecheck__")
        return super().__instancecheck__(instance)

    def __subclasscheck__(cls, subclass: type) -> bool:
        mark("metaclass.__subclasscheck__")
        return super().__subclasscheck__(subclass)


class _Layer(nn.Linear):
    def extra_repr(self) -> str:
        with disarmed():
            return super().extra_repr()

    def forward(self, x: Tensor) -> Tensor:
        with disarmed():
            weight, bias = self._parameters["weight"], self._parameters["bias"]
        out: Tensor = nn.functional.linear(x, weight, bias)  # type: ignore[arg-type]
        return out


class _Config:
    def __init__(self) -> None:
        object.__setattr__(self, "hidden_size", 3)


class _Table(dict[str, Any]):
    pass


class _Ordered(OrderedDict[str, Any]):
    pass


class _Row(list[Any]):
    pass


class _Pair(tuple[Any, ...]):
    pass


class _Number(int):
    pass


class _Word(str):
    pass


@dataclasses.dataclass
class _Batch:
    features: Tensor
    note: str = "n"


class _Thing(metaclass=Meta):
    pass


class _MetaLayer(_Layer, metaclass=Meta):
    pass


Layer = trapped(_Layer, leave=("in_features", "max_norm", "training", "__dict__"))
Config = trapped(_Config)
Table = trapped(_Table)
Ordered = trapped(_Ordered)
Row = trapped(_Row)
Pair = trapped(_Pair)
Number = trapped(_Number)
Word = trapped(_Word)
Batch = trapped(_Batch, leave=("features", "note"))
Thing = trapped(_Thing, leave=("__eq__", "__hash__"))
MetaLayer = trapped(_MetaLayer, leave=("in_features", "max_norm", "training", "__dict__"))
Parameters = trapped(nn.ParameterList, leave=("training", "__dict__"))
List = trapped(nn.ModuleList, leave=("training", "__dict__"))


class _Net(nn.Module):
    def __init__(self, fails: bool = False) -> None:
        nn.Module.__init__(self)
        state = nn.Module.__dict__["__dict__"].__get__(self)
        children = state["_modules"]
        children["layer"] = Layer(3, 3)
        children["layers"] = List([Layer(3, 3), nn.BatchNorm1d(3), MetaLayer(3, 3)])
        children["scales"] = Parameters([nn.Parameter(torch.ones(2))])
        state["settings"] = Config()
        state["config"] = Config()
        state["table"] = Table(a=1, b=torch.zeros(2))
        state["ordered"] = Ordered(a=1, b=Row([1, 2]))
        state["row"] = Row([1, Thing()])
        state["pair"] = Pair((1, Thing()))
        state["number"] = Number(3)
        state["word"] = Word("word")
        state["thing"] = Thing()
        state["batch"] = Batch(torch.ones(2))
        state["things"] = [Thing(), {"a": Thing(), "b": {1, 2}}]
        state["fails"] = fails

    def forward(self, x: Any) -> Any:
        with disarmed():
            if not isinstance(x, Tensor):
                x = dict.get(x, "x") if isinstance(x, dict) else x.features
            layers = [
                self._modules["layer"],
                *self._modules["layers"]._modules.values(),  # type: ignore[union-attr]
            ]
            state = nn.Module.__dict__["__dict__"].__get__(self)
            dict.__setitem__(state["table"], "c", x)
            list.append(state["row"], x)
        for layer in layers:
            x = layer(x)
        if state["fails"]:
            raise ValueError("on purpose")
        with disarmed():
            return Table(
                x=x,
                pair=Pair((x,)),
                batch=Batch(x),
                ordered=Ordered(y=x),
                thing=Thing(),
                config=Config(),
                row=Row([x]),
                number=Number(2),
            )


Net = trapped(_Net, leave=("training", "__dict__"))
