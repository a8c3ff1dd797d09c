"""Operations on plain values, within bounds: arithmetic, comparisons, builtin functions and methods."""

from __future__ import annotations

import ast
import builtins
import math
import operator
from collections.abc import Callable
from typing import Any

from netinspect._utils.evaluation.settings import Settings
from netinspect._utils.evaluation.values import UNKNOWN, is_known, is_plain

LARGEST_NUMBER = 2**63
LONGEST = 4096
"""Most elements of a sequence, and most characters of a string, that an operation returns."""

_BINARY: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: operator.pow,
    ast.BitOr: operator.or_,
    ast.BitAnd: operator.and_,
    ast.LShift: operator.lshift,
    ast.RShift: operator.rshift,
}
_UNARY: dict[type[ast.unaryop], Callable[[Any], Any]] = {
    ast.USub: operator.neg,
    ast.UAdd: operator.pos,
    ast.Not: operator.not_,
    ast.Invert: operator.invert,
}
_COMPARISONS: dict[type[ast.cmpop], Callable[[Any, Any], Any]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.In: lambda one, two: one in two,
    ast.NotIn: lambda one, two: one not in two,
    ast.Is: operator.is_,
    ast.IsNot: operator.is_not,
}
_ERRORS = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError, RecursionError)

BUILTINS: dict[str, Callable[..., Any]] = {
    name: getattr(builtins, name)
    for name in [
        "abs",
        "all",
        "any",
        "bool",
        "dict",
        "divmod",
        "enumerate",
        "float",
        "int",
        "isinstance",
        "len",
        "list",
        "max",
        "min",
        "range",
        "repr",
        "reversed",
        "round",
        "set",
        "sorted",
        "str",
        "sum",
        "tuple",
        "type",
        "zip",
    ]
}
TYPES = {name: getattr(builtins, name) for name in ("bytes", "complex", "object", "frozenset")}

MATH: dict[str, Callable[..., Any]] = {
    name: getattr(math, name) for name in ("ceil", "floor", "sqrt", "log2", "log", "prod", "gcd", "exp")
}

_METHODS: dict[type, frozenset[str]] = {
    str: frozenset(
        [
            "split",
            "strip",
            "lstrip",
            "rstrip",
            "lower",
            "upper",
            "title",
            "replace",
            "startswith",
            "endswith",
            "join",
            "format",
            "partition",
            "rpartition",
            "removeprefix",
            "removesuffix",
            "isdigit",
            "capitalize",
        ]
    ),
    list: frozenset(["append", "extend", "insert", "index", "count", "copy", "pop", "reverse", "sort"]),
    dict: frozenset(["get", "items", "keys", "values", "update", "pop", "setdefault", "copy"]),
    tuple: frozenset(("index", "count")),
    set: frozenset(("add", "union", "update", "discard")),
    int: frozenset(("bit_length",)),
}
MUTATORS = frozenset(
    ["append", "extend", "insert", "pop", "reverse", "sort", "update", "setdefault", "add", "discard"]
)


def binary(kind: ast.operator, one: Any, two: Any) -> Any:
    """Return the result of a binary operation; `UNKNOWN` if it fails or exceeds the bounds."""
    if isinstance(kind, ast.BitOr) and isinstance(one, dict) and isinstance(two, dict):
        return type(one)({**one, **two})
    lists = [isinstance(each, (list, tuple)) for each in (one, two)]
    is_of_lists = isinstance(kind, (ast.Add, ast.Mult)) and (all(lists) or int in (type(one), type(two)))
    if not (is_plain(one) and is_plain(two)) and not (any(lists) and is_of_lists):
        return UNKNOWN
    if isinstance(kind, (ast.Pow, ast.LShift)) and not (_is_small(one, 2**16) and _is_small(two, 63)):
        return UNKNOWN
    if isinstance(kind, ast.Mult):
        for sequence, times in ((one, two), (two, one)):
            if isinstance(sequence, (str, bytes, list, tuple)) and (
                not isinstance(times, int) or len(sequence) * times > LONGEST
            ):
                return UNKNOWN
    if isinstance(kind, ast.Mod) and isinstance(one, (str, bytes)):
        return UNKNOWN  # a width in a format may be huge
    return _bounded(_BINARY.get(type(kind)), one, two)


def unary(kind: ast.unaryop, value: Any) -> Any:
    """Return the result of a unary operation."""
    if isinstance(kind, ast.Not):
        known = truth(value)
        return UNKNOWN if known is None else not known
    return _bounded(_UNARY[type(kind)], value) if is_plain(value) else UNKNOWN


