"""What a model can reach and so may change while it runs: modules, containers, tensors, generators."""

from __future__ import annotations

import dataclasses
import types
from collections import OrderedDict, deque
from collections.abc import Callable
from typing import Any

import numpy
import torch
from torch import nn

from netinspect.observe.seeds import rewinder

Container = dict[Any, Any] | list[Any] | set[Any] | deque[Any]

# What cannot hold anything that changes; most of what a model holds is such.
_ATOMS = frozenset(
    {bool, int, float, complex, str, bytes, type(None), type, torch.Size, torch.dtype, torch.device}
    | {types.FunctionType, types.BuiltinFunctionType, types.MethodType, types.ModuleType}
)

_PLAIN_CONTAINERS = frozenset({dict, OrderedDict, list, set, deque})


class Reach:
    """Everything reachable from a model through attributes and plain containers, each once.

    Objects of foreign classes are not entered: behind a logger or a trainer is the whole program.
    Only dataclasses and simple namespaces are, as they are containers by another name.

    Args:
        model: Where to start.
        inputs: What forward will be given; its tensors are reached as well.
    """

    def __init__(self, model: nn.Module, inputs: Any = ()) -> None:
        self.modules: list[nn.Module] = []
        self.containers: list[Container] = []
        self.empty: list[Container] = []
        """Those with nothing in them, as the hook dictionaries of most modules are."""

        self.tensors: list[torch.Tensor] = []
        self.arrays: list[numpy.ndarray[Any, Any]] = []
        self.rewinders: list[Callable[[], object]] = []
        """What puts each random generator back to where it stands."""

        seen: set[int] = set()
        waiting: list[Any] = [inputs, model]
        while waiting:
            value = waiting.pop()
            if id(value) in seen:
                continue
            seen.add(id(value))
            for each in self._sort(value):
                kind = type(each)
                if kind in _PLAIN_CONTAINERS and not each:
                    self.empty.append(each)
                elif kind not in _ATOMS:
                    waiting.append(each)

    def _sort(self, value: Any) -> Any:
        """Put one value into its list, and return what is in it."""
        if isinstance(value, dict):  # of which there are most
            self.containers.append(value)
            return value.values()
        if isinstance(value, torch.Tensor):
            self.tensors.append(value)
            return (value.grad,) if value.is_leaf else ()
        if isinstance(value, nn.Module):
            self.modules.append(value)
            return (vars(value),)
        if isinstance(value, (list, set, deque)):
            self.containers.append(value)
            return value
        if isinstance(value, tuple):
            return value
        if isinstance(value, numpy.ndarray):
            self.arrays.append(value)
        elif (rewind := rewinder(value)) is not None:
            self.rewinders.append(rewind)
        elif isinstance(value, types.SimpleNamespace) or (
            dataclasses.is_dataclass(value) and hasattr(value, "__dict__")
        ):
            return (vars(value),)
        return ()
