"""Arguments of `forward`: live values, each with its record."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from netinspect.records.base import record
from netinspect.records.trace import Input
from netinspect.tracing.safe_access import is_a, items_of

_MAXIMUM_DEPTH = 8
"""Maximum depth of nested dictionaries; a dictionary may contain itself."""


@record
class Argument:
    """Argument of a call."""

    keyword: str | None
    """Keyword of the argument; None if it is positional."""

    value: Any
    record: Input


def split(arguments: Sequence[Argument]) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Return positional and keyword arguments as a call takes them."""
    args = tuple(argument.value for argument in arguments if argument.keyword is None)
    kwargs = {argument.keyword: argument.value for argument in arguments if argument.keyword is not None}
    return args, kwargs


def named_leaves(
    values: Mapping[str, Any], prefix: str = "", _depth: int = 0
) -> Iterator[tuple[str, Any]]:
    """Yield the values of nested dictionaries under dotted names, as `batch.ids`."""
    for name, value in items_of(values):
        if _depth < _MAXIMUM_DEPTH and is_a(value, dict) and _has_names(value):
            yield from named_leaves(value, f"{prefix}{name}.", _depth + 1)
        else:
            yield f"{prefix}{name}", value


def _has_names(value: Any) -> bool:
    keys = [key for key, _ in items_of(value)]
    return bool(keys) and all(is_a(key, str) for key in keys)
