"""State of TorchScript modules in C++: modes and attributes that their code may change."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import torch
from torch import nn

from netinspect.tracing.model.modes import script_of
from netinspect.tracing.safe_access import dictionary_of

_NO_ATTRIBUTE = (RuntimeError, AttributeError, TypeError, ValueError)
"""Exceptions of torch for a value without a counterpart in Python."""


class ScriptState:
    """Snapshot of the attributes of one TorchScript module.

    Reading them creates copies of lists, dictionaries and objects, but returns the tensors themselves.

    Args:
        module: A scripted or traced module.
    """

    def __init__(self, module: nn.Module) -> None:
        self._script = script_of(module)
        self._before = {} if self._script is None else dict(_attributes(self._script))

    def tensors(self) -> Iterator[torch.Tensor]:
        """Yield the tensors in all attributes."""
        waiting = list(self._before.values())
        while waiting:
            value = waiting.pop()
            if isinstance(value, torch.Tensor):
                yield value
            else:
                waiting += _contents(value)

    def restore(self) -> None:
        """Restore the attributes that changed."""
        if self._script is None:
            return
        after = dict(_attributes(self._script))
        for name, value in self._before.items():
            if not _same(value, after.get(name)):
                with suppress(*_NO_ATTRIBUTE):
                    self._script.setattr(name, value)


def _attributes(script: Any) -> Iterator[tuple[str, Any]]:
    try:
        kind: Any = torch._C.ConcreteModuleType.from_jit_type(script._type())
        names = list(kind.get_attributes())
    except _NO_ATTRIBUTE:
        names = ["training"] if script.hasattr("training") else []
    for name in names:
        with suppress(*_NO_ATTRIBUTE):
            yield name, script.getattr(name)


def _contents(value: Any) -> list[Any]:
    if isinstance(value, (list, tuple)):
        return list(value)
    if isinstance(value, dict):
        return [*value, *value.values()]
    # An object of a scripted class.
    return [] if isinstance(value, (str, bytes)) else list((dictionary_of(value) or {}).values())


def _same(one: Any, other: Any) -> bool:
    if one is other:
        return True
    if type(one) is not type(other) or isinstance(one, torch.Tensor):
        return False
    if isinstance(one, (int, float, complex, str, bytes)):
        return repr(one) == repr(other)  # NaN equals NaN, and 0.0 differs from -0.0
    if isinstance(one, (list, tuple, dict)) or dictionary_of(one):
        first, second = _contents(one), _contents(other)
        return len(first) == len(second) and all(map(_same, first, second))
    return False
