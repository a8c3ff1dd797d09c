"""Tests of the errors for arguments of a wrong kind, which are the same in all functions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import FrozenInstanceError
from typing import Any

import pytest
from torch import nn

import netinspect

LINEAR = nn.Linear(2, 1)


@pytest.mark.parametrize(
    ("function", "options", "message"),
    [
        (netinspect.summary, {"kwargs": "a"}, "expected a dictionary of arguments as kwargs, got 'a'"),
        (netinspect.load, {"kwargs": [1]}, "expected a dictionary of arguments as kwargs, got list"),
        (netinspect.memory, {"kwargs": {1: 2}}, "expected names of arguments as keys as kwargs, got 1"),
        (netinspect.tree, {"model_args": 3}, "expected a dictionary of arguments as model_args, got 3"),
        (netinspect.summary, {"columns": [1]}, "expected text or several texts as columns, got 1"),
        (netinspect.params, {"columns": 3}, "expected text or several texts as columns, got 3"),
        (netinspect.cost, {"columns": []}, "expected at least one column in columns"),
        (netinspect.cost, {"columns": ""}, "expected at least one column in columns"),
        (netinspect.summary, {"sort": 1}, "expected text as sort, got 1"),
        (netinspect.cost, {"by": None}, "expected text as by, got NoneType"),
        (netinspect.summary, {"depth": "3"}, "expected a whole number as depth, got '3'"),
        (netinspect.tree, {"depth": 2.5}, "expected a whole number as depth, got 2.5"),
        (netinspect.summary, {"include": 3}, "expected text or several texts as include, got 3"),
        (netinspect.params, {"exclude": [nn]}, "expected text or several texts as exclude, got module"),
        (netinspect.load, {"seed": "x"}, "expected a whole number as seed, got 'x'"),
        (netinspect.load, {"inputs": 3}, "expected text or several texts as inputs, got 3"),
        (netinspect.memory, {"optimizer": 3}, "expected text as optimizer, got 3"),
    ],
)
def test_arguments_of_a_wrong_kind(
    function: Callable[..., Any], options: dict[str, Any], message: str
) -> None:
    with pytest.raises(netinspect.UsageError) as raised:
        function(LINEAR, **options)
    assert raised.value.message == message
    (name,) = options
    assert f"write it like {name}=" in (raised.value.hint or "")


def test_include_takes_a_text_or_any_collection() -> None:
    net = nn.Sequential(LINEAR, nn.Linear(1, 1))
    views: list[str] = []
    given: tuple[Any, ...] = ("0.*", ["0.*"], {"0.*"}, iter(["0.*"]))
    for include in given:
        views.append(str(netinspect.params(net, include=include)))
    assert len(set(views)) == 1
    assert "0.weight" in views[0]
    assert "1.weight" not in views[0]


def test_include_that_only_the_model_itself_fails() -> None:
    with pytest.raises(netinspect.UsageError, match="the only row is the model itself"):
        netinspect.summary(LINEAR, include=["["])


@pytest.mark.parametrize("name", ["total_params", "record", "bogus"])
def test_view_is_frozen(name: str) -> None:
    for view in (netinspect.summary(LINEAR), netinspect.tree(LINEAR)):
        with pytest.raises(FrozenInstanceError, match=name):
            setattr(view, name, 3)


def test_trace_with_a_device() -> None:
    with pytest.raises(netinspect.UsageError, match="on other inputs or devices"):
        netinspect.summary(netinspect.load(LINEAR), device="cpu")
