"""Placement of a live model on another device for the time of a run."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

import netinspect
from netinspect import torchinfo
from netinspect.errors import UsageError
from netinspect.records.values import TensorSpec
from netinspect.runner.placement import is_on, moved, placed_on


class Tied(nn.Module):
    """Two names of one weight, a buffer, and an optimizer's view of the weights."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(3, 3)
        self.second = nn.Linear(3, 3)
        self.second.weight = self.first.weight
        self.register_buffer("scale", torch.ones(3))
        self.rnn = nn.LSTM(3, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.second(self.first(x)) * self.scale


def test_placed_on_restores_the_same_tensors() -> None:
    model = Tied()
    before = {
        name: (id(each), each.data_ptr()) for name, each in model.state_dict(keep_vars=True).items()
    }
    with placed_on(model, torch.device("meta")):
        assert {each.device.type for each in model.state_dict().values()} == {"meta"}
        assert model.rnn._flat_weights[0] is model.rnn.weight_ih_l0
        assert model.second.weight is model.first.weight
    after = {
        name: (id(each), each.data_ptr()) for name, each in model.state_dict(keep_vars=True).items()
    }
    assert after == before
    assert model.rnn._flat_weights[0] is model.rnn.weight_ih_l0


def test_placed_on_restores_after_an_error() -> None:
    model = Tied()
    with pytest.raises(ZeroDivisionError), placed_on(model, torch.device("meta")):
        raise ZeroDivisionError
    assert model.first.weight.device.type == "cpu"
    assert model.second.weight is model.first.weight


@pytest.mark.parametrize("device", ["meta", "meta:0", "cpu", "cpu:0"])
def test_lazy_layers_are_placed_and_stay_lazy(device: str) -> None:
    model = nn.Sequential(nn.Linear(4, 3), nn.LazyBatchNorm1d(), nn.LazyLinear(2))
    before = {name: id(each) for name, each in model.named_parameters()}
    found = torchinfo.summary(model, input_size=(3, 4), device=device, verbose=0)
    assert found.total_params == 4 * 3 + 3 + 2 * 3 + 3 * 2 + 2
    assert {name: id(each) for name, each in model.named_parameters()} == before
    assert {each.device.type for each in model.parameters()} == {"cpu"}
    assert type(model[2]) is nn.LazyLinear
    assert model[2].has_uninitialized_params()
    assert model(torch.ones(3, 4)).shape == (3, 2)


@pytest.mark.skipif(torch.cuda.is_available(), reason="a GPU is available")
def test_placed_on_absent_device_is_refused_and_restored() -> None:
    model = Tied()
    with (
        pytest.raises(UsageError, match="cannot be placed on cuda"),
        placed_on(model, torch.device("cuda")),
    ):
        raise AssertionError
    assert model.first.weight.device.type == "cpu"


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_placed_on_gpu_keeps_ties_and_objects() -> None:
    model = Tied()
    weight = model.first.weight
    with placed_on(model, torch.device("cuda")):
        assert model.first.weight is weight is model.second.weight
        assert weight.is_cuda
        model(torch.ones(1, 3, device="cuda"))
    assert not weight.is_cuda


def test_moved_copies_tensors_in_containers() -> None:
    meta = torch.device("meta")
    inner, text = [torch.ones(2)], (torch.ones(1), "text")
    found = moved({"a": inner, "b": text, "c": None}, meta)
    assert found["a"][0].device == found["b"][0].device == meta
    assert found["b"][1] == "text"
    assert not inner[0].is_meta
    assert is_on(torch.ones(1), torch.device("cpu"))
    assert is_on(torch.ones(1), torch.device("cpu:0"))
    assert not is_on(torch.ones(1), torch.device("cpu:1"))


@pytest.mark.parametrize(
    ("own", "device", "hint"),
    [
        ("cpu", "meta", "use a copy, as by copy.deepcopy(model).to('meta')"),
        ("meta", "cpu", "leave device out"),
    ],
)
def test_hint_for_another_device_keeps_the_weights(own: str, device: str, hint: str) -> None:
    with pytest.raises(UsageError, match=f"cannot run a live model on {device}") as raised:
        netinspect.summary(nn.Linear(4, 3, device=own), input_size=(3, 4), device=device)
    assert raised.value.hint is not None
    assert raised.value.hint.startswith(hint)


@pytest.mark.parametrize("own", ["cpu", "meta"])
def test_device_of_the_model_may_have_an_index(own: str) -> None:
    model = nn.Linear(4, 3, device=own)
    found = netinspect.summary(model, input_size=(3, 4), device=f"{own}:0")
    assert found.total_mult_adds == 36


@pytest.mark.parametrize("options", [{"input_size": (3, 4)}, {"inputs": "3x4:float32:0..1"}, {}])
def test_default_device_meta_is_not_that_of_the_model(options: dict[str, Any]) -> None:
    model = nn.Sequential(nn.Linear(4, 3))
    with torch.device("meta"):
        found = netinspect.load(model, **options)
    (argument,) = found.inputs
    assert isinstance(argument.value, TensorSpec)
    assert argument.value.device == "cpu"
    assert found.failure is None


@pytest.mark.parametrize(
    ("message", "hint"),
    [
        ("Storage size calculation overflowed with sizes=[4]", "use a smaller batch or smaller sizes"),
        ("Cannot copy out of meta tensor; no data!", None),
    ],
)
def test_hint_for_an_input_that_cannot_be_made(
    monkeypatch: pytest.MonkeyPatch, message: str, hint: str | None
) -> None:
    def build_value(*args: Any) -> None:
        raise RuntimeError(message)

    monkeypatch.setattr("netinspect.inputs.arguments.build_value", build_value)
    with pytest.raises(UsageError, match="cannot make the input 3x4") as raised:
        netinspect.summary(nn.Linear(4, 3), input_size=(3, 4))
    assert raised.value.hint == hint
