"""Inputs that only train mode asks for: labels, and a second example."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import netinspect
from netinspect.records.trace import Trace
from netinspect.runner.loading import load


def specs(trace: Trace) -> list[str]:
    return [each.spec for each in trace.inputs]


def remedies(trace: Trace) -> str:
    failure = netinspect.summary(trace).record.header.failure
    assert failure is not None
    return "\n".join(failure.remedies)


class Classifier(nn.Module):
    """Returns a loss in train mode."""

    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(8, 5)

    def loss(self, scores: Tensor, labels: Tensor | None) -> Tensor:
        return F.cross_entropy(scores, labels)  # type: ignore[arg-type]

    def forward(self, x: Tensor, labels: Tensor | None = None) -> Any:
        scores = self.fc(x)
        return {"loss": self.loss(scores, labels), "scores": scores} if self.training else scores


class Binary(Classifier):
    """Compares with floats of the same sizes."""

    def loss(self, scores: Tensor, labels: Tensor | None) -> Tensor:
        return F.binary_cross_entropy_with_logits(scores, labels)  # type: ignore[arg-type]


class Regressor(Classifier):
    """Flattens its labels first."""

    def loss(self, scores: Tensor, labels: Tensor | None) -> Tensor:
        return F.cross_entropy(scores.view(-1, 5), labels.view(-1))  # type: ignore[union-attr]


class Segmenter(nn.Module):
    """Has a label for each pixel."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3, padding=1)

    def forward(self, image: Tensor, targets: Tensor | None = None) -> Tensor:
        scores: Tensor = self.conv(image)
        return F.cross_entropy(scores, targets) if self.training else scores  # type: ignore[arg-type]


class Refuses(nn.Module):
    """Wants what no tensor is."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)

    def forward(self, images: Tensor, targets: Any = None) -> Tensor:
        if self.training and targets is None:
            raise ValueError("targets should not be none when in training mode")
        scores: Tensor = self.conv(images)
        return scores.mean() * len(targets[0]["boxes"]) if self.training else scores


@pytest.mark.parametrize(
    ("model", "given"),
    [
        (Classifier(), "labels=1:int64:0..4"),
        (Regressor(), "labels=1:int64:0..1"),
        (Binary(), "labels=1x5:float32:0..1"),
        (Segmenter(), "targets=1x224x224:int64:0..3"),
    ],
)
def test_labels_are_found_in_train_mode_alone(model: nn.Module, given: str) -> None:
    trace = load(model, training=True)
    assert trace.failure is None
    assert specs(trace)[1:] == [given]
    assert len(specs(load(model))) == 1


def test_labels_that_are_not_found_are_named() -> None:
    trace = load(Refuses(), training=True)
    assert trace.failure is not None
    assert trace.failure.type == "ValueError"  # what the model says, not what an invention led to
    assert "--input targets=SIZES" in remedies(trace)
    assert load(Refuses()).failure is None


def test_labels_are_named_where_the_other_inputs_are_given() -> None:
    trace = load(Classifier(), training=True, inputs="x=2x8")
    assert "--input labels=SIZES" in remedies(trace)
    assert "labels" not in remedies(load(Classifier(), inputs="x=2x9"))


class Pooled(nn.Module):
    """Takes batch statistics of one value an example."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Linear(6, 4), nn.BatchNorm1d(4))

    def forward(self, x: Tensor, scale: Tensor) -> Tensor:
        out: Tensor = self.body(x) * scale[:, None]
        return out


def test_batch_statistics_get_a_second_example() -> None:
    trace = load(nn.Sequential(nn.Linear(6, 4), nn.BatchNorm1d(4)), training=True)
    assert specs(trace) == ["input=2x6"]
    assert "2 examples" in trace.inputs[0].origin
    assert specs(load(nn.Sequential(nn.Linear(6, 4), nn.BatchNorm1d(4)))) == ["input=1x6"]


DECLARED = """
from torch import nn

EXAMPLE_INPUTS = ("x=1x6", "scale=1")


class Pooled(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(6, 4), nn.BatchNorm1d(4))

    def forward(self, x, scale):
        return self.body(x) * scale[:, None]
"""


def test_declared_single_example_becomes_two(tmp_path: Path) -> None:
    (tmp_path / "pooled.py").write_text(DECLARED, encoding="utf-8")
    target = f"{tmp_path}/pooled.py:Pooled"
    trace = load(target, training=True, grad=True)
    assert (trace.failure, specs(trace)) == (None, ["x=2x6", "scale=2"])
    assert trace.inputs[0].origin.startswith("the model's own example; 2 examples")
    assert specs(load(target)) == ["x=1x6", "scale=1"]


@pytest.mark.parametrize(
    "given", [{"inputs": ["1x6", "1"]}, {"args": [torch.ones(1, 6), torch.ones(1)]}]
)
def test_single_example_that_was_asked_for_fails(given: dict[str, Any]) -> None:
    trace = load(Pooled(), training=True, **given)
    assert trace.failure is not None
    assert "--batch 2" in remedies(trace)
