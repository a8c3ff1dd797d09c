"""Tests of constructor facts without torch's defaults."""

from __future__ import annotations

import inspect

import pytest
from torch import nn

import netinspect
from netinspect.rendering.layer_facts import DEFAULTS, without_defaults
from tests.support import TORCH


@pytest.mark.parametrize("name", DEFAULTS)
def test_defaults_are_those_of_torch(name: str) -> None:
    layer_class = getattr(nn, name)
    needed = [
        parameter
        for parameter in list(inspect.signature(layer_class).parameters.values())
        if parameter.default is parameter.empty
    ]
    printed = layer_class(*[4] * len(needed)).extra_repr()
    for fact in DEFAULTS[name]:
        if TORCH <= (2, 6) and fact.startswith("bias=") and "bias=" not in printed:
            continue  # norms did not have it
        assert fact in printed
        assert fact not in without_defaults(name, printed).split(", ")


@pytest.mark.parametrize(
    ("layer", "shown"),
    [
        (nn.Conv2d(3, 64, 7, 2, bias=False), "3, 64, kernel_size=(7, 7), stride=(2, 2), bias=False"),
        (nn.Conv2d(3, 64, 3), "3, 64, kernel_size=(3, 3)"),
        (nn.BatchNorm2d(64), "64"),
        (nn.BatchNorm2d(64, momentum=0.01), "64, momentum=0.01"),
        (nn.LayerNorm((2, 3), eps=1e-6), "(2, 3), eps=1e-06"),
        (nn.Linear(2, 3, bias=False), "in_features=2, out_features=3, bias=False"),
        (nn.ReLU(inplace=True), "inplace=True"),
        (nn.Upsample(scale_factor=2), "scale_factor=2.0"),
    ],
)  # fmt: skip
def test_without_defaults_keeps_what_was_chosen(layer: nn.Module, shown: str) -> None:
    assert without_defaults(type(layer).__name__, layer.extra_repr()) == shown


def test_tree_shows_chosen_facts_to_people_and_all_to_programs() -> None:
    view = netinspect.tree(nn.Sequential(nn.BatchNorm2d(8), nn.Dropout(0.1)))
    assert "BatchNorm2d(8)" in view.text()
    assert "Dropout(p=0.1)" in view.text()
    assert "8, eps=1e-05, momentum=0.1" in view.text("json")
