"""Table of docs/how-to/torchinfo.md: each row is measured with torchinfo and with netinspect."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import torch
import torchinfo
from torch import nn

from netinspect.torchinfo import summary
from tests.integrations.torchinfo import nets
from tests.integrations.torchinfo.test_calls import TOKENS, WHOLE, pruned

PAGE = Path(__file__).parents[3] / "docs" / "how-to" / "torchinfo.md"

pytestmark = pytest.mark.filterwarnings("ignore:.*torch.jit.*:DeprecationWarning")


class Row(NamedTuple):
    """One row of the table: a call, and the number that differs."""

    what: str
    """First cell of the row."""

    number: str
    """Attribute of the result."""

    model: Callable[[], nn.Module]
    options: dict[str, Any]
    change: Callable[[nn.Module], Any] | None = None
    """Return the number from the model after the call, instead of the attribute."""


class Attention(nn.Module):
    """Attention of a sequence to itself."""

    def __init__(self) -> None:
        super().__init__()
        self.attend = nn.MultiheadAttention(8, 2, bias=False)

    def forward(self, x: torch.Tensor) -> Any:
        return self.attend(x, x, x)


class OwnConv1D(nn.Module):
    """A product of matrices in a class with "Conv" in its name, like that of GPT-2 in transformers."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(8, 5))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x @ self.weight


