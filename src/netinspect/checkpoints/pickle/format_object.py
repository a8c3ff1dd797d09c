"""Short text of inert objects in the style of `repr`."""

from __future__ import annotations

from itertools import islice
from typing import Any

from netinspect.checkpoints.pickle.objects import Called, Key, Members, Named, Persistent, SkippedValue

_LONGEST = 200
_DEEPEST = 4
_MOST_ITEMS = 8
_MOST_BITS = 256

_TYPES = {
    Named: "a name",
    Called: "an object of a class",
    Persistent: "an object outside it",
    SkippedValue: "a long text or number",
    Members: "a set",
    type(None): "None",
}


def format_object(value: Any, longest: int = _LONGEST) -> str:
    """Format a value in about `longest` characters."""
    text = _format(value, _DEEPEST, longest)
    return text if len(text) <= longest else text[: longest - 1] + "…"


def format_arguments(arguments: tuple[Any, ...], keywords: Any = None) -> str:
    """Format the arguments of a call without parentheses."""
    # Each argument may take the whole length, so that a command is visible even if other arguments
    # precede it.
    parts = [_format(each, _DEEPEST, _LONGEST) for each in arguments[:_MOST_ITEMS]]
    if len(arguments) > _MOST_ITEMS:
        parts.append("…")
    if isinstance(keywords, dict):
        for key, each in islice(keywords.items(), _MOST_ITEMS):
            parts.append(f"{format_key(key)}={_format(each, _DEEPEST, _LONGEST)}")
    text = ", ".join(parts)
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"


def format_integer(value: int) -> str:
    """Format an integer; Python refuses to convert integers of thousands of digits."""
    bits = value.bit_length()
    return str(value) if bits <= _MOST_BITS else f"<an integer of {bits:,} bits>"


def _format(value: Any, depth: int, longest: int) -> str:
    kind = type(value)
    if isinstance(value, str | bytes):
        plain = value[:longest]  # a slice is plain `str` or `bytes`, whose `repr` is known
        return repr(plain) if len(value) <= longest else repr(plain)[:-1] + "…"
    if kind is int:
        return format_integer(value)
    if value is None or kind is bool or kind is float:
        return repr(value)
    if isinstance(value, Named):
        return value.path
    if isinstance(value, SkippedValue):
        return f"<{value.kind} of {value.size:,} bytes>"
    if depth == 0:
        return "…"
    return _format_container(value, depth - 1, longest)


def _format_container(value: Any, depth: int, longest: int) -> str:
    if isinstance(value, tuple):
        return f"({_join(value, depth, longest)}{',' * (len(value) == 1)})"
    if isinstance(value, list):
        return f"[{_join(value, depth, longest)}]"
    if isinstance(value, Members):
        return f"{value.kind}([{_join(value.values, depth, longest)}])"
    if isinstance(value, dict):
        return f"{{{_join(value, depth, longest)}}}"
    if isinstance(value, Persistent):
        return f"persistent({_format(value.key, depth, longest)})"
    if isinstance(value, Called):
        return f"{_format(value.callee, depth, longest)}({_join(value.arguments, depth, longest)})"
    return f"<{type(value).__name__}>"


def _join(values: Any, depth: int, longest: int) -> str:
    """Join the first items of a sequence, or the first entries of a dictionary."""
    parts: list[str] = []
    used = 0
    for each in islice(values, _MOST_ITEMS):
        if used > longest:
            break
        text = _format(each.value if isinstance(each, Key) else each, depth, longest)
        if isinstance(values, dict):
            text += f": {_format(values[each], depth, longest)}"
        parts.append(text)
        used += len(text)
    if len(parts) < len(values):
        parts.append("…")
    return ", ".join(parts)


def format_key(key: Any) -> str:
    """Format a key of a dict as a part of a name."""
    if type(key) is str:
        return key
    return (
        format_integer(key)
        if type(key) is int
        else format_object(key.value if type(key) is Key else key, 60)
    )


def format_type(value: Any) -> str:
    """Format the type of a value with its article: `an int`, `a name`, `None`."""
    name = _TYPES.get(type(value))
    if name is None:
        name = type(value).__name__
        name = f"an {name}" if name[0] in "aeiou" else f"a {name}"
    return name
