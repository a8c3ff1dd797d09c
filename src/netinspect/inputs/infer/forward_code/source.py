"""Syntax trees of functions."""

from __future__ import annotations

import ast
import functools
import inspect
import textwrap
import types
from typing import Any

from netinspect._utils.classes import ancestors, namespace_of
from netinspect.tracing.source_lines import lines_of

_MOST_LINES = 1_000
_MOST_WRAPPERS = 8


@functools.lru_cache(maxsize=512)
def _parsed(code: types.CodeType) -> ast.FunctionDef | None:
    lines = lines_of(code.co_filename)[code.co_firstlineno - 1 :][:_MOST_LINES]
    try:
        tree = ast.parse(textwrap.dedent("".join(inspect.getblock(lines))))
    except (SyntaxError, ValueError, IndexError, RecursionError, MemoryError):
        return None
    found = tree.body[0] if tree.body else None
    # A file that changed after its import has something else in these lines.
    matches = isinstance(found, ast.FunctionDef) and found.name == code.co_name
    return found if matches and isinstance(found, ast.FunctionDef) else None


def definition_of(function: types.FunctionType) -> ast.FunctionDef | None:
    """Return the syntax tree of a function; None if its source cannot be read."""
    return _parsed(function.__code__)


def unwrapped(function: Any) -> types.FunctionType | None:
    """Return the function below decorators that keep it; None if it is not a Python function."""
    for _ in range(_MOST_WRAPPERS):
        if type(function) in (staticmethod, classmethod):
            function = function.__func__
        if type(function) is not types.FunctionType:
            return None
        inner = vars(function).get("__wrapped__")
        if inner is None:
            return function
        function = inner
    return None


def method_of(cls: type, name: str, after: type | None = None) -> tuple[Any, type] | None:
    """Return the stored method of a class, and the class that defines it; None without one.

    Args:
        cls: The class.
        name: The method.
        after: A class; only those after it in method resolution order count, as for `super()`.
    """
    classes = ancestors(cls)
    if after is not None:
        position = next((index for index, each in enumerate(classes) if each is after), None)
        if position is None:
            return None
        classes = classes[position + 1 :]
    for each in classes:
        namespace = namespace_of(each)
        if name in namespace:
            return namespace[name], each
    return None
