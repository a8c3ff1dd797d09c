"""Tests of trace requests and targets."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from netinspect.records.codec import from_data, to_data
from netinspect.records.request import Target, TraceRequest, format_model_args

LITERALS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.binary() | st.floats(allow_nan=False),
    lambda inner: st.lists(inner) | st.tuples(inner, inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


@given(st.dictionaries(st.text(min_size=1), LITERALS))
def test_format_model_args_round_trip(arguments: dict[str, Any]) -> None:
    text = format_model_args(arguments)
    if text is None:  # only infinite floats have no literal
        assert "inf" in repr(arguments)
        return
    request = TraceRequest(model_args=text)
    assert list(request.arguments().items()) == list(arguments.items())
    assert from_data(TraceRequest, to_data(request)) == request


@pytest.mark.parametrize("value", [nn.GELU, math.inf, [nn.GELU], {"a": print}, frozenset((1,))])
def test_format_model_args_without_literal(value: Any) -> None:
    assert format_model_args({"width": 3, "value": value}) is None


def test_format_model_args_of_subclass() -> None:
    class Width(int):
        pass

    assert format_model_args({"width": Width(3)}) is None


@pytest.mark.parametrize(
    ("kind", "expected"), [("checkpoint", True), ("hub", True), ("saved", False), ("file", False)]
)
def test_target_is_checkpoint(kind: Any, expected: bool) -> None:
    assert Target(text="x", kind=kind, place="x").is_checkpoint is expected