class NamedOutputs(nn.Module):
    """A model that returns a dictionary."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(8, 5, bias=False)

    def forward(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
        states = self.layer(x)
        return {"states": states, "mean": states.mean(1)}


MACS, PARAMS, BYTES = "total_mult_adds", "total_params", "total_param_bytes"
OUTPUTS, INPUTS = "total_output_bytes", "total_input"
OUTPUT_SIZE = "output_size"
"""Of the first row of the list."""

PACKED = {"input_data": TOKENS, "lengths": torch.tensor([20, 11, 9, 2])}
ROWS = (
    Row("bias", MACS, lambda: nn.Linear(3, 4), {"input_size": (2, 3)}),
    Row("`Linear` on 3 dimensions", MACS, lambda: nn.Linear(8, 5), {"input_size": (4, 6, 8)}),
    Row("`Linear` on 1 dimension", MACS, lambda: nn.Linear(9, 9), {"input_size": (9,)}),
    Row("`x @ weight`", MACS, nets.Product, {"input_size": (3, 24)}),
    Row(
        "class named like a convolution",
        MACS,
        lambda: nn.Sequential(OwnConv1D()),
        {"input_size": (4, 6, 8)},
    ),
    Row("attention", MACS, Attention, {"input_size": (5, 1, 8)}),
    Row("batch norm", MACS, lambda: nn.BatchNorm2d(4), {"input_size": (2, 4, 3, 3)}),
    Row(
        "embedding",
        MACS,
        lambda: nn.Embedding(30, 12),
        {"input_size": (2, 5), "dtypes": [torch.long]},
    ),
    Row("unused weight", MACS, nets.OnlyWeight, {"input_size": (1,)}),
    Row(
        "transposed convolution",
        MACS,
        lambda: nn.ConvTranspose2d(6, 2, 2, 2, bias=False),
        {"input_size": (1, 6, 8, 8)},
    ),
    Row("LSTM", MACS, lambda: nn.LSTM(12, 16), {"input_size": (25, 1, 12)}),
    Row("packed sequences", MACS, nets.PackedWords, PACKED),
    Row("LSTM cell", MACS, lambda: nn.LSTMCell(4, 3), {"input_size": (2, 4)}),
    Row(
        "TorchScript",
        MACS,
        lambda: torch.jit.script(nets.Perceptron()),
        {"input_data": torch.ones(6, 20)},
    ),
    Row("partly TorchScript", PARAMS, nets.PartlyScripted, {"input_size": (2, 1, 8, 8)}),
    Row("tied weights", PARAMS, nets.Tied, {"input_size": (2, 6), "dtypes": [torch.long]}),
    Row("layer in several modules", PARAMS, nets.SharedInLists, {"input_size": (1, 5)}),
    Row("named like a mask", PARAMS, nets.MaskParameter, {"input_size": (1,)}),
    Row("pruned", PARAMS, pruned, {"input_size": (4, 1, 28, 28)}),
    Row("pruned, bytes", BYTES, pruned, {"input_size": (4, 1, 28, 28)}),
    Row("pruned, mult-adds", MACS, pruned, {"input_size": (4, 1, 28, 28)}),
    Row("parameters next to layers", BYTES, lambda: nets.Product(5), {"input_size": (3, 24)}),
    Row("`ParameterList`", BYTES, nets.Weights, {"input_size": (2, 4)}),
    Row(
        "layers that are not called",
        BYTES,
        nets.Choices,
        {"input_size": (1, 5, 3, 3), "shape": "pool", "bend": "prelu"},
    ),
    Row("outputs of several tensors", OUTPUTS, lambda: nn.LSTM(12, 16), {"input_size": (25, 1, 12)}),
    Row("output that is a dictionary", OUTPUT_SIZE, NamedOutputs, {"input_size": (4, 6, 8)}),
    Row("one input", INPUTS, lambda: nn.Linear(3, 4), {"input_size": (2, 3)}),
    Row(
        "inputs as keyword arguments",
        INPUTS,
        nets.TwoInputs,
        {"input_data": torch.ones(2, 40), "second": WHOLE},
    ),
    Row(
        "`None` or text in an input",
        MACS,
        nets.FromBatch,
        {"input_data": [{"image": torch.rand(1, 3, 4, 4), "label": "cat", "mask": None}]},
    ),
    Row("input without dimensions", MACS, nets.Scaled, {"input_size": [[1, 8], []]}),
    Row("output that is a distribution", MACS, nets.Bell, {"input_size": (1, 8)}),
    Row("output that is a text", MACS, lambda: nets.OtherValues("text"), {"input_size": (1, 1, 8, 8)}),
    Row("kernel size that is a tensor", MACS, nets.TensorKernel, {"input_size": (1, 1, 16)}),
    Row("`dtypes` left out for ids", MACS, nets.Tied, {"input_size": (2, 6)}),
    Row(
        "device after the call",
        "",
        lambda: nn.Linear(3, 4),
        {"input_size": (2, 3), "device": "meta"},
        lambda model: next(model.parameters()).device.type,
    ),
    Row(
        "lazy layers after the call",
        "",
        lambda: nn.LazyLinear(4),
        {"input_size": (2, 3)},
        lambda model: type(model).__name__,
    ),
)


def measure(row: Row, function: Callable[..., Any]) -> str:
    """Return the number of a row, or the exception."""
    torch.manual_seed(0)
    model = row.model()
    try:
        result = function(model, verbose=0, **row.options)
    except Exception as error:
        return f"`{type(error).__name__}`"
    if row.change is not None:
        return str(row.change(model))
    if row.number == OUTPUT_SIZE:
        return str(result.summary_list[0].output_size)
    return f"{getattr(result, row.number):,}"


def table() -> dict[str, tuple[str, str, str]]:
    """Return the rows of the page: name of the number, torchinfo's value, netinspect's value."""
    text = PAGE.read_text(encoding="utf-8").partition("## Differences in numbers")[2]
    rows = re.findall(
        r"^\| ([^|]+) \| ([^|]*) \| ([^|]+) \| ([^|]+) \| [^|]+ \|$",
        text,
        re.MULTILINE,
    )
    return {what: (number, theirs, ours) for what, number, theirs, ours in rows}


def test_page_has_every_row() -> None:
    names = [name for name in table() if name != "case" and not name.startswith("---")]
    assert names == [row.what for row in ROWS]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.what)
def test_row_is_measured(row: Row) -> None:
    number, theirs, ours = table()[row.what]
    assert number == (f"`{row.number}`" if row.number else "")
    assert ours == measure(row, summary)
    found = measure(row, torchinfo.summary)
    if row.number == INPUTS:  # with the overhead of Python's objects, which depends on versions
        assert abs(int(theirs) - int(found)) < 100
    else:
        assert theirs == found
