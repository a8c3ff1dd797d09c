"""Tests of symbolic memory: expressions must equal the amounts of runs at other sizes."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
import torch
from models.resnet18 import ResNet18
from models.tiny_gpt import TinyGPT
from torch import Tensor, nn

import netinspect
from netinspect.analysis.allocation_totals import CATEGORIES
from netinspect.errors import UsageError
from netinspect.records.codec import from_data, to_data
from netinspect.records.memory_growth import AmountExpressions
from netinspect.rendering.formats import Format, Style
from netinspect.reports.memory.record import Memory, MemoryModule, MemoryPoint
from netinspect.reports.render import render
from tests.memory_tracker.runs import Blocks, Chain, Tied
from tests.reports.test_schemas import validation_errors
from tests.support import Outcome

pytestmark = pytest.mark.slow

Cli = Callable[..., Outcome]

CASES: list[tuple[Any, Tensor]] = [
    (Chain, torch.zeros(4, 64)),
    (Tied, torch.zeros(2, 8, dtype=torch.int64)),
    (Blocks, torch.zeros(3, 32)),
    (TinyGPT, torch.zeros(2, 16, dtype=torch.int64)),
    (ResNet18, torch.zeros(2, 3, 32, 32)),
]
NAMES = [case[0].__name__ for case in CASES]


def estimate(model: nn.Module, given: Tensor, **options: Any) -> Memory:
    """Return the memory report of the CPU allocator, which does not round: expressions must be exact."""
    return netinspect.memory(model, given, allocator="cpu", **options).record


def values(expressions: AmountExpressions, **sizes: int) -> dict[str, int]:
    found = {}
    for name in (*CATEGORIES, "total"):
        expression = getattr(expressions, name)
        assert expression is not None, name
        found[name] = int(expression.at(sizes))
        assert found[name] == expression.at(sizes)
    return found


@pytest.mark.slow
@pytest.mark.parametrize("train", [False, True], ids=["inference", "training"])
@pytest.mark.parametrize(("make", "given"), CASES, ids=NAMES)
def test_growth_peaks_match_runs_at_other_batches(make: Any, given: Tensor, train: bool) -> None:
    options = {"train": train, "optimizer": "adamw"}
    report = estimate(make(), given, symbolic="batch", **options)
    assert report.peaks
    assert report.peaks[0].first == 2
    assert report.peaks[-1].last is None
    ends = {end for each in report.peaks for end in (each.first, each.last or each.first + 9)}
    for batch in sorted({2, 9, 30, *(end for end in ends if end > 1)}):
        (expected_peak,) = [each for each in report.peaks if each.first <= batch <= (each.last or batch)]
        peak = estimate(make(), given, batch=batch, **options).peak
        found = values(expected_peak.expressions, N=batch)
        assert found.pop("total") == peak.total
        assert sum(found.values()) == peak.total
        one, other = expected_peak, peak
        if (one.phase, one.iteration, one.operation) == (other.phase, other.iteration, other.operation):
            assert found == {name: getattr(peak.amounts, name) for name in CATEGORIES}


@pytest.mark.parametrize("train", [False, True], ids=["inference", "training"])
@pytest.mark.parametrize(("make", "given"), CASES, ids=NAMES)
def test_growth_expressions_equal_amounts_at_own_size(make: Any, given: Tensor, train: bool) -> None:
    report = estimate(make(), given, symbolic="batch", train=train, top=None, points=None)
    own = given.shape[0]
    points: list[MemoryPoint | MemoryModule] = [report.peak, *report.timeline, *report.modules]
    for point in points:
        assert point.expressions is not None
        found = values(point.expressions, N=own)
        assert found.pop("total") == point.total
        assert found == {name: getattr(point.amounts, name) for name in CATEGORIES}
    assert from_data(Memory, json.loads(json.dumps(to_data(report)))) == report


def test_growth_expression_matches_hand_calculation() -> None:
    report = estimate(nn.Linear(3, 5), torch.zeros(4, 3), symbolic="batch")
    (peak,) = report.peaks
    assert peak.expressions.parameters is not None
    assert peak.expressions.parameters.text() == str(4 * (3 * 5 + 5))
    assert peak.expressions.inputs is not None
    assert peak.expressions.inputs.text() == f"{4 * 3}*N"
    assert peak.expressions.activations is not None
    assert peak.expressions.activations.text() == f"{4 * 5}*N"
    assert (peak.first, peak.last, peak.phase, peak.operation) == (2, None, "forward", "aten.addmm")


def test_growth_with_two_symbols_has_no_peak_ranges() -> None:
    tokens = torch.zeros(2, 16, dtype=torch.int64)
    report = estimate(TinyGPT(), tokens, symbolic=["batch", "seq"], train=True, optimizer="none")
    assert report.peaks == ()
    expressions = report.peak.expressions
    assert expressions is not None
    for batch, length in ((2, 16), (3, 20), (5, 31)):
        expected = values(expressions, N=batch, T=length)
        run = estimate(
            TinyGPT(),
            torch.zeros(batch, length, dtype=torch.int64),
            train=True,
            optimizer="none",
            points=None,
        )
        there = run.timeline[report.peak.index]
        assert there.operation == report.peak.operation
        assert expected["total"] == there.total
    assert report.header.symbolic is not None
    assert any("only for a single symbol" in note for note in report.header.symbolic.notes)


class Looping(nn.Module):
    """Model that allocates once for each example."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.stack([torch.relu(each) for each in x])


