"""The source of the classes of a model, so that it can be shown with shapes beside its lines."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterable
from typing import Any

from torch import nn

from netinspect.observe.frames import class_path, class_place, makers
from netinspect.records.trace import Code


def class_code(modules: Iterable[nn.Module]) -> tuple[Code, ...]:
    """Read the class statement of every distinct class among some modules, and of their bases.

    A class that torch made while the program ran has the source of what it was made from: that of the
    layer that was parametrized, or the code that `torch.fx` has written. One made otherwise, by `exec`
    or a compiler, has no lines.
    """
    first: dict[type[nn.Module], nn.Module] = {}
    for module in modules:
        first.setdefault(type(module), module)
    generated = {cls: code for cls, module in first.items() if (code := _generated(module)) is not None}
    classes = dict.fromkeys(
        cls
        for module_class in first
        for cls in module_class.__mro__
        if issubclass(cls, nn.Module) and cls is not nn.Module
    )
    return tuple(generated.get(cls) or _read(cls) for cls in classes)


def _read(cls: type) -> Code:
    lines: list[str] = []
    first_line = 0
    for each in makers(cls):
        try:
            lines, first_line = inspect.getsourcelines(each)
        except (OSError, TypeError, SyntaxError, IndexError):
            continue
        break
    file = class_place(cls)[0] or getattr(sys.modules.get(cls.__module__), "__file__", None)
    return Code(
        class_path=class_path(cls),
        file=file or "<unknown>",
        first_line=first_line,
        lines=tuple(line.rstrip("\n") for line in lines),
    )


def _generated(module: nn.Module) -> Code | None:
    """The forward that `torch.fx` wrote, as a class; None for any other module."""
    fx = sys.modules.get("torch.fx.graph_module")
    if fx is None or not isinstance(module, fx.GraphModule):
        return None
    cls: Any = type(module)
    place = cls.forward.__code__
    body = module.code.rstrip().splitlines()[place.co_firstlineno - 1 :]
    return Code(
        class_path=class_path(cls),
        file=place.co_filename,
        # The lines of forward keep their numbers, by which steps are told.
        first_line=place.co_firstlineno - 1,
        lines=(
            "class GraphModule(torch.nn.Module):  # written by torch.fx",
            *(f"    {line}" for line in body),
        ),
    )
