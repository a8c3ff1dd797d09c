"""Tests of inputs that only train mode needs: labels and a second example."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import netinspect
from netinspect.api import load
from netinspect.records.trace import Trace


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
    """Classifier whose labels are floats of the shape of the scores."""

    def loss(self, scores: Tensor, labels: Tensor | None) -> Tensor:
        return F.binary_cross_entropy_with_logits(scores, labels)  # type: ignore[arg-type]


class Regressor(Classifier):
    """Classifier that flattens its labels first."""

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
    """Needs labels that are not tensors."""

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
def test_labels_are_inferred_in_train_mode_only(model: nn.Module, given: str) -> None:
    trace = load(model, train=True)
    assert trace.failure is None
    assert specs(trace)[1:] == [given]
    assert len(specs(load(model))) == 1


def test_labels_not_inferred_are_named() -> None:
    trace = load(Refuses(), train=True)
    assert trace.failure is not None
    assert trace.failure.type == "ValueError"  # the error of the model, not that of an invented label
    assert "--input targets=SIZES" in remedies(trace)
    assert load(Refuses()).failure is None


def test_labels_missing_next_to_given_inputs() -> None:
    trace = load(Classifier(), train=True, inputs="x=2x8")
    assert "--input labels=SIZES" in remedies(trace)
    assert "labels" not in remedies(load(Classifier(), inputs="x=2x9"))


class Pooled(nn.Module):
    """Takes batch statistics of one value per example."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Linear(6, 4), nn.BatchNorm1d(4))

    def forward(self, x: Tensor, scale: Tensor) -> Tensor:
        out: Tensor = self.body(x) * scale[:, None]
        return out


def test_batch_statistics_inferred_batch_of_two() -> None:
    trace = load(nn.Sequential(nn.Linear(6, 4), nn.BatchNorm1d(4)), train=True)
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


def test_batch_statistics_declared_example_is_doubled(tmp_path: Path) -> None:
    (tmp_path / "pooled.py").write_text(DECLARED, encoding="utf-8")
    target = f"{tmp_path}/pooled.py:Pooled"
    trace = load(target, train=True, backward=True)
    assert (trace.failure, specs(trace)) == (None, ["x=2x6", "scale=2"])
    assert trace.inputs[0].origin.startswith("the model's own example; 2 examples")
    assert specs(load(target)) == ["x=1x6", "scale=1"]


@pytest.mark.parametrize(
    "given", [{"inputs": ["1x6", "1"]}, {"args": [torch.ones(1, 6), torch.ones(1)]}]
)
def test_batch_statistics_given_single_example_fails(given: dict[str, Any]) -> None:
    trace = load(Pooled(), train=True, **given)
    assert trace.failure is not None
    assert "--batch 2" in remedies(trace)
