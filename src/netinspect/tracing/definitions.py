"""Definitions of classes and callables: their qualified names, files and lines."""

from __future__ import annotations

import functools
import sys
import types
from collections.abc import Sequence
from typing import Any

from netinspect._utils.classes import (
    ancestors,
    defining_module,
    namespace_of,
    plain_name,
    qualified_name,
)
from netinspect.tracing.safe_access import attribute, by_class, class_attribute, is_a
from netinspect.tracing.source_lines import lines_of

_MAXIMUM_WRAPPERS = 64
_BOUND = (types.MethodType, staticmethod, classmethod)
_IN_C = (types.BuiltinFunctionType, types.MethodDescriptorType, types.WrapperDescriptorType)


def is_library(cls: type) -> bool:
    """Return whether torch itself defines a class."""
    return f"{defining_module(cls)}.".startswith("torch.")


@by_class
def runs_torchs_forward(cls: Any) -> bool:
    """Return whether instances run torch's forward, as a user's subclass of Sequential does."""
    # Read statically, because TorchScript classes resolve attributes only on instances.
    forward = class_attribute(cls, "forward")
    if type(forward) is types.FunctionType:
        return str(forward.__module__).startswith("torch.")
    return False


@by_class
def class_path(cls: Any) -> str:
    """Return the qualified name of a class; for a `torch.fx` class, that of its generated code."""
    # All torch.fx classes have one name; the file name of the generated code has a distinct number.
    if (code := _generated_forward(cls)) is not None:
        return f"torch.fx.GraphModule {code.co_filename.partition(' from ')[0]}"
    return f"{defining_module(cls)}.{qualified_name(cls)}"


def _generated_forward(cls: Any) -> types.CodeType | None:
    """Return the forward that `torch.fx` generated for a class; None for any other class."""
    if defining_module(cls) != "torch.fx.graph_module":
        return None
    code: types.CodeType | None = getattr(namespace_of(cls).get("forward"), "__code__", None)
    return code


def class_location(cls: type) -> tuple[str | None, int | None]:
    """Return file and line of a class statement.

    A class created at run time, such as that of a parametrized layer, has no statement. The result is
    then the statement of the class whose `forward` it runs.
    """
    if (generated := _generated_forward(cls)) is not None:
        return generated.co_filename, generated.co_firstlineno
    places = list(map(_own_location, classes_down_to_forward(cls)))
    return next((place for place in places if place[1] is not None), places[0])


def classes_down_to_forward(cls: type) -> list[type]:
    """Return a class and its bases, up to the one that defines its `forward`."""
    classes = [each for each in ancestors(cls) if each is not object]
    defining = [index for index, each in enumerate(classes) if "forward" in namespace_of(each)]
    return classes[: defining[0] + 1] if defining else [cls]


def _own_location(cls: type) -> tuple[str | None, int | None]:
    """Return file and line of the statement of one class.

    `inspect.getsourcelines` parses the whole file each time; this search is a thousand times faster.
    """
    module = sys.modules.get(defining_module(cls))
    file = getattr(module, "__file__", None)
    if file is None:
        # Only functions have the file name of a notebook cell.
        file = getattr(getattr(namespace_of(cls).get("forward"), "__code__", None), "co_filename", None)
    if file is None or file.endswith((".so", ".pyd")):
        return None, None
    numbers = class_statements(cls, lines_of(file))
    above = [number for number in numbers if number <= first_method_line(cls, file)]
    # If a file defines a name several times, the class is the last one above its first method.
    return file, above[-1] if above else next(iter(numbers), None)


def class_statements(cls: type, lines: Sequence[str]) -> list[int]:
    """Return the line numbers at which classes of this name are defined in a file."""
    name = plain_name(cls)
    return [
        number for number, line in enumerate(lines, start=1) if "class" in line and _begins(line, name)
    ]


def _begins(line: str, name: str) -> bool:
    """Return whether a line begins the definition of a class of this name."""
    words = line.split(None, 1)
    if len(words) < 2 or words[0] != "class" or not words[1].startswith(name):
        return False
    return words[1][len(name) :].lstrip().startswith(("[", "(", ":"))


def first_method_line(cls: type, file: str) -> int:
    """Return the first line of the first function of a class; larger than any line if it has none."""
    return min(
        (
            value.__code__.co_firstlineno
            for value in namespace_of(cls).values()
            if isinstance(value, types.FunctionType)
            and value.__code__.co_filename == file
            and value.__qualname__.startswith(f"{qualified_name(cls)}.")
        ),
        default=sys.maxsize,
    )


def callable_location(function: Any) -> tuple[str, str | None, int | None]:
    """Return qualified name, file and line of a callable."""
    target = function
    for _ in range(_MAXIMUM_WRAPPERS):
        inner = attribute(target, "__wrapped__")
        if inner is None and is_a(target, functools.partial):
            inner = functools.partial.func.__get__(target)
        if inner is None:
            break
        target = inner
    cls: Any = type(target)
    bound = target.__func__ if cls in _BOUND else target
    # Only for Python's own kinds of callables; others may run code when an attribute is read.
    if type(bound) is types.FunctionType:
        code: Any = bound.__code__
        return bound.__qualname__, code.co_filename, code.co_firstlineno
    if is_a(bound, type) or cls in _IN_C:
        return qualified_name(bound) if is_a(bound, type) else str(bound.__qualname__), None, None
    called = class_attribute(type(bound), "__call__")
    if type(called) is not types.FunctionType:
        return qualified_name(cls), None, None
    return qualified_name(cls), called.__code__.co_filename, called.__code__.co_firstlineno
