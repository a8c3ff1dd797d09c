"""Packing of a page's data: repeated keys and texts once each. `unpack` in unpack.js reverses it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

MARK = "@"
"""First character of a reference to a text, followed by its number; a text that has it gets one more."""

_SHORTEST = 5
"""Minimum length of a text that a reference replaces."""


def pack(data: Mapping[str, Any]) -> dict[str, Any]:
    """Return data of a page with templates and costs as rows, and repeated texts as numbers.

    Args:
        data: The data, with a `picture` of `picture_data` or None.
    """
    found = dict(data)
    if found.get("picture"):
        found["picture"] = _pack_templates(found["picture"])
    counts = Counter(text for text in _texts(found) if len(text) >= _SHORTEST)
    often = [text for text, count in counts.most_common() if count > 1]
    numbers = {text: f"{MARK}{number}" for number, text in enumerate(often)}
    return {**_replaced(found, numbers), "texts": often}


def _pack_templates(picture: Mapping[str, Any]) -> dict[str, Any]:
    """Return a picture with a row for each template: its values, 0 for a missing one."""
    templates = picture["templates"]
    costs = _keys(each["cost"] for each in templates if "cost" in each)
    keys = _keys(templates)
    rows = [
        _row({**each, "cost": _row(each["cost"], costs)} if "cost" in each else each, keys)
        for each in templates
    ]
    return {**picture, "keys": keys, "cost_keys": costs, "templates": rows}


def _keys(records: Any) -> list[str]:
    """Return all keys of records, the most frequent first."""
    counts = Counter(key for each in records for key in each)
    return [key for key, _ in counts.most_common()]


def _row(found: Mapping[str, Any], keys: Sequence[str]) -> list[Any]:
    row = [found.get(key, 0) for key in keys]
    while row and row[-1] == 0:
        row.pop()
    return row


def _texts(data: Any) -> Iterator[str]:
    if isinstance(data, str):
        yield data
    elif isinstance(data, Mapping):
        for each in data.values():
            yield from _texts(each)
    elif isinstance(data, (list, tuple)):
        for each in data:
            yield from _texts(each)


def _replaced(data: Any, numbers: Mapping[str, str]) -> Any:
    if isinstance(data, str):
        return numbers.get(data) or (MARK + data if data.startswith(MARK) else data)
    if isinstance(data, Mapping):
        return {key: _replaced(value, numbers) for key, value in data.items()}
    if isinstance(data, (list, tuple)):
        return [_replaced(each, numbers) for each in data]
    return data
