"""Tests of sizes without a valid expression, which are marked."""

from __future__ import annotations

from collections import OrderedDict, UserDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import netinspect
from netinspect.analysis.operator_counts import cost_of_steps
from netinspect.records.trace import Trace
from tests.analysis.symbolic.test_merge_traces import outputs
from tests.nets.case import rows

READS = "forward reads values: with other values, sizes and expressions may differ"


class Runs(nn.Module):
    """Module that runs one function."""

    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: Any) -> Any:
        return self.function(x)


def load_function(function: Callable[..., Any], x: Any, symbolic: str = "batch") -> Trace:
    return netinspect.load(Runs(function), args=(x,), symbolic=symbolic)


def notes(trace: Trace) -> str:
    assert trace.symbolic is not None
    return "\n".join(trace.symbolic.notes)


def test_half_of_batch_one_has_no_expression() -> None:
    """The rounded halves of 2, 3, 5 and 6 lie on a parabola, so these sizes would confirm it."""
    trace = load_function(lambda x: torch.relu(x[: x.shape[0] // 2]), rows(1, 8))
    assert trace.symbolic is not None
    assert trace.symbolic.symbols[0].fitted == (2, 3, 5)
    assert "amounts at N = 1 are not a polynomial" in notes(trace)
    assert "amounts differ from" not in notes(trace)


@pytest.mark.parametrize("length", [10, 16, 128])
@pytest.mark.parametrize(
    "step",
    [
        lambda x: F.pad(x, (0, 0, 0, -x.shape[1] % 64)),
        lambda x: x[:, : x.shape[1] // 32 + 1],
        lambda x: x[:, : int(x.shape[1] ** 0.5)],
        lambda x: x[:, x.shape[1] // 64 * 64 :],
    ],
    ids=["padded to 64", "a 32nd", "the root", "what is left over"],
)
def test_stepwise_sizes_are_not_constant(step: Callable[[Tensor], Tensor], length: int) -> None:
    """Sizes within one step give equal results, so they must be further apart."""
    (shape,) = outputs(load_function(step, rows(2, length, 3), "seq"))
    assert str(shape[1]).endswith("?")


def test_feature_map_height_is_not_constant() -> None:
    layers = [nn.Conv2d(2, 2, 3, stride=2, padding=1) for _ in range(5)]
    trace = netinspect.load(nn.Sequential(*layers), args=(rows(1, 2, 224, 16),), symbolic="height")
    assert outputs(trace) == [(1, 2, "7?", 1)]


def test_maximum_length_is_varied_downwards() -> None:
    positions = rows(16, 3)
    trace = load_function(lambda x: x + positions[torch.arange(x.shape[1])], rows(2, 16, 3), "seq")
    assert outputs(trace) == [(2, "T", 3)]
    assert trace.symbolic is not None
    (symbol,) = trace.symbolic.symbols
    assert max(*symbol.fitted, symbol.confirmed) < 16


def test_failed_run_is_reported_for_the_nearest_size() -> None:
    """A much smaller image would already fail in a convolution, which is not informative."""
    assert "the model fails at M = 23 in fc1" in notes(netinspect.load("lenet", symbolic="M=x:2"))


def test_reason_is_that_of_the_symbol_without_dimensions() -> None:
    """The sequence is found among smaller sizes, after larger ones failed."""
    positions = rows(16, 3)
    trace = netinspect.load(
        Runs(lambda x: x + positions[: x.shape[1]]),
        args=(rows(2, 16, 3),),
        symbolic=["seq", "height"],
    )
    assert "no input dimension was identified as height" in notes(trace)


@pytest.mark.parametrize("axis", [None, 0])
def test_dimension_missing_at_batch_one_is_marked(axis: int | None) -> None:
    def squeezed(x: Tensor) -> Tensor:
        return x.squeeze() if axis is None else x.sum(1).squeeze(axis)

    trace = load_function(squeezed, rows(1, 6))
    assert outputs(trace) == [("6?",) if axis is None else ()]
    assert (
        "at N = 1 values have another structure than at other sizes, such as another rank: the output"
        in (notes(trace))
    )
    assert outputs(load_function(squeezed, rows(4, 6))) == [("N", 6) if axis is None else ("N",)]


def test_sizes_in_plain_values_are_symbolic() -> None:
    trace = load_function(
        lambda x: (x, x.shape, len(x) + 1, len(x) // 2, (2, [len(x), 4]), "4", 1 / len(x)), rows(4, 6)
    )
    assert (
        "output: ((N, 6), (N, 6), N + 1, 2?, (2, [N, 4]), '4', 0.25)" in netinspect.trace(trace).text()
    )
    assert "the output" in notes(trace)


def test_repeated_input_tensor_stays_one_tensor() -> None:
    """Torch uses another implementation if queries and keys are the same tensor."""
    x = rows(4, 5, 8)
    layer = nn.MultiheadAttention(8, 2, batch_first=True)
    trace = netinspect.load(layer, args=(x, x, x), symbolic="batch")
    assert outputs(trace) == [("N", 5, 8), ("N", 5, 5)]
    assert not notes(trace)


def test_resized_tensors_keep_memory_format_and_requires_grad() -> None:
    def flat(x: Tensor) -> Tensor:
        return x.movedim(1, -1).view(-1, 3) if x.requires_grad else x.sum()

    x = rows(2, 3, 4, 4).to(memory_format=torch.channels_last).requires_grad_()
    assert outputs(load_function(flat, x)) == [("16*N", 3)]


def test_batch_of_a_list_must_be_named() -> None:
    trace = load_function(lambda xs: torch.stack(xs), [rows(4, 6), rows(4, 6)])
    assert "that of a list is its length; name it, as in --symbolic batch=x[0]:1" in notes(trace)
    named = load_function(lambda xs: torch.stack(xs), [rows(4, 6), rows(4, 6)], "batch=x[0]:0,x[1]:0")
    assert outputs(named) == [(2, "N", 6)]


def test_endless_loop_at_another_size_is_stopped() -> None:
    def waits(x: Tensor) -> Tensor:
        while len(x) != 4:
            x = F.relu(x)
        return x

    trace = load_function(waits, rows(4, 6))
    assert "at N = 3: TooManySteps: forward takes more than 1002 steps" in notes(trace)
    assert outputs(trace) == [(4, 6)]


class Pair(NamedTuple):
    x: Tensor
    scale: float


@dataclass(frozen=True)
class Record:
    x: Tensor
    scale: float


@pytest.mark.parametrize("kind", [dict, OrderedDict, UserDict, Pair, Record])
def test_symbolic_inputs_in_any_container(kind: Any) -> None:
    held = kind(x=rows(4, 6), scale=2.0)
    is_mapping = kind not in (Pair, Record)
    trace = load_function(lambda each: (each["x"] if is_mapping else each.x) * 2, held)
    assert outputs(trace) == [("N", 6)]
    assert tuple(held["x"].shape if is_mapping else held.x.shape) == (4, 6)


def test_other_operators_at_batch_one_are_noted() -> None:
    x = rows(1, 5, 8)
    trace = netinspect.load(
        nn.MultiheadAttention(8, 2, batch_first=True), args=(x, x, x), symbolic="batch"
    )
    assert "macs" not in notes(trace)
    cost = cost_of_steps(trace.steps)
    assert cost.expressions is not None
    assert cost.expressions.macs is not None
    assert cost.expressions.macs.at({"N": 1}) == cost.macs == 1_680


class Masked(nn.Module):
    """Encoder of torch with its default layout, the sequence first, and a square mask."""

    def __init__(self) -> None:
        super().__init__()
        layer = nn.TransformerEncoderLayer(8, 2, 16)
        self.encoder = nn.TransformerEncoder(layer, 1, enable_nested_tensor=False)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        y: Tensor = self.encoder(x, mask=mask)
        return y


def test_square_mask_with_sequence_first() -> None:
    inputs = rows(5, 3, 8), torch.zeros(5, 5)
    trace = netinspect.load(Masked(), args=inputs, symbolic=["seq", "batch"])
    assert trace.symbolic is not None
    assert [each.dimensions for each in trace.symbolic.symbols] == [
        ("x:0", "mask:0", "mask:1"),
        ("x:1",),
    ]
    assert outputs(trace) == [("T", "N", 8)]


def test_sequence_as_long_as_the_batch_is_not_the_batch() -> None:
    trace = netinspect.load(Masked(), args=(rows(5, 5, 8), torch.zeros(5, 5)), symbolic="seq")
    assert trace.symbolic is not None
    assert not trace.symbolic.symbols


class Placed(nn.Module):
    """Model that adds an embedding of each position."""

    def __init__(self) -> None:
        super().__init__()
        self.positions = nn.Embedding(400, 3)

    def forward(self, x: Tensor, positions: Tensor) -> Tensor:
        y: Tensor = x + self.positions(positions)
        return y


def test_position_vector_has_the_sequence_first() -> None:
    inputs = rows(2, 16, 3), torch.arange(16)
    trace = netinspect.load(Placed(), args=inputs, symbolic="seq")
    assert trace.symbolic is not None
    assert trace.symbolic.symbols[0].dimensions == ("x:1", "positions:0")


class Graph(nn.Module):
    """Model that adds up the neighbours of each node."""

    def forward(self, x: Tensor, edges: Tensor) -> Tensor:
        return torch.zeros_like(x).index_add(0, edges[1], x[edges[0]])


def test_graph_with_fewer_nodes_is_varied_upwards() -> None:
    inputs = rows(10, 3), torch.tensor([[0, 9, 4], [9, 2, 7]])
    assert outputs(netinspect.load(Graph(), args=inputs, symbolic="batch")) == [("N", 3)]


@pytest.mark.parametrize(
    "layer", [nn.LSTM(6, 7), nn.MultiheadAttention(6, 2), nn.GRU(6, 7, batch_first=True)]
)
def test_unbatched_sequence_has_no_batch(layer: nn.Module) -> None:
    x = rows(5, 6)
    args = (x, x, x) if isinstance(layer, nn.MultiheadAttention) else (x,)
    trace = netinspect.load(layer, args=args, symbolic="batch")
    assert trace.symbolic is not None
    assert not trace.symbolic.symbols
    assert "is not the batch, as the model takes it" in notes(trace)
    assert outputs(netinspect.load(layer, args=args, symbolic="seq"))[0][0] == "T"


@pytest.mark.parametrize("layout", ["csr", "jagged"])
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_input_that_cannot_be_resized_stays_concrete(layout: str) -> None:
    if layout == "csr":
        x, why = torch.eye(4).to_sparse_csr(), "the inputs cannot be made at N = 3: Could not run"
    else:
        parts = [torch.ones(2, 3), torch.ones(1, 3)]
        x, why = torch.nested.nested_tensor(parts, layout=torch.jagged), "no input has a dimension"
    trace = load_function(lambda x: x * 2, x)
    assert trace.symbolic is not None
    assert not trace.symbolic.symbols
    assert f"all sizes are concrete: {why}" in notes(trace)


@pytest.mark.parametrize(
    "function",
    [
        lambda x: x[:, : x.long().max()],
        lambda x: torch.unique_consecutive(x),
        lambda x: torch.where(x > 0)[0],
        lambda x: torch.bincount(x.long().reshape(-1)),
        lambda x: torch.repeat_interleave(x[:, 0], x[:, 0].long()),
        lambda x: F.one_hot(x.long()),
        lambda x: x.tolist() and x,
    ],
    ids=["a slice", "unique_consecutive", "where", "bincount", "repeat_interleave", "one_hot", "tolist"],
)
def test_value_dependent_sizes_are_noted(function: Callable[[Tensor], Tensor]) -> None:
    assert READS in load_function(function, torch.ones(4, 3)).warnings


@pytest.mark.parametrize(
    "function",
    [
        lambda x: x.masked_fill((x > 0)[:, :], 0),
        lambda x: x.float() * 2,
        lambda x: x.bool().int().logical_not(),
    ],
    ids=["a mask that is cut", "float", "bool and int"],
)
def test_empty_selection_reads_no_bytes(function: Callable[[Tensor], Tensor]) -> None:
    """`Tensor.float` returns another tensor; only `__float__` reads the value."""
    assert READS not in load_function(function, rows(4, 6)).warnings


def test_number_read_from_a_tensor_counts_bytes() -> None:
    assert READS in load_function(lambda x: x * float(x[0, 0]), rows(4, 6)).warnings