class Halving(nn.Module):
    """Model that selects every second example, rounded up."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu(x[::2])


class Turning(nn.Module):
    """Model that copies a transposed batch; that of one example is contiguous and is not copied."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu(x.transpose(0, 1).contiguous() * 2)


class Particular(nn.Module):
    """Model that fails to train on a batch divisible by 5."""

    def forward(self, x: Tensor) -> Tensor:
        def refuse(gradient: Tensor) -> None:
            if len(gradient) % 5 == 0:
                raise ValueError("not 5 at once")

        y = torch.relu(x * x.new_ones(1, requires_grad=True))
        if self.training and y.requires_grad:
            y.register_hook(refuse)
        return y


@pytest.mark.parametrize(
    ("model", "options", "words"),
    [
        (Looping(), {}, "all sizes are concrete: the steps of forward depend on N"),
        (Halving(), {}, "the peak of other sizes is unknown: forward 1, aten.relu"),
        (Particular(), {"train": True}, "the run fails on x=5x8: ValueError: not 5 at once"),
    ],
    ids=["steps", "sizes", "failure"],
)
def test_growth_notes_missing_expressions(model: nn.Module, options: dict[str, Any], words: str) -> None:
    report = estimate(model, torch.ones(4, 8), symbolic="batch", **options)
    assert report.peaks == ()
    assert report.header.symbolic is not None
    (note,) = report.header.symbolic.notes
    assert words in note
    text = render(report, Style(format=Format.RICH, width=100))
    assert " ".join(note.split()[:6]) in " ".join(text.split())


def test_growth_allows_batch_one_to_differ() -> None:
    report = estimate(Turning(), torch.ones(1, 8), symbolic="batch")
    assert report.peaks[0].first == 2
    assert report.header.symbolic is not None
    assert "at N = 1 the run allocates differently" in report.header.symbolic.notes[0]
    for batch in (2, 9):
        total = values(report.peaks[0].expressions, N=batch)["total"]
        assert total == estimate(Turning(), torch.ones(batch, 8)).peak.total


@pytest.mark.parametrize(
    ("model", "own", "first"), [(Chain(64), 1, 1), (Chain(64), 4, 2), (Turning(), 4, 2)]
)
def test_growth_gives_the_peak_of_one_only_if_tracked(model: nn.Module, own: int, first: int) -> None:
    report = estimate(model, torch.ones(own, 64), symbolic="batch")
    assert report.peaks[0].first == first
    text = render(report, Style(format=Format.RICH, width=200))
    assert ("the peak of N = 1 is not given" in text) == (first > 1)
    total = values(report.peaks[0].expressions, N=first)["total"]
    assert total == estimate(model, torch.ones(first, 64)).peak.total


def test_growth_differs_from_cuda_only_by_rounding() -> None:
    report = netinspect.memory(Chain(), torch.zeros(4, 64), symbolic="batch", train=True).record
    assert report.allocator == "cuda"
    for batch in (3, 40):
        (expected_peak,) = [each for each in report.peaks if each.first <= batch <= (each.last or batch)]
        exact = values(expected_peak.expressions, N=batch)["total"]
        peak = netinspect.memory(Chain(), torch.zeros(4, 64), batch=batch, train=True).record.peak
        assert exact <= peak.total <= exact + 511 * 40


def test_symbolic_memory_rejects_conflicting_options() -> None:
    given = torch.zeros(4, 64)
    with pytest.raises(UsageError, match="the batch is a number or a symbol"):
        netinspect.memory(Chain(), given, batch=8, symbolic="batch")
    with pytest.raises(UsageError, match="batch sets the first dimension"):
        netinspect.memory(Chain(), given, batch=8, symbolic="rows=x:0")
    with pytest.raises(UsageError, match="a trace of Chain cannot be expressed"):
        netinspect.memory(netinspect.load(Chain(), args=(given,)), symbolic="batch")


def test_memory_of_a_symbolic_trace_has_expressions() -> None:
    trace = netinspect.load("lenet", symbolic="batch")
    assert netinspect.memory(trace).record == netinspect.memory("lenet", symbolic="batch").record


def test_memory_symbolic_json_follows_its_schema(cli: Cli) -> None:
    outcome = cli("memory", "lenet", "--train", "--symbolic", "batch", "--format", "json", "-q")
    assert outcome.code == 0, outcome.err
    assert validation_errors(json.loads(outcome.out)) == []
    report = json.loads(outcome.out)
    assert report["peaks"][-1]["last"] is None
    plain = cli("memory", "lenet", "--train", "--symbolic", "batch", "--format", "plain", "-q").out
    total = report["peaks"][-1]["expressions"]["total"]["terms"]
    assert f"{total[0]['coefficient']}*N + {total[1]['coefficient']}" in plain
    both = cli("memory", "lenet", "--batch", "3", "--symbolic", "batch")
    assert both.code == 2
    assert "the batch is a number or a symbol" in both.err
