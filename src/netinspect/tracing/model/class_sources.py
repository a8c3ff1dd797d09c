"""Source code of the classes of a model, for display with shapes."""

from __future__ import annotations

import inspect
import linecache
import sys
from collections.abc import Iterable
from typing import Any

from torch import nn

from netinspect._utils.classes import ancestors, defining_module
from netinspect.records.trace import Code
from netinspect.tracing.definitions import (
    class_location,
    class_path,
    class_statements,
    classes_down_to_forward,
    first_method_line,
)
from netinspect.tracing.safe_access import is_a
from netinspect.tracing.source_lines import lines_of


def class_code(modules: Iterable[nn.Module]) -> tuple[Code, ...]:
    """Read the class statement of every distinct class among some modules, and of their bases.

    A class that torch made while the program ran has the source of what it was made from: that of the
    layer that was parametrized, or the code that `torch.fx` has written. One made otherwise, by `exec`
    or a compiler, has no lines.
    """
    # By address: a metaclass may define how classes hash.
    first: dict[int, nn.Module] = {}
    for module in modules:
        first.setdefault(id(type(module)), module)
    classes = {
        id(cls): cls
        for module in first.values()
        for cls in ancestors(type(module))
        if issubclass(cls, nn.Module) and cls is not nn.Module
    }
    generated = {key: code for key, module in first.items() if (code := _generated(module)) is not None}
    return tuple(generated.get(key) or _read(cls) for key, cls in classes.items())


def _read(cls: type) -> Code:
    lines: list[str] = []
    first_line = 0
    for each in classes_down_to_forward(cls):
        try:
            lines, first_line = _block(each) or inspect.getsourcelines(each)
        except (OSError, TypeError, ValueError, SyntaxError, IndexError, RecursionError):
            continue
        break
    file = class_location(cls)[0] or getattr(sys.modules.get(defining_module(cls)), "__file__", None)
    return Code(
        class_path=class_path(cls),
        file=file or "<unknown>",
        first_line=first_line,
        lines=tuple(line.rstrip("\n") for line in lines),
    )


def _block(cls: type) -> tuple[list[str], int] | None:
    """Find the statement of a class; None if it is ambiguous.

    `inspect` parses the whole file for each class, which for torch's own takes longer than forward.
    """
    file = getattr(sys.modules.get(defining_module(cls)), "__file__", None) or ""
    if not file.endswith(".py"):
        return None
    linecache.checkcache(file)
    lines = lines_of(file)
    numbers = class_statements(cls, lines)
    if len(numbers) != 1:
        return None
    first = numbers[0]
    above = [line.strip() for line in lines[max(0, first - 10) : first - 1]]
    code = [line for line in above if line and not line.startswith("#")]
    if code and (code[-1] is above[-1] or code[-1].startswith("@")):
        return None  # it may be a decorator, which belongs to it
    block = inspect.getblock(lines[first - 1 :])
    # It is not an example in a string if a method of the class is in it.
    return (block, first) if first < first_method_line(cls, file) < first + len(block) else None


def _generated(module: nn.Module) -> Code | None:
    """The forward that `torch.fx` wrote, as a class; None for any other module."""
    fx = sys.modules.get("torch.fx.graph_module")
    if fx is None or not is_a(module, fx.GraphModule):
        return None
    cls: Any = type(module)
    place = cls.forward.__code__
    body = module.code.rstrip().splitlines()[place.co_firstlineno - 1 :]
    return Code(
        class_path=class_path(cls),
        file=place.co_filename,
        # The lines of forward keep their numbers, which steps refer to.
        first_line=place.co_firstlineno - 1,
        lines=(
            "class GraphModule(torch.nn.Module):  # written by torch.fx",
            *(f"    {line}" for line in body),
        ),
    )
