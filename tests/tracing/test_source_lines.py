"""Source lines of steps."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

import netinspect
from tests.nets.case import capture_trace, rows


class Listing(nn.Module):
    """Runs its layer from a generator that a built-in class consumes."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(3, 3)

    def states(self, x: Tensor) -> Iterator[Tensor]:
        yield self.layer(x)

    def forward(self, x: Tensor) -> Tensor:
        return torch.stack(list(self.states(x)))


def test_source_lines_are_the_same_after_python_specialized_the_code() -> None:
    model, x = Listing(), rows(2, 3)
    first = capture_trace(model, x)
    for _ in range(100):
        model(x)
    assert capture_trace(model, x).steps == first.steps


@pytest.mark.parametrize(
    ("body", "culprit"),
    [
        ("return torch.relu(self.fc(x))", "self.fc(x)"),
        ("return x + self.fc(x)[0].view(3, 3)", "self.fc(x)"),
        ("é = 'ü'; return self.fc(x)", "self.fc(x)"),
        ("y = torch.ones(7); return  x @ y", "x @ y"),
        ("return torch.cat(\n            [x, torch.ones(7)],\n        )", "torch.cat("),
        ("return x.missing.other", "x.missing"),
        ("raise ValueError('é')  # no", "raise ValueError('é')"),
        ("self.fc(x)", "self.fc(x)"),
    ],
)
def test_failure_has_columns_of_the_expression(body: str, culprit: str, tmp_path: Path) -> None:
    (tmp_path / "net.py").write_text(
        "import torch\nclass Net(torch.nn.Module):\n"
        "    def __init__(self):\n        super().__init__()\n"
        "        self.fc = torch.nn.Linear(8, 4)\n"
        f"    def forward(self, x):\n        {body}\n",
        encoding="utf-8",
    )
    failure = netinspect.load(f"{tmp_path / 'net.py'}:Net", inputs=["2x3"]).failure
    assert failure is not None
    assert failure.place is not None
    assert failure.columns is not None
    start, end = failure.columns
    assert failure.place.text[start:end] == culprit
