"""Tests of sizes that parameters determine, which no input changes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

import netinspect
from netinspect.analysis.diagnosis.diagnose import diagnose
from tests import forked
from tests.nets.case import capture_trace, rows
from tests.nets.mistakes import Acting

_LAYERS: dict[str, nn.Module] = {
    "conv": nn.Conv2d(3, 8, 3),
    "conv2": nn.Conv2d(6, 4, 1),
    "pool": nn.AdaptiveAvgPool2d(1),
    "fc": nn.Linear(6, 10),
    "fc2": nn.Linear(20, 2),
    "norm": nn.LayerNorm(12),
    "gru": nn.GRU(6, 5),
    "heads": nn.MultiheadAttention(6, 2, batch_first=True),
    "ids": nn.Embedding(9, 7),
}

Act = Callable[[Any, Tensor], Any]

FAULTS: dict[str, tuple[Act, Tensor, str]] = {
    "linear": (lambda s, x: s.fc2(s.fc(x)), rows(2, 6), "fc and fc2"),
    "activation": (lambda s, x: s.fc2(F.relu(s.fc(x)) + 1), rows(2, 6), "fc and fc2"),
    "convolution": (lambda s, x: s.conv2(s.conv(x)), rows(1, 3, 9, 9), "conv and conv2"),
    "pooling": (
        lambda s, x: s.fc2(torch.flatten(s.pool(s.conv(x)), 1)),
        rows(1, 3, 9, 9),
        "conv and fc2",
    ),
    "view": (lambda s, x: s.fc2(s.pool(s.conv(x)).view(2, -1)), rows(2, 3, 9, 9), "conv and fc2"),
    "sum": (lambda s, x: s.fc(x) + s.gru(x)[0], rows(1, 2, 6), "fc and gru"),
    "recurrent": (lambda s, x: s.gru(s.ids(x)), torch.tensor([[1, 2]]), "ids and gru"),
    "norm": (lambda s, x: s.norm(s.fc(x)), rows(2, 6), "fc and norm"),
    "matrix": (lambda s, x: s.fc(x) @ s.fc2.weight, rows(2, 6), "fc and fc2"),
}

DEPENDS: dict[str, tuple[Act, Tensor]] = {
    "input": (lambda s, x: s.fc2(x), rows(2, 6)),
    "sides": (lambda s, x: s.fc2(torch.flatten(s.conv(x), 1)), rows(1, 3, 9, 9)),
    "last side": (lambda s, x: s.fc2(s.conv(x)), rows(1, 3, 9, 9)),
    "turned": (lambda s, x: s.fc2(s.fc(x).transpose(0, 1)), rows(2, 6)),
    "joined batch": (lambda s, x: s.fc2(s.pool(s.conv(x)).view(1, -1)), rows(1, 3, 9, 9)),
    "sum with the input": (lambda s, x: s.fc(x) + x[:, :4], rows(2, 6)),
    "attention weights": (lambda s, x: s.fc2(s.heads(x, x, x)[1]), rows(1, 5, 6)),
    "vector": (lambda s, x: s.fc2((x @ s.fc.bias).view(1, -1)), rows(4, 10)),
    "similarity": (
        lambda s, x: s.fc2(F.cosine_similarity(s.fc(x), s.fc(x), dim=1)),
        rows(1, 5, 6),
    ),
    "unknown function": (lambda s, x: s.fc2(torch.flip(s.fc(x).T, (0,))), rows(2, 6)),
}


def _explained(act: Act, value: Tensor) -> tuple[str, str]:
    found = diagnose(capture_trace(Acting(act, _LAYERS), value))
    assert found is not None
    assert found.explanation is not None
    return found.explanation, "\n".join(found.remedies)


@pytest.mark.parametrize("name", FAULTS)
def test_diagnose_names_layers_that_determine_both_sizes(name: str) -> None:
    act, value, makers = FAULTS[name]
    text, remedies = _explained(act, value)
    assert text.endswith(f"; {makers} determine these sizes, so no input size helps")
    assert "--input" not in remedies
    assert "an input with" not in remedies


@pytest.mark.parametrize("name", DEPENDS)
def test_diagnose_leaves_sizes_of_the_input_to_the_user(name: str) -> None:
    assert "no input size helps" not in _explained(*DEPENDS[name])[0]


_BUGGY = """
from torch import nn
class Buggy(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3)
        self.fc = nn.Linear(8 * 32 * 32, 10)
        self.fc2 = nn.Linear(20, 2)
    def forward(self, x):
        return self.fc2(self.fc(self.conv(x).flatten(1)))
"""


def test_search_for_inputs_stops_at_a_fault_of_the_model(tmp_path: Path) -> None:
    (tmp_path / "net.py").write_text(_BUGGY)
    trace = netinspect.load(str(tmp_path / "net.py:Buggy"))
    assert trace.failure is not None
    assert trace.failure.module == "fc2"
    assert len(trace.attempts) <= 12
    done = forked.run("summary", "net.py:Buggy", cwd=tmp_path)
    assert done.code == 4
    assert "got 10; fc and fc2 determine these sizes, so no input size helps" in done.err
    assert "hint: use fc2 = Linear(10, 2), or make fc output 20 features" in done.err
    assert "--input" not in done.err


class Branching(nn.Module):
    """Has a fault in the path that it takes without an optional argument."""

    def __init__(self) -> None:
        super().__init__()
        self.fc, self.fc2, self.fc3 = nn.Linear(6, 10), nn.Linear(20, 2), nn.Linear(10, 2)

    def forward(self, x: Tensor, context: Tensor | None = None) -> Tensor:
        x = self.fc(x)
        return self.fc2(x) if context is None else self.fc3(x) + context


def test_search_goes_on_if_an_argument_was_left_out() -> None:
    trace = netinspect.load(Branching(), inputs=["x=2x6"])
    assert trace.failure is not None
    assert netinspect.load(Branching(), inputs=["x=2x6", "context=2x2"]).failure is None


class Refusing(nn.Module):
    """Accepts nothing that a search can find."""

    def forward(self, x: Tensor) -> Tensor:
        if x.sum() != 12345.0:
            raise ValueError("this is not the expected signal")
        return x


def test_hint_never_offers_the_spec_that_failed() -> None:
    trace = netinspect.load(Refusing())
    found = diagnose(trace)
    assert found is not None
    remedies = "\n".join(found.remedies)
    assert "--input x=SIZES" in remedies
    assert all(each.spec not in remedies for each in trace.inputs)


class Pooled(nn.Module):
    """Flattens four values of each channel in front of a layer with other features."""

    def __init__(self, wanted: int) -> None:
        super().__init__()
        self.conv, self.pool = nn.Conv2d(3, 32, 3), nn.AdaptiveAvgPool2d(2)
        self.fc = nn.Linear(wanted, 5)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(torch.flatten(self.pool(self.conv(x)), 1))


@pytest.mark.parametrize(
    ("wanted", "remedy"),
    [
        (64, "use fc = Linear(128, 5), or make conv output 16 channels"),
        (66, "use fc = Linear(128, 5)"),
    ],
)
def test_remedy_divides_by_the_sizes_that_a_flatten_joins(wanted: int, remedy: str) -> None:
    diagnosis = diagnose(capture_trace(Pooled(wanted), rows(1, 3, 9, 9)))
    assert diagnosis is not None
    assert diagnosis.remedies == (remedy,)
