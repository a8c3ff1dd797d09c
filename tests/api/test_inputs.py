"""Tests of `input_size`, `input_data`, `dtypes`, `device` and `kwargs` in the Python API."""

from __future__ import annotations

import re
from collections import OrderedDict, UserDict
from typing import Any

import numpy as np
import pytest
import torch
from models.lenet import LeNet
from torch import Tensor, nn

import netinspect
from netinspect.api._inputs import read_inputs


class Masked(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(10, 4)
        self.head = nn.Linear(4, 2)

    def forward(self, ids: Tensor, mask: Tensor | None = None, *, scale: float = 1.0) -> Tensor:
        y: Tensor = self.head(self.embed(ids)) * scale
        return y if mask is None else y * mask


def inputs_of(**options: Any) -> dict[str, str]:
    trace = netinspect.load(Masked(), **options)
    assert trace.failure is None
    return {each.name: each.spec for each in trace.inputs}


@pytest.mark.parametrize("size", [(2, 1, 28, 28), [2, 1, 28, 28], torch.Size([2, 1, 28, 28])])
def test_input_size_one(size: Any) -> None:
    trace = netinspect.load(LeNet(), input_size=size)
    assert getattr(trace.steps[0].output, "shape", None) == (2, 10)


def test_input_size_several() -> None:
    found = {"ids": "1x3:int64:0..9", "mask": "1x3x1"}
    assert inputs_of(input_size=[(1, 3), (1, 3, 1)]) == found
    assert inputs_of(input_size=((1, 3), torch.Size([1, 3, 1]))) == found
    named = inputs_of(input_size={"mask": (1, 3, 1), "ids": [1, 3]})
    assert named == {"ids": "ids=1x3:int64:0..9", "mask": "mask=1x3x1"}


def test_input_size_scalar_and_batch_dim() -> None:
    assert read_inputs(input_size=()).specs == ("scalar",)
    assert read_inputs(input_size=(3, 8, 8), batch_dim=0).specs == ("1x3x8x8",)
    assert read_inputs(input_size=[(5, 3), (4,)], batch_dim=-1).specs == ("5x3x1", "4x1")
    with pytest.raises(netinspect.UsageError, match="batch_dim 3 is not a dimension"):
        read_inputs(input_size=(1, 3), batch_dim=3)


@pytest.mark.parametrize("dtypes", [[torch.int64], torch.int64, ["long"], ("int64",)])
def test_dtypes_given(dtypes: Any) -> None:
    assert inputs_of(input_size=(1, 3), dtypes=dtypes) == {"ids": "1x3:int64"}


@pytest.mark.parametrize(
    "dtypes",
    [
        torch.LongTensor,
        [torch.LongTensor],
        ["torch.LongTensor"],
        "torch.int64",
        ["torch.cuda.LongTensor"],
        "LongTensor",
        np.dtype("int64"),
        np.int64,
    ],
    ids=str,
)
def test_dtypes_as_types_of_tensors(dtypes: Any) -> None:
    assert inputs_of(input_size=(1, 3), dtypes=dtypes) == {"ids": "1x3:int64"}


def test_dtypes_with_range() -> None:
    found = inputs_of(input_size={"ids": (1, 3)}, dtypes={"ids": "torch.LongTensor:2..7"})
    assert found == {"ids": "ids=1x3:int64:2..7"}


@pytest.mark.parametrize("dtype", [float, "nonsense", 3, torch.float8_e5m2], ids=str)
def test_dtypes_unknown(dtype: Any) -> None:
    with pytest.raises(netinspect.UsageError, match="expected a dtype in dtypes, got") as raised:
        inputs_of(input_size=(1, 3), dtypes=[dtype])
    assert "spec" not in str(raised.value)
    assert "torch.int64" in str(raised.value) or "did you mean 'float32'" in str(raised.value)


def test_dtypes_and_sizes_in_unequal_number() -> None:
    with pytest.raises(netinspect.UsageError, match="expected a dtype for each of the 2 sizes, got 1"):
        inputs_of(input_size=[(1, 3), (1, 3)], dtypes=[torch.int64])


def test_input_size_too_large() -> None:
    with pytest.raises(netinspect.UsageError, match="input_size is too large") as raised:
        inputs_of(input_size=(10**6, 10**6))
    assert "spec" not in str(raised.value)


def test_dtypes_by_name() -> None:
    found = inputs_of(
        input_size={"ids": (1, 3), "mask": (1, 3, 1)}, dtypes={"ids": torch.int32, "mask": torch.float64}
    )
    assert found == {"ids": "ids=1x3:int32", "mask": "mask=1x3x1:float64"}


def test_kwargs_next_to_sizes() -> None:
    found = inputs_of(input_size=(1, 3), kwargs={"scale": 2.0, "mask": torch.ones(1, 3, 1)})
    assert found == {"ids": "1x3:int64:0..9", "scale": "", "mask": "mask=1x3x1"}


@pytest.mark.parametrize(
    "data",
    [
        torch.zeros(1, 3, dtype=torch.int64),
        [torch.zeros(1, 3, dtype=torch.int64)],
        (torch.zeros(1, 3, dtype=torch.int64),),
        OrderedDict(ids=torch.zeros(1, 3, dtype=torch.int64)),
        UserDict(ids=torch.zeros(1, 3, dtype=torch.int64)),
    ],
)
def test_input_data_forms(data: Any) -> None:
    assert [*inputs_of(input_data=data)] == ["ids"]
    assert [*inputs_of(input_data=data, kwargs={"scale": 2.0})] == ["ids", "scale"]


def test_input_data_of_another_kind() -> None:
    class Batch(nn.Module):
        def forward(self, batch: dict[str, Tensor]) -> Tensor:
            return batch["x"] * 2

    trace = netinspect.load(Batch(), input_data=[{"x": torch.ones(3)}])
    assert trace.failure is None


def test_input_size_of_target() -> None:
    trace = netinspect.load("lenet", input_size=(3, 1, 28, 28))
    assert [each.spec for each in trace.inputs] == ["3x1x28x28"]


def test_device_of_live_model() -> None:
    assert netinspect.load(LeNet(), input_size=(1, 1, 28, 28), device="cpu").failure is None
    on_meta = netinspect.load(LeNet().to("meta"), input_size=(1, 1, 28, 28), device=torch.device("meta"))
    assert getattr(on_meta.steps[0].output, "device", None) == "meta"
    without_tensors = netinspect.load(nn.ReLU(), input_size=(2, 3), device="meta")
    assert getattr(without_tensors.steps[0].output, "device", None) == "meta"
    model = LeNet()
    with pytest.raises(netinspect.UsageError, match="its tensors are on cpu") as raised:
        netinspect.load(model, input_size=(1, 1, 28, 28), device="meta")
    assert "copy.deepcopy(model).to('meta')" in str(raised.value)
    assert {each.device.type for each in model.parameters()} == {"cpu"}


def test_randomness_is_preserved() -> None:
    model = LeNet()
    before = torch.get_rng_state()
    netinspect.load(model, input_size=(1, 1, 28, 28))
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"input_size": (1, 3), "input_data": 3}, "expected one source of inputs, got input_size and"),
        ({"input_size": (1, 3), "args": (3,)}, r"got \*args and input_size"),
        ({"input_size": "1x3"}, "expected sizes in input_size, got str"),
        ({"input_size": torch.ones(1, 3)}, "tensors of your own are given as input_data"),
        ({"input_size": (1, -3)}, "expected whole numbers from 0 in input_size"),
        ({"input_size": (1, 3.5)}, "expected whole numbers from 0 in input_size"),
        ({"input_size": (1, True)}, "expected whole numbers from 0 in input_size"),
        ({"input_size": {3: (1, 3)}}, "expected names of arguments of forward in input_size, got 3"),
        ({"input_size": {"idz": (1, 3)}}, "did you mean 'ids'"),
        ({"input_size": (1, 3), "dtypes": ["int65"]}, "did you mean 'int64'"),
        ({"input_size": (1, 3), "dtypes": [torch.int64] * 2}, "each of the 1 sizes, got 2"),
        ({"input_size": (1, 3), "dtypes": {"x": torch.int64}}, "input_size has no 'x'"),
        ({"dtypes": [torch.int64]}, "dtypes are for the tensors of input_size"),
        ({"input_data": {3: 4}}, "put a dictionary that forward takes as one argument in a list"),
        ({"input_size": (1, 3), "kwargs": {"ids": 3}}, "'ids' of Masked.forward is given twice"),
        ({"input_size": {"mask": (1, 3)}, "kwargs": {"scale": 1.0}}, "forward also needs ids"),
        ({"input_size": (1, 3), "device": "gpu"}, "'gpu' is not a device"),
    ],
)
def test_wrong_inputs(options: dict[str, Any], message: str) -> None:
    with pytest.raises(netinspect.UsageError) as raised:
        netinspect.load(Masked(), **options)
    assert re.search(message, str(raised.value))
