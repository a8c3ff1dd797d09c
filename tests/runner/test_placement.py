"""Placement of a live model on another device for the time of a run."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from netinspect.errors import UsageError
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
