"""The source of the classes of a model, so that it can be shown with shapes beside its lines."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterable

from torch import nn

from netinspect.observe.frames import class_place
from netinspect.records.trace import Code


def class_code(modules: Iterable[nn.Module]) -> tuple[Code, ...]:
    """Read the class statement of every distinct class among some modules, and of their bases.

    A class without source, made by `exec` or compiled, has no lines.
    """
    classes = dict.fromkeys(
        cls
        for module_class in dict.fromkeys(type(module) for module in modules)
        for cls in module_class.__mro__
        if issubclass(cls, nn.Module) and cls is not nn.Module
    )
    return tuple(map(_read, classes))


def _read(cls: type) -> Code:
    try:
        lines, first_line = inspect.getsourcelines(cls)
    except (OSError, TypeError, SyntaxError, IndexError):
        lines, first_line = [], 0
    file = class_place(cls)[0] or getattr(sys.modules.get(cls.__module__), "__file__", None)
    return Code(
        class_path=f"{cls.__module__}.{cls.__qualname__}",
        file=file or "<unknown>",
        first_line=first_line,
        lines=tuple(line.rstrip("\n") for line in lines),
    )
