"""Tests of the choice of inputs and of the tensors built from specs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import netinspect
from netinspect.errors import UsageError
from netinspect.inputs.arguments import given_arguments
from netinspect.inputs.choose import choose_inputs
from netinspect.inputs.request import InputRequest
from netinspect.inputs.spec import DTYPES, parse_spec
from netinspect.inputs.tensors import build_tensor
from netinspect.records.request import TraceRequest
from netinspect.tracing.arguments import Argument


class Two(nn.Module):
    def forward(self, image: Tensor, title: Tensor, *, scale: float = 1.0) -> Tensor:
        return image


class Anything(nn.Module):
    def forward(self, *tensors: Tensor, **named: Tensor) -> None:
        return None


class Nothing(nn.Module):
    def forward(self) -> None:
        return None


def choose_arguments(model: nn.Module, request: InputRequest) -> list[Argument]:
    return choose_inputs(model, request, TraceRequest()).arguments


def chosen(model: nn.Module, *specs: str, **options: Any) -> list[tuple[str | None, str]]:
    """Return the keyword and the spec of each argument."""
    arguments = choose_arguments(model, InputRequest.parse(specs, **options))
    return [(argument.keyword, argument.record.spec) for argument in arguments]


def test_arguments_are_passed_by_position_if_possible() -> None:
    expected = [(None, "2x3"), (None, "4")]
    assert [keyword for keyword, _ in chosen(Two(), "2x3", "4")] == [None, None]
    by_name = choose_arguments(Two(), InputRequest.parse(("title=4", "image=2x3")))
    assert [argument.record.name for argument in by_name] == ["image", "title"]
    assert [(each.keyword, each.record.spec.partition("=")[2]) for each in by_name] == expected
    mixed = choose_arguments(Two(), InputRequest.parse(("2x3", "title=4")))
    assert [argument.keyword for argument in mixed] == [None, None]


def test_arguments_of_variadic_forward() -> None:
    arguments = choose_arguments(Anything(), InputRequest.parse(("2", "3", "mask=4")))
    assert [argument.keyword for argument in arguments] == [None, None, "mask"]
    assert [argument.record.name for argument in arguments] == ["0", "1", "mask"]


def test_batch_replaces_first_dimension_except_scalars() -> None:
    specs = [spec for _, spec in chosen(Two(), "2x3", "scalar", batch=7)]
    assert specs[0].endswith("7x3")
    assert specs[1].endswith("scalar")


@pytest.mark.parametrize(
    ("specs", "message", "hint"),
    [
        (("2", "3", "4"), "but 3 inputs were given", "image, title"),
        (("picture=2", "title=3"), "no argument 'picture'", "its arguments are"),
        (("imag=2", "title=3"), "no argument 'imag'", "'image'"),
        (("2", "image=3", "title=4"), "'image' of Two.forward is given twice", "--input NAME=SIZES"),
    ],
)
def test_arguments_that_do_not_match_signature(specs: tuple[str, ...], message: str, hint: str) -> None:
    with pytest.raises(UsageError) as caught:
        chosen(Two(), *specs)
    assert message in caught.value.message
    assert hint in (caught.value.hint or "")


def test_choose_inputs_forward_without_arguments() -> None:
    assert chosen(Nothing()) == []


def test_given_arguments_are_passed_unchanged() -> None:
    image, title = torch.zeros(2, 3), torch.ones(4, dtype=torch.int64)
    arguments = given_arguments(Two(), (image,), {"title": title, "scale": 2.0})
    assert arguments[0].value is image
    assert [argument.record.name for argument in arguments] == ["image", "title", "scale"]
    assert arguments[1].record.spec == "title=4:int64"
    assert arguments[2].record.spec == ""


def test_given_arguments_spec_only_if_it_rebuilds_the_tensor() -> None:
    jagged = torch.nested.nested_tensor([torch.ones(1), torch.ones(2)], layout=torch.jagged)
    odd = torch.ones(2).to(torch.float8_e4m3fn)
    arguments = given_arguments(Anything(), (torch.ones(1, 2), odd, jagged), {"x": torch.tensor(True)})
    specs = [argument.record.spec for argument in arguments]
    assert specs == ["1x2", "", "", "x=scalar:bool"]
    for spec in filter(None, specs):
        assert str(parse_spec(spec)) == spec


def test_declared_example_of_wrong_type_fails_only_if_needed(tmp_path: Path) -> None:
    file = tmp_path / "net.py"
    file.write_text(
        "from torch import nn, ones\nEXAMPLE_INPUTS = ones(1, 2)\n"
        "class Net(nn.Module):\n    def forward(self, x):\n        return x\n"
    )
    assert netinspect.load(file, run=False).example == ()
    assert netinspect.load(file, inputs=["1x2"]).failure is None
    with pytest.raises(UsageError, match="EXAMPLE_INPUTS in the file of Net is not a tuple"):
        netinspect.load(file)


@pytest.mark.parametrize("dtype", DTYPES)
def test_build_tensor_every_dtype_is_reproducible(dtype: str) -> None:
    spec = parse_spec(f"4x5:{dtype}")
    first, second = (build_tensor(spec, torch.Generator().manual_seed(3)) for _ in range(2))
    assert (first.shape, str(first.dtype)) == ((4, 5), f"torch.{dtype}")
    assert torch.equal(first, second)


def test_build_tensor_integer_range_includes_both_ends() -> None:
    tensor = build_tensor(parse_spec("1000:int64:5..7"), torch.Generator().manual_seed(0))
    assert set(tensor.tolist()) == {5, 6, 7}
    assert set(build_tensor(parse_spec("1000:int64"), torch.Generator()).tolist()) == {0, 1}


def test_build_tensor_float_range() -> None:
    tensor = build_tensor(parse_spec("1000:float32:-2..3"), torch.Generator().manual_seed(0))
    assert -2 <= float(tensor.min()) < -1.9
    assert 2.9 < float(tensor.max()) <= 3


def test_build_tensor_values_independent_of_dtype() -> None:
    single, half = (
        build_tensor(parse_spec(f"8:{dtype}"), torch.Generator().manual_seed(0))
        for dtype in ("float32", "float16")
    )
    assert torch.equal(single.half(), half)


def test_build_tensor_exact_values_repeat() -> None:
    grid = build_tensor(parse_spec("2x3:int64:1,4,4"), torch.Generator())
    assert grid.untyped_storage().nbytes() == 2 * 3 * 8
    assert grid.tolist() == [[1, 4, 4], [1, 4, 4]]
    assert grid.dtype is torch.int64
    assert build_tensor(parse_spec("3:float64:0.1,-2"), torch.Generator()).tolist() == [0.1, -2, 0.1]
    assert build_tensor(parse_spec("0x3:int64:1,2"), torch.Generator()).shape == (0, 3)
    assert build_tensor(parse_spec("scalar:int64:7,"), torch.Generator()).item() == 7


class Steps(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(4, 4)

    def forward(self, x: Tensor, steps: int, mode: Any = "scores") -> Tensor:
        assert type(steps) is int
        assert mode in ("scores", "two words", ["a", 1.5])
        for _ in range(steps):
            x = self.fc(x)
        return x


@pytest.mark.parametrize("mode", ["scores", "'two words'", "['a', 1.5]"])
def test_choose_inputs_plain_values(mode: str) -> None:
    request = InputRequest.parse(("x=2x4", "steps:=3", f"mode:={mode}"))
    values = {each.record.name: each.value for each in choose_arguments(Steps(), request)}
    assert values["steps"] == 3
    assert Steps()(**values).shape == (2, 4)


def test_choose_inputs_int_inferred() -> None:
    arguments = choose_arguments(Steps(), InputRequest())
    assert [each.record.spec for each in arguments] == ["x=1x4", "steps:=1"]
