"""Tests of the warning on tensors that require gradients and are not parameters."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

import netinspect
from netinspect.api import load
from netinspect.records.report_header import Totals
from netinspect.records.tensors import Unregistered


class Hidden(nn.Module):
    """Module with weights in a list, a dictionary and an attribute, and with other tensors."""

    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(4, 3, bias=False)
        self.extra = [nn.Parameter(torch.randn(4, 3))]
        self.scales = {"out": torch.ones(3, requires_grad=True), 7: (self.extra[0], torch.ones(1))}
        self.tied = self.fc.weight
        self.constant = torch.ones(5)
        self.computed = self.fc.weight * 2
        self.inner = nn.ModuleDict({"a": Leaf()})
        self.teacher = [nn.Linear(2, 2)]

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = (self.fc(x) + x @ self.extra[0]) * self.scales["out"]
        return out


class Leaf(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.gain = torch.ones(2, requires_grad=True)

    def __getattr__(self, name: str) -> Any:
        raise AssertionError(name)


def test_unregistered_tensors_are_named() -> None:
    found = load(Hidden(), run=False).unregistered
    assert [(each.name, each.spec.shape) for each in found] == [
        ("extra.0", (4, 3)),
        ("scales.out", (3,)),
        ("inner.a.gain", (2,)),
    ]
    assert all(type(each) is Unregistered for each in found)


def test_unregistered_tensors_are_noted_and_not_summed() -> None:
    note = (
        "note: 3 unregistered tensors with requires_grad: extra.0, scales.out, inner.a.gain "
        "(17 values); not in model.parameters() or state_dict()"
    )
    for view in (netinspect.params(Hidden()), netinspect.summary(Hidden(), torch.ones(2, 4))):
        assert note in view.text("plain", width=300) + view.text(width=300)
        assert isinstance(view.record.totals, Totals)
        assert view.record.totals.parameters == 12


def test_torch_layers_have_no_unregistered_tensors() -> None:
    normed = nn.utils.parametrizations.weight_norm(nn.Linear(3, 3))
    for model in (nn.LSTM(3, 4), nn.MultiheadAttention(4, 2), normed):
        assert load(model, run=False).unregistered == ()
