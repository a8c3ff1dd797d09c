"""Tests of the device of inputs for models whose weights are loaded during a call."""

from __future__ import annotations

import types
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import netinspect
from netinspect.api import load
from netinspect.inputs.infer.model_facts import device_of


def net() -> nn.Sequential:
    return nn.Sequential(nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 3))


def load_by_hooks(layer: nn.Module) -> None:
    """Load the weights of a layer by hooks, as libraries for large models do."""
    stored = {name: each.detach().clone() for name, each in layer.named_parameters()}

    def put(where: Callable[[Tensor], Tensor]) -> None:
        for name, value in stored.items():
            setattr(layer, name, nn.Parameter(where(value), requires_grad=False))

    put(lambda value: value.to("meta"))
    layer.register_forward_pre_hook(lambda module, args: put(lambda value: value))
    layer.register_forward_hook(lambda module, args, output: put(lambda value: value.to("meta")))


def load_by_forward(layer: nn.Module) -> None:
    """Load the weights of a layer by a wrapped forward, as accelerate does."""
    stored = {name: each.detach().clone() for name, each in layer.named_parameters()}
    own = layer.forward

    def forward(self: nn.Module, *args: Any) -> Any:
        for name, value in stored.items():
            setattr(self, name, nn.Parameter(value, requires_grad=False))
        output = own(*args)
        self.to("meta")
        return output

    layer.to("meta")
    layer.forward = types.MethodType(forward, layer)


@pytest.mark.parametrize("offload", [load_by_hooks, load_by_forward])
@pytest.mark.parametrize("indices", [(0, 2), (0,), (2,)], ids=["all", "first", "last"])
def test_inputs_are_on_device_of_loaded_weights(
    offload: Callable[[nn.Module], None], indices: tuple[int, ...]
) -> None:
    model = net()
    for index in indices:
        offload(model[index])
    assert device_of(model) == torch.device("cpu")
    trace = load(model, inputs="4x8")
    assert (trace.failure, trace.tensor_mode) == (None, "real")
    totals = netinspect.summary(trace).record.totals
    assert totals.parameters == 99
    assert model(torch.ones(4, 8)).device.type == "cpu"


def test_device_of_weights_loaded_by_outer_hook() -> None:
    model = net()
    state = {name: each.clone() for name, each in model.state_dict().items()}
    model.to("meta")
    assert device_of(model) == torch.device("meta")
    model.register_forward_pre_hook(
        lambda module, args: model.load_state_dict(state, assign=True) and None
    )
    assert device_of(model) == torch.device("cpu")


def test_device_of_meta_model_without_hooks() -> None:
    trace = load(net().to("meta"), inputs="4x8")
    assert (trace.failure, trace.tensor_mode) == (None, "meta")
