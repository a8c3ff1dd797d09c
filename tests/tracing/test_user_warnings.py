"""Tests that warnings of torch name the user's line, and that other warnings are unchanged."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import netinspect
from tests.nets.case import capture_trace, rows
from tests.tracing.counting.counted import Calls


def implicit(self: Any, x: Tensor) -> Tensor:
    return F.softmax(x)  # HERE


def transposed(self: Any, x: Tensor) -> Tensor:
    return x[None].T[..., 0]  # HERE


def own(self: Any, x: Tensor) -> Tensor:
    warnings.warn("mind this", stacklevel=1)  # HERE
    return x


def line_of(function: Any) -> int:
    lines = Path(__file__).read_text(encoding="utf-8").splitlines()
    first = function.__code__.co_firstlineno
    return next(number for number in range(first, len(lines)) if lines[number - 1].endswith("# HERE"))


@pytest.mark.parametrize("function", [implicit, transposed, own])
def test_warning_names_calling_line(function: Any) -> None:
    before = warnings.showwarning
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        assert capture_trace(Calls(function), rows(4, 4)).failure is None
    assert {(each.filename, each.lineno) for each in caught} == {(__file__, line_of(function))}
    assert warnings.showwarning is before


def test_warning_in_constructor_names_its_line(tmp_path: Path) -> None:
    file = tmp_path / "warns.py"
    file.write_text(
        "import torch\nfrom torch import nn\n\nclass Net(nn.Module):\n    def __init__(self):\n"
        "        super().__init__()\n        self.layer = nn.Linear(4, 4)\n"
        "        torch.ones(1, 2, 3).T\n\n    def forward(self, x):\n        return self.layer(x)\n"
    )
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        netinspect.load(str(file), inputs="2x4")
    named = {(Path(each.filename).name, each.lineno) for each in caught if "`x.T`" in str(each.message)}
    assert named <= {("warns.py", 8)}


def test_warning_as_error_fails_at_its_line() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        trace = capture_trace(Calls(implicit), rows(4, 4))
    assert trace.failure is not None
    assert trace.failure.place is not None
    assert trace.failure.place.line == line_of(implicit)


def test_library_warning_names_no_netinspect_file() -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        layer = nn.TransformerEncoderLayer(8, 2, norm_first=True)
        capture_trace(
            nn.Sequential(nn.TransformerEncoder(layer, 1, enable_nested_tensor=False)), rows(2, 3, 8)
        )
        capture_trace(Calls(lambda self, x: torch.tensor(x)), rows(2, 3))
    ours = str(Path(netinspect.__file__).parent)
    assert not [each for each in caught if each.filename.startswith(ours)]
