"""Tests of the checks of a request."""

from __future__ import annotations

from typing import Any

import pytest

from netinspect.errors import UsageError
from netinspect.records.request import TraceRequest
from netinspect.runner.run_options import GivenValues, RunOptions


@pytest.mark.parametrize(
    ("fields", "message", "hint"),
    [
        ({"tensors": "zero"}, "unknown tensor mode 'zero'", "did you mean 'zeros'?"),
        ({"tensors": "cuda"}, "unknown tensor mode 'cuda'", "a device goes to --device"),
        ({"tensors": "meta", "device": "cpu"}, "--device cpu needs real tensors", "--tensors real"),
        ({"seed": -1}, "the seed -1 is out of range", "0 to 2**63 - 1"),
        ({"seed": 2**63}, "out of range", "0 to 2**63 - 1"),
        ({"inputs": ("2x",)}, "2x", ""),
        ({"symbolic": ("depth",)}, "'depth'", ""),
        ({"symbolic": ("batch",), "batch": 4}, "--batch and --symbolic batch", "--batch"),
        ({"inputs": ("2x3",), "input_files": ("x.npy",)}, "--input and --input-file", "only one"),
    ],
)
def test_parse_refuses(fields: dict[str, Any], message: str, hint: str) -> None:
    with pytest.raises(UsageError) as caught:
        RunOptions.parse(TraceRequest(**fields))
    assert message in caught.value.message
    assert hint in (caught.value.hint or "")


@pytest.mark.parametrize("mode", ["auto", "real", "zeros", "meta", "fake"])
def test_parse_accepts_tensor_modes(mode: str) -> None:
    assert RunOptions.parse(TraceRequest(tensors=mode)).request.tensors == mode


@pytest.mark.parametrize("mode", ["auto", "real"])
def test_parse_accepts_device_of_real_tensors(mode: str) -> None:
    assert RunOptions.parse(TraceRequest(tensors=mode, device="cuda:1")).request.device == "cuda:1"


def test_parse_inputs_and_symbols() -> None:
    options = RunOptions.parse(TraceRequest(inputs=("x=2x3",), batch=5, seed=7, symbolic=("seq",)))
    (spec,) = options.inputs.specs
    assert (spec.name, spec.shape, options.inputs.batch, options.inputs.seed) == ("x", (2, 3), 5, 7)
    assert [each.symbol for each in options.symbols] == ["T"]


def test_model_args_of_request_and_caller() -> None:
    request = TraceRequest(model_args="{'width': 3}")
    assert RunOptions.parse(request).model_args == {"width": 3}
    given = GivenValues(model_args={"act": print})
    assert RunOptions.parse(TraceRequest(), given).model_args == {"act": print}
    assert not given.is_empty
    assert GivenValues().is_empty


@pytest.mark.parametrize("field", ["values", "stats", "backward"])
def test_needs_values(field: str) -> None:
    assert not RunOptions.parse(TraceRequest()).needs_values
    fields: dict[str, Any] = {field: True}
    assert RunOptions.parse(TraceRequest(**fields)).needs_values
