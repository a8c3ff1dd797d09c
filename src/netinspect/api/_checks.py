"""Checks of the arguments of public functions by their annotations."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from functools import wraps
from operator import index
from typing import Any, ParamSpec, TypeVar

from netinspect._utils.classes import is_target, plain_name
from netinspect.errors import UsageError

P = ParamSpec("P")
R = TypeVar("R")

_EXAMPLES = {
    "kwargs": "{'mask': mask}",
    "model_args": "{'num_classes': 10}",
    "columns": "['path', 'params']",
    "include": "['layer1.*']",
    "exclude": "['*.bias']",
    "inputs": "'1x3x224x224'",
    "input_files": "'x=image.npy'",
    "symbolic": "'batch'",
    "sort": "'params'",
    "dtype": "'bf16'",
}


def checks_arguments(function: Callable[P, R]) -> Callable[P, R]:
    """Return a function that checks its keyword arguments by `checked`."""
    kinds = {name: str(each.annotation) for name, each in inspect.signature(function).parameters.items()}

    @wraps(function)
    def call(*args: P.args, **given: P.kwargs) -> R:
        for name, value in given.items():
            if name in kinds:
                given[name] = checked(name, value, kinds[name])
        return function(*args, **given)

    return call


def checked(name: str, value: Any, kind: str) -> Any:
    """Return the value of an argument; texts as a tuple, and a whole number of any class as an int.

    Args:
        name: Name of the argument.
        value: Its value.
        kind: Its annotation.

    Raises:
        UsageError: The value is not of this kind.
    """
    if value is None and "None" in kind:
        return None
    if kind.startswith(("Sequence[str]", "str | Sequence[str]")):
        return () if value is None else texts(name, value)
    if kind in ("int", "int | None"):
        try:
            return index(value)
        except TypeError:
            raise _wrong(name, "a whole number", value) from None
    if kind in ("str", "str | None") and not isinstance(value, str):
        # A file and a function in it may be a path.
        if name == "inputs_from" and is_target(value):
            return value
        raise _wrong(name, "text", value)
    if kind.startswith("Mapping[str, Any]"):
        return _names(name, value)
    return value


def texts(name: str, value: Any) -> tuple[str, ...]:
    """Return one text, or several, as a tuple.

    Raises:
        UsageError: The value is something else.
    """
    if isinstance(value, str):
        return (value,)
    found = tuple(value) if isinstance(value, Iterable) else None
    if found is None:
        raise _wrong(name, "text or several texts", value)
    if wrong := [each for each in found if not isinstance(each, str) and not is_target(each)]:
        raise _wrong(name, "text or several texts", wrong[0])
    return tuple(str(each) for each in found)


def _names(name: str, value: Any) -> Any:
    if not isinstance(value, Mapping):
        raise _wrong(name, "a dictionary of arguments", value)
    if wrong := [each for each in value if not isinstance(each, str)]:
        raise _wrong(name, "names of arguments as keys", wrong[0])
    return value


def _wrong(name: str, expected: str, value: object) -> UsageError:
    plain = isinstance(value, (str, bytes, bool, int, float, complex))
    got = repr(value) if plain else plain_name(type(value))
    example = _EXAMPLES.get(name, "2" if expected == "a whole number" else "'...'")
    return UsageError(
        f"expected {expected} as {name}, got {got}", hint=f"write it like {name}={example}"
    )
