"""Hypothesis strategies for records, derived from type hints like the codec."""

from __future__ import annotations

import functools
import math
import types
import typing
from typing import Any

from hypothesis import strategies as st

from netinspect.records.base import Number, field_names, fields, is_record
from netinspect.records.trace import Trace
from netinspect.reports.report_types import report_types

# File names that are not UTF-8 reach Python as lone low surrogates.
TEXT = st.text(st.characters(codec="utf-8") | st.integers(0xDC80, 0xDCFF).map(chr), max_size=8)
_SCALARS: dict[Any, st.SearchStrategy[Any]] = {
    str: TEXT,
    int: st.integers(),
    bool: st.booleans(),
    Number: st.floats(),
    type(None): st.none(),
}


def record_types() -> list[type]:
    """Return every record class that a trace or a report contains, in order of name."""
    found: dict[str, type] = {}

    def visit(hint: Any) -> None:
        if is_record(hint):
            if found.get(hint.__name__) is hint:
                return
            # Schemas and errors refer to records by class name alone.
            assert hint.__name__ not in found, f"two records are called {hint.__name__}"
            found[hint.__name__] = hint
            for field_hint in field_types(hint).values():
                visit(field_hint)
        for member in typing.get_args(hint):
            visit(member)

    for root in (Trace, *report_types()):
        visit(root)
    return [found[name] for name in sorted(found)]


def field_types(cls: Any) -> dict[str, Any]:
    """Return the types of a record's fields, by name."""
    return {field.name: field.type for field in fields(cls)}


@functools.cache
def strategy_for(hint: Any, depth: int = 3) -> st.SearchStrategy[Any]:
    """Return a strategy for a type; tuples nest at most `depth` levels, as records may be recursive."""
    if hint in _SCALARS:
        return _SCALARS[hint]
    origin, members = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        return st.one_of([strategy_for(member, depth) for member in members])
    if origin is typing.Literal:
        return st.sampled_from(members)
    if origin is tuple and members[-1] is not Ellipsis:
        return st.tuples(*(strategy_for(member, depth) for member in members))
    if origin is tuple:
        if depth == 0:
            return st.just(())
        return st.lists(strategy_for(members[0], depth - 1), max_size=2).map(tuple)
    assert is_record(hint), hint
    build: Any = hint
    return st.builds(
        build, **{name: strategy_for(each, depth) for name, each in field_types(hint).items()}
    )


def equal_records(one: Any, other: Any) -> bool:
    """Return whether two values are equal with the same types; NaN equals itself."""
    if type(one) is not type(other):
        return False
    if isinstance(one, float):
        return one == other or (math.isnan(one) and math.isnan(other))
    if isinstance(one, tuple):
        return len(one) == len(other) and all(map(equal_records, one, other))
    if is_record(type(one)):
        return all(
            equal_records(getattr(one, name), getattr(other, name)) for name in field_names(type(one))
        )
    return bool(one == other)
