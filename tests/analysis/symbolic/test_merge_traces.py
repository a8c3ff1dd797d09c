"""Tests of symbolic traces against traces at sizes that they were not fitted to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
import torch

import netinspect
from netinspect.analysis.operator_counts import cost_of_steps
from netinspect.analysis.rows import Selection
from netinspect.records.base import field_names, replace
from netinspect.records.polynomial import read_size
from netinspect.records.saved import dump_trace, parse_trace
from netinspect.records.trace import Trace
from netinspect.records.values import tensors_in
from netinspect.records.work import Cost, CostExpressions, sum_of
from netinspect.reports.cost.compute import count_cost
from netinspect.reports.summary.compute import build_summary
from tests.analysis.symbolic import nets
from tests.nets.case import rows

SAMPLES = (
    "alexnet", "autoencoder", "encoder", "lenet", "lstm_tagger", "mlp", "resnet18", "shared_layer",
    "tiny_gpt", "two_inputs", "unet",
)  # fmt: skip
NUMBERS = field_names(CostExpressions)


def shapes(trace: Trace) -> list[tuple[int | str, ...]]:
    """Return all input and output shapes of steps, in order."""
    values = [value for step in trace.steps for value in (step.inputs, step.output)]
    return [spec.shape for value in values for spec in tensors_in(value)]


def at(trace: Trace, sizes: Mapping[str, int]) -> list[tuple[int, ...]]:
    """Return the same shapes with sizes for the symbols."""
    names = tuple(sizes)
    return [
        tuple(size if isinstance(size, int) else int(read_size(size, names).at(sizes)) for size in shape)
        for shape in shapes(trace)
    ]


def numbers(cost: Cost, sizes: Mapping[str, int]) -> dict[str, int]:
    """Return the numbers of a cost at given sizes."""
    expressions = cost.expressions
    return {
        name: int(getattr(expressions, name).at(sizes)) if expressions else getattr(cost, name)
        for name in NUMBERS
    }


def own(cost: Cost) -> dict[str, int]:
    return {name: getattr(cost, name) for name in NUMBERS}


def outputs(trace: Trace) -> list[tuple[int | str, ...]]:
    return [spec.shape for spec in tensors_in(trace.output)]


@pytest.fixture(scope="module", params=SAMPLES)
def sample(request: pytest.FixtureRequest) -> tuple[str, Trace]:
    return request.param, netinspect.load(request.param, tensors="meta", symbolic="batch")


def test_merged_expressions_match_a_trace_at_another_batch(sample: tuple[str, Trace]) -> None:
    name, trace = sample
    assert trace.symbolic is not None
    assert [each.symbol for each in trace.symbolic.symbols] == ["N"]
    batch = 9
    assert batch not in (*trace.symbolic.symbols[0].fitted, trace.symbolic.symbols[0].confirmed)
    truth = netinspect.load(name, tensors="meta", batch=batch)
    assert at(trace, {"N": batch}) == shapes(truth)
    total = cost_of_steps(trace.steps)
    assert numbers(total, {"N": batch}) == own(cost_of_steps(truth.steps))


def test_merged_row_expressions_add_up_to_the_total(sample: tuple[str, Trace]) -> None:
    _, trace = sample
    for depth in (1, None):
        report = build_summary(trace, depth=depth)
        assert sum_of(row.own_cost for row in report.rows) == report.rows[0].cost == report.cost
    for by in ("module", "operator", "line"):
        costs = count_cost(trace, Selection(top=2), by=by)
        assert sum_of([*(row.cost for row in costs.rows), costs.rest]) == costs.total


def test_merged_expressions_equal_numbers_at_own_size(
    sample: tuple[str, Trace],
) -> None:
    name, trace = sample
    plain = netinspect.load(name, tensors="meta")
    assert trace.symbolic is not None
    batch = trace.symbolic.symbols[0].size
    assert at(trace, {"N": batch}) == shapes(plain)
    assert own(cost_of_steps(trace.steps)) == own(cost_of_steps(plain.steps))
    if not trace.symbolic.notes:
        assert numbers(cost_of_steps(trace.steps), {"N": batch}) == own(cost_of_steps(plain.steps))
    for one, other in zip(trace.steps, plain.steps, strict=True):
        for left, right in zip(tensors_in(one.output), tensors_in(other.output), strict=True):
            assert (left.elements, left.bytes) == (right.elements, right.bytes)


def test_saved_trace_keeps_its_symbols(sample: tuple[str, Trace]) -> None:
    _, trace = sample
    assert parse_trace(dump_trace(trace), name="it") == trace


@pytest.mark.parametrize(
    ("model", "sizes", "wanted"),
    [
        (nets.Merged(), (3, 4, 6), [("N", 4, 5)]),
        (nets.Doubled(), (10, 6), [("2*N", 5), ("N + 1", 6)]),
        (nets.Reduced(), (10, 6), [(5,)]),
        (nets.Pairs(), (10, 6), [("N^2", 5), ("(N^2 - N)/2", 6)]),
        (nets.Halved(), (10, 6), [("5?", 5)]),
        (nets.Picked(), (10, 6), [("2?", 5)]),
        (nets.Cubed(), (4, 2), [("64?", 5)]),
    ],
)
def test_merged_output_shapes(
    model: torch.nn.Module, sizes: tuple[int, ...], wanted: list[tuple[int | str, ...]]
) -> None:
    trace = netinspect.load(model, args=(rows(*sizes),), symbolic="batch")
    assert outputs(trace) == wanted
    assert trace.symbolic is not None
    doubtful = any(str(size).endswith("?") for shape in wanted for size in shape)
    assert [note.partition(" are")[0] for note in trace.symbolic.notes] == (
        ["sizes with a ?", f"amounts at N = {sizes[0]}"] if doubtful else []
    )


def test_flattened_dimension_is_a_multiple_of_the_symbol() -> None:
    trace = netinspect.load(nets.Merged(), args=(rows(3, 4, 6),), symbolic="batch")
    assert ("4*N", 6) in shapes(trace)
    assert "120*N MACs" in netinspect.cost(trace).text()


@pytest.mark.parametrize(
    ("model", "sizes", "why"),
    [
        (nets.Fixed(), (4, 6), "the model fails at N = 3: RuntimeError: shape '[24]' is invalid"),
        (nets.Looped(), (10, 6), "the steps of forward depend on N: they differ from step"),
        (
            nets.Branched(),
            (10, 6),
            "the steps of forward depend on N: they differ from step 1 on, sigmoid",
        ),
    ],
)
def test_traces_with_other_steps_stay_concrete(
    model: torch.nn.Module, sizes: tuple[int, ...], why: str
) -> None:
    plain = netinspect.load(model, args=(rows(*sizes),))
    trace = netinspect.load(model, args=(rows(*sizes),), symbolic="batch")
    assert trace.symbolic is not None
    assert trace.symbolic.symbols == ()
    (note,) = trace.symbolic.notes
    assert note.startswith(f"all sizes are concrete: {why}")
    assert replace(trace, symbolic=None) == plain
    assert f"note: {note}" in netinspect.summary(trace).text()


def test_value_dependent_selection_is_noted() -> None:
    trace = netinspect.load(nets.Picked(), args=(rows(10, 6),), symbolic="batch")
    assert "forward reads values: with other values, sizes and expressions may differ" in (
        trace.warnings
    )
    cost = netinspect.cost(trace)
    assert "at N = 10" in cost.text()
    assert "30*N MACs" in cost.text()
    assert ",80 at N = 10," in cost.text("csv")


def test_attention_is_quadratic_in_the_sequence() -> None:
    trace = netinspect.load(nets.Attention(), args=(rows(2, 5, 8),), symbolic=["batch", "seq"])
    assert ("N", "T", "T") in shapes(trace)
    total = cost_of_steps(trace.steps)
    assert total.expressions is not None
    assert total.expressions.macs is not None
    # The keys: 8 * 8 for each token; scores and their sum: 8 for each pair, twice.
    assert total.expressions.macs.text() == "16*N*T^2 + 64*N*T"
    truth = netinspect.load(nets.Attention(), args=(rows(4, 9, 8),))
    assert at(trace, {"N": 4, "T": 9}) == shapes(truth)
    assert numbers(total, {"N": 4, "T": 9}) == own(cost_of_steps(truth.steps))


@pytest.mark.parametrize(
    ("symbolic", "places", "output"),
    [
        (["batch"], [("x:1", "state.0:1", "state.1:1")], (5, "N", 2)),
        (["seq"], [("x:0",)], ("T", 3, 2)),
        (["seq", "batch"], [("x:0",), ("x:1", "state.0:1", "state.1:1")], ("T", "N", 2)),
        (["steps=x:-3"], [("x:0",)], ("steps", 3, 2)),
    ],
)
def test_batch_first_decides_which_dimension_is_the_batch(
    symbolic: list[str], places: list[tuple[str, ...]], output: tuple[int | str, ...]
) -> None:
    state = rows(1, 3, 7), rows(1, 3, 7)
    trace = netinspect.load(nets.SequenceFirst(), args=(rows(5, 3, 6), state), symbolic=symbolic)
    assert trace.symbolic is not None
    assert [each.dimensions for each in trace.symbolic.symbols] == places
    assert outputs(trace) == [output]


def test_square_mask_has_the_sequence_twice() -> None:
    batch = {
        "ids": torch.arange(10).reshape(2, 5),
        "mask": torch.zeros(2, 5, 5, dtype=torch.bool),
    }
    trace = netinspect.load(nets.Named(), args=(batch,), symbolic=["batch", "seq"])
    assert trace.symbolic is not None
    assert [each.dimensions for each in trace.symbolic.symbols] == [
        ("batch.ids:0", "batch.mask:0"),
        ("batch.ids:1", "batch.mask:1", "batch.mask:2"),
    ]
    assert outputs(trace) == [("N", "T", 8)]


def test_second_dimension_is_not_the_batch_without_a_layer() -> None:
    class Pooled(torch.nn.Module):
        """Model of two rows of any length."""

        def forward(self, x: torch.Tensor) -> Any:
            one, other = x
            return one + other

    trace = netinspect.load(Pooled(), args=(rows(2, 6),), symbolic="batch")
    assert trace.symbolic is not None
    assert trace.symbolic.symbols == ()
    named = netinspect.load(Pooled(), args=(rows(2, 6),), symbolic="length=x:1")
    assert outputs(named) == [("length",)]


def test_backward_has_expressions() -> None:
    trace = netinspect.load("lenet", backward=True, symbolic="batch")
    truth = netinspect.load("lenet", backward=True, batch=9)
    one, other = netinspect.cost(trace, backward=True), netinspect.cost(truth, backward=True)
    assert one.record.backward is not None
    assert other.record.backward is not None
    assert numbers(one.record.backward, {"N": 9}) == own(other.record.backward)


def test_symbolic_runs_do_not_change_the_model() -> None:
    model = torch.nn.Sequential(torch.nn.BatchNorm1d(6), torch.nn.Dropout()).train()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    state = torch.get_rng_state()
    netinspect.load(model, args=(rows(10, 6),), train=True, symbolic="batch")
    assert torch.equal(torch.get_rng_state(), state)
    assert model.training
    for name, tensor in model.state_dict().items():
        assert torch.equal(tensor, before[name]), name


def test_batch_of_one_may_cost_less_than_its_expressions() -> None:
    class Turned(torch.nn.Module):
        """Model that copies a transposed batch; that of one example is contiguous and is not copied."""

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x.transpose(0, 1).contiguous()

    trace = netinspect.load(Turned(), args=(rows(1, 6),), symbolic="batch")
    assert trace.symbolic is not None
    (note,) = trace.symbolic.notes
    assert note.startswith("at N = 1 some amounts differ from the expressions, which hold for larger")
    cost = cost_of_steps(trace.steps)
    assert cost.bytes_read == 0
    assert cost.expressions is not None
    assert cost.expressions.bytes_read is not None
    assert cost.expressions.bytes_read.text() == "24*N"
