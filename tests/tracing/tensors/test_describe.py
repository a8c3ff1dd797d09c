"""Tests of records that are created once and reused for identical values."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

import netinspect
from netinspect.records.values import Literal, Structure, TensorSpec
from netinspect.tracing.tensors.describe import describe, describe_call


@pytest.mark.parametrize(
    "equal_values",
    [
        (0, False, 0.0, -0.0, 0j),
        (1, True, 1.0, 1 + 0j),
        ((1, 1), (True, 1), (1.0, 1), [1, 1], torch.Size((1, 1))),
        ((), [], torch.Size(())),
        ("a", b"a"),
        ("a" * 100, "a" * 101),
        (None, ...),
    ],
    ids=str,
)
def test_equal_values_of_other_types_differ(equal_values: tuple[Any, ...]) -> None:
    for _ in range(2):  # newly created, then reused
        for value in equal_values:
            text = repr(tuple(value) if isinstance(value, torch.Size) else value)
            text = text if len(text) <= 60 else text[:57] + "..."
            assert describe(value) == Literal(type=type(value).__name__, text=text)


def test_calls_with_other_names_differ() -> None:
    for _ in range(2):
        found = [
            describe_call((1, 2), {}),
            describe_call((1,), {"b": 2}),
            describe_call((), {"a": 1, "b": 2}),
            describe_call((2, 1), {}),
        ]
        assert [[item.key for item in call.items] for call in found] == [
            ["0", "1"], ["0", "b"], ["a", "b"], ["0", "1"],
        ]  # fmt: skip
        assert found[0] != found[3]


def test_calls_with_new_shapes_have_own_records() -> None:
    for rows in range(1, 6):
        call = describe_call((torch.empty(rows, 2), [torch.empty(rows)]), {})
        first, second = (item.value for item in call.items)
        assert isinstance(first, TensorSpec)
        assert first.shape == (rows, 2)
        assert isinstance(second, Structure)
        assert second.items[0].value == describe(torch.empty(rows))


class Outside(nn.Module):
    """Module with unregistered running statistics."""

    def __init__(self, function: Any, *, weights_first: bool, update: bool) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(3))
        self.running = [torch.zeros(3), torch.ones(3)]
        self.function, self.weights_first, self.update = function, weights_first, update

    def forward(self, x: Tensor) -> Tensor:
        weights = [self.weight, None]
        given = [*weights, *self.running] if self.weights_first else [*self.running, *weights]
        rest = (1e-5, False) if self.weights_first else (1e-5,)
        return self.function(x, *given, self.update, 0.5, *rest)


@pytest.mark.parametrize("update", [True, False])
@pytest.mark.parametrize(
    ("function", "weights_first"),
    [
        (nn.functional.batch_norm, False),
        (nn.functional.instance_norm, False),
        (torch.batch_norm, True),
        (torch.instance_norm, True),
    ],
)
def test_functional_running_statistics_are_restored(
    function: Any, weights_first: bool, update: bool
) -> None:
    model = Outside(function, weights_first=weights_first, update=update)
    x = torch.randn(4, 3, 5)
    trace = netinspect.capture(model, x)
    assert trace.failure is None
    assert trace.warnings == ()
    assert torch.equal(model.running[0], torch.zeros(3))
    assert torch.equal(model.running[1], torch.ones(3))
    model(x)
    assert torch.equal(model.running[0], torch.zeros(3)) is not update


class Views(nn.Module):
    """Module that writes through views, before and after the read tensor was created."""

    def forward(self, x: Tensor) -> Tensor:
        first = x + 1
        part = first[0]
        second = first * 2
        part.add_(1)
        return first + second


def test_later_write_is_a_producer() -> None:
    steps = netinspect.capture(Views(), torch.ones(2, 2)).steps
    found = [sorted(steps[index].name for index in step.producers) for step in steps]
    assert dict(zip((step.name for step in steps), found, strict=True))["mul"] == ["add"]
    assert found[-1] == ["add", "add_", "mul"]
