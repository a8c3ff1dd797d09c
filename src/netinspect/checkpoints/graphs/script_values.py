"""Values that names of TorchScript code stand for, without their contents."""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from netinspect.checkpoints.graphs.collector import GraphTooLarge
from netinspect.checkpoints.graphs.script_code import ScriptClass, short_text

_MOST_ITEMS = 2000
"""Largest number of items of a container, those of containers in it included."""


@dataclass(frozen=True)
class Ref:
    """A value of the graph."""

    name: str
    kind: str
    producer: int | None = None


@dataclass(frozen=True)
class Text:
    """A constant."""

    text: str


@dataclass(frozen=True)
class Items:
    """A tuple, list or dictionary whose items are known."""

    items: tuple[Value, ...]
    size: int
    """Number of all values in it."""


@dataclass(frozen=True)
class ModuleValue:
    """The model or one of its submodules."""

    path: str
    kind: ScriptClass


@dataclass(frozen=True)
class FunctionValue:
    """A function of the code, or an operator of torch, by its full name."""

    name: str


Value = Ref | Text | Items | ModuleValue | FunctionValue
NONE, TRUE, FALSE = Text("None"), Text("True"), Text("False")


def bind(
    function: ast.FunctionDef,
    owner: ModuleValue | None,
    positional: Sequence[Value],
    keywords: dict[str, Value],
) -> dict[str, Value]:
    """Return the values of the arguments of a function by name; those of defaults are constants."""
    arguments = [each.arg for each in function.args.args]
    names: dict[str, Value] = dict.fromkeys(arguments, NONE)
    defaults = function.args.defaults
    for name, default in zip(arguments[len(arguments) - len(defaults) :], defaults, strict=False):
        names[name] = Text(short_text(default))
    if owner is not None and arguments:
        names[arguments[0]] = owner
        arguments = arguments[1:]
    names.update(zip(arguments, positional, strict=False))
    names.update((name, value) for name, value in keywords.items() if name in names)
    return names


def refs_in(value: Value) -> list[Ref]:
    """Return the values of the graph in a value, each once."""
    found: dict[Ref, None] = {}
    waiting = [value]
    for each in waiting:
        if isinstance(each, Ref):
            found.setdefault(each)
        elif isinstance(each, Items):
            waiting += each.items
    return list(found)


def container(items: Sequence[Value]) -> Items:
    """Return a container, whose number of values cannot double without end."""
    size = 1 + sum(each.size if isinstance(each, Items) else 1 for each in items)
    if size > _MOST_ITEMS:
        raise GraphTooLarge(f"a value contains more than {_MOST_ITEMS:,} others")
    return Items(tuple(items), size)


_COMPARED: dict[str, Callable[[Any, Any], Any]] = {
    "torch.__is__": operator.is_,
    "torch.__isnot__": operator.is_not,
    "torch.eq": operator.eq,
    "torch.ne": operator.ne,
    "torch.lt": operator.lt,
    "torch.le": operator.le,
    "torch.gt": operator.gt,
    "torch.ge": operator.ge,
}


def folded(name: str, values: Sequence[Value]) -> Text | None:
    """Return the result of a check of constants, which code of torch has many of; None for others.

    Args:
        name: Full name of the operator.
        values: Its arguments.
    """
    if name == "torch.__not__" and len(values) == 1 and values[0] in (TRUE, FALSE):
        return FALSE if values[0] == TRUE else TRUE
    compare = _COMPARED.get(name)
    if compare is None or len(values) != 2:
        return None
    one, two = values
    if two == NONE and name in ("torch.__is__", "torch.__isnot__"):
        if isinstance(one, Items) or (isinstance(one, Ref) and one.kind == "parameter"):
            return FALSE if name == "torch.__is__" else TRUE
        if isinstance(one, Text):
            return TRUE if (one == NONE) == (name == "torch.__is__") else FALSE
        return None
    if not isinstance(one, Text) or not isinstance(two, Text) or len(one.text + two.text) > 100:
        return None
    try:
        return TRUE if compare(ast.literal_eval(one.text), ast.literal_eval(two.text)) else FALSE
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return None


def text_of(value: Value) -> str:
    """Return a value as the text of an attribute."""
    if isinstance(value, Text):
        return value.text
    if isinstance(value, Items):
        return f"[{', '.join(text_of(each) for each in value.items[:16])}]"[:200]
    if isinstance(value, (ModuleValue, FunctionValue)):
        return value.path if isinstance(value, ModuleValue) else value.name
    return value.name


def assigned_names(statements: Sequence[ast.stmt]) -> list[str]:
    """Return the names that statements assign, each once."""
    found: dict[str, None] = {}
    for statement in statements:
        for each in ast.walk(statement):
            if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Store):
                found.setdefault(each.id)
    return list(found)
