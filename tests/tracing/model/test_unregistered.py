"""Tests of the records of unregistered modules and tensors, and of the notes on them."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

import netinspect
from netinspect.api import load
from netinspect.records.codec import from_data, to_data
from netinspect.records.report_header import Totals
from netinspect.records.tensors import Unregistered
from netinspect.records.trace import Trace
from tests.nets.case import capture_trace


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


class Held:
    """Plain object with a layer and a reference to itself."""

    def __init__(self) -> None:
        self.net = nn.Linear(3, 3)
        self.back = self


class Blocks(nn.Module):
    """Module with layers in containers and in a plain object."""

    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(3, 3)
        self.blocks = [nn.Sequential(nn.Linear(3, 3), nn.ReLU()) for _ in range(2)]
        self.heads = {"aux": nn.Linear(3, 2), "known": self.fc, "relu": nn.ReLU()}
        self.held = Held()
        self.unordered = {nn.Linear(1, 1)}
        inner: Any = nn.Identity()
        inner.copies = (self.blocks[0][0], nn.Linear(3, 1, bias=False))
        inner.lazy = [nn.LazyLinear(2)]
        self.inner = nn.ModuleList([inner])

    def forward(self, x: Tensor) -> Tensor:
        for _ in range(2):
            x = self.blocks[0][0](x) + self.blocks[1](x) + self.held.net(x)
            nn.Bilinear(3, 3, 1)(x, x)
        self.made = [nn.Linear(3, 4)]
        out: Tensor = self.fc(self.heads["relu"](x)) + self.made[0](x).sum()
        return out


def test_unregistered_tensors_are_named() -> None:
    found = load(Hidden(), run=False).unregistered
    assert [(each.kind, each.class_name, each.name, each.elements) for each in found] == [
        ("tensor", "Parameter", "extra.0", 12),
        ("tensor", "Tensor", "scales.out", 3),
        ("module", "Linear", "teacher.0", 6),
        ("tensor", "Tensor", "inner.a.gain", 2),
    ]
    assert [(each.holder, each.attribute) for each in found[2:]] == [
        ("", "teacher.0"),
        ("inner.a", "gain"),
    ]


def test_unregistered_modules_are_recorded() -> None:
    expected = [
        ("Sequential", "", "blocks.0", 12),
        ("Sequential", "", "blocks.1", 12),
        ("Linear", "", "heads.aux", 8),
        ("Linear", "", "held.net", 12),
        ("Linear", "", "unordered", 2),
        ("Linear", "inner.0", "copies.1", 3),
        ("LazyLinear", "inner.0", "lazy.0", 0),
    ]
    found = load(Blocks(), run=False).unregistered
    assert [_facts(each) for each in found] == expected
    assert not any(each.called for each in found)
    trace = capture_trace(Blocks(), torch.ones(2, 3))
    assert [_facts(each) for each in trace.unregistered] == [
        *expected[:5],
        ("Linear", "", "made.0", 16),
        *expected[5:],
        ("Bilinear", None, "", 10),
    ]
    called = [each.name for each in trace.unregistered if each.called]
    assert called == ["blocks.0", "blocks.1", "held.net", "made.0", ""]
    assert from_data(Trace, to_data(trace)).unregistered == trace.unregistered


def test_unregistered_modules_are_noted_if_called() -> None:
    text = netinspect.summary(Blocks(), torch.ones(2, 3)).text(width=300)
    assert "4 modules were called but are not registered (blocks.0 Sequential, blocks.1 Seq" in text
    assert "called" not in netinspect.params(Blocks()).text(width=300)


class Unordered(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layers = {nn.Linear(3, 3), nn.Linear(3, 3)}

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.layers:
            x = layer(x)
        return x


def test_unregistered_modules_in_a_set_are_all_counted() -> None:
    text = netinspect.summary(Unordered(), torch.ones(2, 3)).text(width=300)
    assert "2 Linear modules were called but are not registered (layers, layers): model." in text


def _facts(each: Unregistered) -> tuple[str, str | None, str, int]:
    return each.class_name, each.holder, each.attribute, each.elements


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
