"""Hints of `netinspect.torchinfo.summary`: each is followed, in the arguments that it has."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest
import torch
from models.lenet import LeNet
from torch import Tensor, nn

from netinspect.torchinfo import ModelStatistics, summary


class Images(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3, padding=1)
        self.norm = nn.BatchNorm2d(4)

    def forward(self, x: Tensor) -> Tensor:
        return self.norm(self.conv(x))


class Translator(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.source = nn.Embedding(20, 8)
        self.goal = nn.Embedding(30, 8)

    def forward(self, src: Tensor, tgt: Tensor, scale: float = 1.0) -> Tensor:
        return self.source(src).mean(1) * scale + self.goal(tgt).mean(1)


class Positions(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.token, self.place = nn.Embedding(50, 4), nn.Embedding(16, 4)

    def forward(self, ids: Tensor) -> Tensor:
        return self.token(ids) + self.place(torch.arange(ids.shape[1]))


class Detector(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Linear(4, 3)

    def forward(self, x: Tensor, labels: Tensor | None = None) -> Tensor:
        scores: Tensor = self.head(x)
        if self.training:
            if labels is None:
                raise ValueError("labels are needed in train mode")
            return nn.functional.cross_entropy(scores, labels)
        return scores


class FromBatch(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Linear(4, 3)
        self.embed = nn.Embedding(9, 3)

    def forward(self, batch: dict[str, Tensor], ids: Tensor) -> Tensor:
        return self.head(batch["x"]) + self.embed(ids)


class Case(NamedTuple):
    """A call that fails, its hints, and what they lead to."""

    model: Callable[[], nn.Module]
    options: dict[str, Any]
    hints: tuple[str, ...]
    """Code in the hint of each call, until one passes."""


WHOLE = torch.ones(2, 5, dtype=torch.int64)
CASES = {
    "batch dimension": Case(Images, {"input_size": (3, 8, 8)}, ("input_size=(1, 3, 8, 8)",)),
    "channels": Case(Images, {"input_size": (1, 1, 8, 8)}, ("input_size=(1, 3, 8, 8)",)),
    "channels with batch_dim": Case(
        Images,
        {"input_size": (1, 8, 8), "batch_dim": 0},
        ("input_size=(1, 3, 8, 8), batch_dim=None",),
    ),
    "channels of data": Case(
        Images,
        {"input_data": torch.ones(1, 1, 8, 8)},
        ("input_data=torch.rand(1, 3, 8, 8)",),
    ),
    "dtypes": Case(
        Translator,
        {"input_size": [(2, 5), (2, 6)], "dtypes": [torch.float32] * 2},
        ("dtypes=[torch.int64, torch.float32]", "dtypes=[torch.int64, torch.int64]"),
    ),
    "dtype of data": Case(
        Translator,
        {"input_data": [WHOLE, torch.ones(2, 6)]},
        (
            "input_data={'src': torch.zeros(2, 5, dtype=torch.int64), "
            "'tgt': torch.randint(0, 30, (2, 6))}",
        ),
    ),
    "values of data": Case(
        lambda: nn.Sequential(nn.Embedding(20, 4)),
        {"input_data": WHOLE + 20},
        ("input_data=torch.randint(0, 20, (2, 5))",),
    ),
    "dtype of a keyword": Case(
        Translator,
        {"input_data": WHOLE, "tgt": torch.ones(2, 6)},
        ("tgt=torch.randint(0, 30, (2, 6))",),
    ),
    "data that is not a tensor": Case(
        FromBatch,
        {"input_data": [{"x": torch.ones(2, 4)}, torch.ones(2)]},
        ("input_data with ids=torch.randint(0, 9, (2,))",),
    ),
    "missing input": Case(Translator, {"input_size": (2, 5), "scale": 2.0}, ("tgt=TENSOR",)),
    "input given twice": Case(
        Translator, {"input_size": (2, 5), "src": WHOLE}, ("input_data={'NAME': TENSOR}",)
    ),
    "batch of one": Case(
        lambda: nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3)),
        {"input_size": (1, 4), "mode": "train"},
        ("input_size=(2, 4)",),
    ),
    "example of the model": Case(
        LeNet, {"input_size": (10, 1, 20, 20)}, ("own example: input_size=(10, 1, 28, 28)",)
    ),
    "positions": Case(
        Positions,
        {"input_size": (1, 40), "dtypes": [torch.int64]},
        ("input_size=(1, 16)",),
    ),
    "input in train mode": Case(
        Detector, {"input_size": (2, 4), "mode": "train"}, ("labels=torch.randint(0, 10, (2,))",)
    ),
}


def follow(code: str, options: dict[str, Any]) -> dict[str, Any]:
    """Return options changed by the code of a hint."""
    if code == "tgt=TENSOR":
        code = "tgt=torch.ones(2, 6, dtype=torch.int64)"
    if "NAME" in code:
        return {"input_data": {"src": WHOLE, "tgt": WHOLE}}
    if code.startswith("input_data with"):
        return {"input_data": [{"x": torch.ones(2, 4)}, torch.zeros(2, dtype=torch.int64)]}
    new = eval(f"dict({code.removeprefix('own example: ')})", {"torch": torch})
    if "labels" in new:
        new["labels"] = new["labels"] % 3  # the hint has ten classes as an example
    return {**options, **new}


@pytest.mark.parametrize("name", CASES)
def test_hint_is_followed(name: str) -> None:
    case = CASES[name]
    options = {"verbose": 0, **case.options}
    for code in case.hints:
        with pytest.raises((RuntimeError, TypeError)) as raised:
            summary(case.model(), **options)
        text = str(raised.value)
        assert code in text.partition("hint: ")[2], text
        assert_names_arguments_of_summary(text)
        options = {"verbose": 0, **follow(code, options)}
    assert isinstance(summary(case.model(), **options), ModelStatistics)


def assert_names_arguments_of_summary(text: str) -> None:
    """Check that a message has no option of the command line and no argument of other functions."""
    assert not re.search(r"(?<![\w-])--[a-z]|:int64|\bspec\b", text), text
    assert not re.search(r"\b(inputs|model_args|inputs_from|batch|train|tensors|columns)=", text), text
    assert not re.search(r"input_size=\{", text), text