def compare(kind: ast.cmpop, one: Any, two: Any) -> Any:
    """Return the result of a comparison."""
    if isinstance(kind, (ast.Is, ast.IsNot)) and (one is None or two is None):
        if UNKNOWN in (one, two):
            return UNKNOWN
        return (one is two) == isinstance(kind, ast.Is)
    if isinstance(kind, (ast.In, ast.NotIn)) and isinstance(two, dict) and is_plain(one):
        return _bounded(_COMPARISONS[type(kind)], one, two)
    are_types = isinstance(one, type) and isinstance(two, type)
    if not are_types and not (is_plain(one) and is_plain(two)):
        return UNKNOWN
    return _bounded(_COMPARISONS[type(kind)], one, two)


def truth(value: Any) -> bool | None:
    """Return the truth of a value; None if unknown."""
    if value is UNKNOWN:
        return None
    return bool(value) if is_plain(value) or isinstance(value, (dict, list, tuple)) else True


def subscript(value: Any, key: Any) -> Any:
    """Return an element or slice of a plain container."""
    if not isinstance(value, (str, list, tuple, dict)) or not (is_plain(key) or isinstance(key, slice)):
        return UNKNOWN
    return _bounded(operator.getitem, value, key)


def call_builtin(function: Callable[..., Any], args: list[Any], kwargs: dict[str, Any]) -> Any:
    """Return the result of a builtin function on known arguments.

    Iterators are returned as lists.
    """
    if function is len:
        whole = args and isinstance(args[0], (str, list, tuple, dict, set))
        return len(args[0]) if whole else UNKNOWN
    if function in (list, tuple, zip, enumerate, reversed, dict):
        # Elements may be unknown.
        if any(not isinstance(each, (str, list, tuple, dict, set, int)) for each in args):
            return UNKNOWN
    elif not all(is_known(each) for each in (*args, *kwargs.values())):
        return UNKNOWN
    elif function is type and len(args) == 1:
        return dict if isinstance(args[0], Settings) else type(args[0]) if is_plain(args[0]) else UNKNOWN
    elif function is isinstance:
        return _is_instance(*args) if len(args) == 2 else UNKNOWN
    elif not all(is_plain(each) for each in (*args, *kwargs.values())):
        return UNKNOWN
    if function is range and args and is_plain(args):
        return _bounded(lambda: list(range(*args)) if len(range(*args)) <= LONGEST else UNKNOWN)
    if function is dict:
        return _bounded(lambda: Settings(*args, **kwargs))
    result = _bounded(lambda: function(*args, **kwargs), checked=False)
    if isinstance(result, (zip, enumerate, reversed)):
        return _bounded(list, result)
    return _checked(result)


def _is_instance(value: Any, kinds: Any) -> Any:
    wanted = kinds if isinstance(kinds, tuple) else (kinds,)
    if not is_plain(value) or not all(isinstance(each, type) for each in wanted):
        return UNKNOWN
    return isinstance(value, wanted)


def has_method(value: Any, name: str) -> bool:
    """Return whether `call_method` knows a method of a plain value."""
    return any(isinstance(value, kind) and name in names for kind, names in _METHODS.items())


def call_method(value: Any, name: str, args: list[Any], kwargs: dict[str, Any]) -> Any:
    """Return the result of a method of a plain value, which may change it."""
    kind = next((each for each in _METHODS if isinstance(value, each)), None)
    if kind is None or name not in _METHODS[kind]:
        return UNKNOWN
    if kind is str and not (is_plain(args) and is_plain(kwargs)):
        return UNKNOWN
    if kind is str and name in ("format", "replace", "join"):
        if len(value) > LONGEST // 8 or (name == "format" and ":" in value):
            return UNKNOWN
        if sum(len(str(each)) for each in args) > LONGEST // 8:
            return UNKNOWN
    if isinstance(value, (list, dict, set)) and len(value) >= LONGEST:
        return UNKNOWN
    if kind is dict and name in ("items", "keys", "values"):
        return list(getattr(dict, name)(value))
    if kind is dict and name == "copy":
        return Settings(value)
    return _bounded(lambda: getattr(kind, name)(value, *args, **kwargs))


def _bounded(function: Callable[..., Any] | None, *args: Any, checked: bool = True) -> Any:
    if function is None:
        return UNKNOWN
    try:
        result = function(*args)
    except _ERRORS:
        return UNKNOWN
    return _checked(result) if checked else result


def _checked(result: Any) -> Any:
    """Return a result within the bounds, or `UNKNOWN`."""
    if isinstance(result, (int, float)) and not isinstance(result, bool):
        return result if abs(result) < LARGEST_NUMBER else UNKNOWN
    if isinstance(result, (str, bytes, list, tuple, set)):
        return result if len(result) <= LONGEST else UNKNOWN
    return result


def _is_small(value: Any, most: int) -> bool:
    return isinstance(value, (int, float)) and abs(value) <= most
