"""Tests of the `cost` report, and of the counts of other projects."""

from __future__ import annotations

import csv

import pytest

import netinspect
from netinspect.analysis.operator_counts import (
    cost_of,
    cost_of_steps,
    fvcore_activations,
    fvcore_macs,
    torchvision_macs,
)
from netinspect.analysis.rows import Selection
from netinspect.errors import SavedTraceError, UsageError
from netinspect.records.trace import Trace
from netinspect.records.work import Cost, Work, sum_of
from netinspect.reports.cost.compute import GROUPINGS, ROW_KEYS, add_up, count_cost
from netinspect.reports.summary.compute import build_summary
from tests.reports.traces import ODD, trace_of

EVERY = ("resnet18", "tiny_gpt", "shared_layer", "lstm_tagger", "encoder", "unet", "two_inputs")
SAMPLES = ("lenet", "tiny_gpt", "shared_layer", "lstm_tagger", "two_inputs", "encoder", "unet")


def costed(name: str) -> Trace:
    trace = trace_of(name)
    if trace.counted == "no":
        pytest.skip("forward did not run")
    return trace


@pytest.fixture(scope="module", params=SAMPLES)
def trace(request: pytest.FixtureRequest) -> Trace:
    return netinspect.load(request.param)


@pytest.mark.parametrize("by", GROUPINGS)
@pytest.mark.parametrize("top", [None, 2])
def test_count_cost_rows_and_rest_add_up_to_the_total(trace: Trace, by: str, top: int | None) -> None:
    report = count_cost(trace, Selection(top=top), by=by)
    assert report.total == cost_of_steps(trace.steps)
    assert report.total.macs > 0
    assert sum_of([*(row.cost for row in report.rows), report.rest]) == report.total
    assert sum(row.share for row in report.rows) == pytest.approx(
        1 - report.rest.macs / report.total.macs
    )
    assert len(report.rows) + report.hidden == len(count_cost(trace, by=by).rows)


@pytest.mark.parametrize("depth", [0, 1, 2, 3, None])
def test_count_cost_depth_does_not_change_the_total(trace: Trace, depth: int | None) -> None:
    report = count_cost(trace, depth=depth)
    assert sum_of(row.cost for row in report.rows) == report.total
    assert sum(row.parameters or 0 for row in report.rows) == report.parameters
    if depth is not None:
        assert all(row.key.count(".") < max(1, depth) for row in report.rows)


@pytest.mark.parametrize("depth", [0, 1, 2, None])
@pytest.mark.parametrize("operations", [False, True])
def test_build_summary_costs_add_up_to_the_total(
    trace: Trace, operations: bool, depth: int | None
) -> None:
    report = build_summary(trace, functions=operations, depth=depth)
    assert sum_of(row.own_cost for row in report.rows) == report.cost == cost_of_steps(trace.steps)


def test_count_cost_by_module_and_class_counts_all_parameters(trace: Trace) -> None:
    for by in ("module", "class"):
        report = count_cost(trace, by=by)
        assert sum(row.parameters or 0 for row in report.rows) == report.parameters


def test_count_cost_flops_are_two_for_each_mac(trace: Trace) -> None:
    report = count_cost(trace, by="operator")
    assert report.total.flops == 2 * report.total.macs
    assert all(row.cost.flops == 2 * row.cost.macs for row in report.rows)


@pytest.mark.parametrize("key", ROW_KEYS.numbers)
def test_count_cost_sorts_rows_from_the_largest(key: str) -> None:
    rows = count_cost(netinspect.load("lenet"), Selection(sort=key)).rows
    numbers = [ROW_KEYS.numbers[key](row) for row in rows]
    assert numbers == sorted(numbers, reverse=True)


def test_count_cost_of_lenet_by_hand() -> None:
    report = count_cost(netinspect.load("lenet"))
    by_hand = {
        "conv1": 10 * 6 * 24 * 24 * 25,
        "conv2": 10 * 16 * 8 * 8 * 6 * 25,
        "fc1": 10 * 256 * 120,
        "fc2": 10 * 120 * 84,
        "fc3": 10 * 84 * 10,
    }
    assert {row.key: row.cost.macs for row in report.rows if row.cost.macs} == by_hand
    assert [row.key for row in report.rows[:3]] == ["conv2", "conv1", "fc1"]
    assert report.total.macs == sum(by_hand.values())
    outputs = 10 * (6 * 24 * 24 + 16 * 8 * 8 + 120 + 84 + 10)
    assert report.total.activations == outputs
    conv1 = next(row for row in report.rows if row.key == "conv1").cost
    read = 4 * (10 * 28 * 28 + 6 * 25 + 6)
    written = 4 * 10 * 6 * 24 * 24
    assert (conv1.bytes_read, conv1.bytes_written) == (read, written)
    assert conv1.intensity == 2 * conv1.macs / (read + written)


@pytest.mark.parametrize("name", [*EVERY, *ODD])
@pytest.mark.parametrize("depth", [None, 2])
def test_count_cost_list_without_overlap(name: str, depth: int | None) -> None:
    trace = costed(name)
    listed = count_cost(trace, depth=depth)
    assert sum_of(row.cost for row in listed.rows) == listed.total
    assert sum(row.parameters or 0 for row in listed.rows) == listed.parameters
    assert listed.hidden == 0
    paths = {row.key for row in listed.rows}
    for row in listed.rows:
        assert row.itself == any(is_below(path, row.key) for path in paths)
        assert row.parameters or row.cost != Cost()


@pytest.mark.parametrize("name", [*EVERY, *ODD])
def test_count_cost_folded_rows_times_repeats_are_the_unfolded_ones(name: str) -> None:
    report = count_cost(costed(name))
    shown = report.rows if report.folded is None else report.folded.rows
    assert sum(row.repeats for row in shown) == len(report.rows)
    for first in shown:
        group = [row for row in report.rows if first.key in (row.key, row.repeat_of)]
        assert len(group) == first.repeats
        assert {(row.cost, row.parameters, row.calls, row.class_name) for row in group} == {
            (first.cost, first.parameters, first.calls, first.class_name)
        }
        assert (group[-1].key if len(group) > 1 else "") == first.last_key
    sums = [add_up([row] * row.repeats).cost.macs for row in shown]
    assert sums == sorted(sums, reverse=True)
    unfolded = count_cost(costed(name), fold=False).rows
    assert sorted(row.key for row in unfolded) == sorted(row.key for row in report.rows)
    macs = [row.cost.macs for row in unfolded]
    assert macs == sorted(macs, reverse=True)


@pytest.mark.parametrize("name", [*EVERY, *ODD])
@pytest.mark.parametrize("depth", [None, 1, 2])
def test_count_cost_tree_sums(name: str, depth: int | None) -> None:
    trace = costed(name)
    report, listed = count_cost(trace, tree=True, depth=depth), count_cost(trace, depth=depth)
    if not report.rows:
        assert listed.rows == ()
        return
    assert (report.rows[0].cost, report.rows[0].parameters) == (report.total, report.parameters)
    assert {row.key for row in listed.rows} <= {row.key for row in report.rows}
    for row in report.rows:
        below = [each for each in listed.rows if each.key == row.key or is_below(each.key, row.key)]
        assert row.cost == sum_of(each.cost for each in below)


def is_below(path: str, other: str) -> bool:
    return path != other and (not other or path.startswith(f"{other}."))


@pytest.mark.parametrize(
    ("patterns", "rows"),
    [
        (["layer4"], {"layer4": False}),
        (["layer4*"], {"layer4.0.conv1": False}),
        (["layer4.0", "layer4.0.conv?"], {"layer4.0": True, "layer4.0.conv1": False}),
    ],
)
def test_count_cost_lists_a_module_whole_if_none_below_it_is_listed(
    patterns: list[str], rows: dict[str, bool]
) -> None:
    trace = trace_of("resnet18")
    report = count_cost(trace, Selection(include=patterns))
    found = {row.key: row.itself for row in report.rows}
    assert rows.items() <= found.items()
    assert sum_of([*(row.cost for row in report.rows), report.rest]) == report.total
    if patterns != ["layer4.0", "layer4.0.conv?"]:
        (layer4,) = (row for row in count_cost(trace, tree=True).rows if row.key == "layer4")
        assert sum_of(row.cost for row in report.rows) == layer4.cost


def test_count_cost_top_limits_records_and_folded_rows() -> None:
    trace = trace_of("tiny_gpt")
    view = netinspect.cost(trace, top=2)
    report = view.record
    assert [row.key for row in report.rows] == ["blocks.0.perceptron.0", "blocks.0.perceptron.2"]
    assert report.folded is not None
    assert [(row.key, row.repeats) for row in report.folded.rows] == [
        ("blocks.0.perceptron.0", 3),
        ("blocks.0.perceptron.2", 3),
    ]
    assert report.hidden == report.folded.hidden + 4
    assert report.folded.rest.macs + 6 * report.rows[0].cost.macs == report.total.macs
    text = view.text(width=100)
    assert "blocks.0..2.perceptron.0  x3" in text
    assert "3 x 1.049 M" in text
    assert "2 rows shown  " in text
    assert f"{report.folded.hidden} modules not shown" in text
    assert f"# {report.hidden} modules not shown: " in view.text(format="plain")


@pytest.mark.parametrize("sort", [None, "params"])
def test_count_cost_records_are_in_descending_order(sort: str | None) -> None:
    report = count_cost(trace_of("resnet18"), Selection(sort=sort, top=5))
    amounts = [row.cost.macs if sort is None else row.parameters or 0 for row in report.rows]
    assert len(amounts) == 5
    assert amounts == sorted(amounts, reverse=True)


def test_count_cost_refuses_a_sorted_tree() -> None:
    with pytest.raises(UsageError, match="it does not go with by and top"):
        count_cost(trace_of("lenet"), Selection(top=2), by="class", tree=True)


def test_count_cost_by_line_lists_lines_of_the_model() -> None:
    report = count_cost(netinspect.load("lenet"), by="line")
    assert [row.key.rpartition("/")[2] for row in report.rows] == [
        "lenet.py:30", "lenet.py:29", "lenet.py:32", "lenet.py:33", "lenet.py:34",
    ]  # fmt: skip
    assert all(row.called_at is not None for row in report.rows)


def test_count_cost_backward_total_of_lenet() -> None:
    trace = netinspect.load("lenet", backward=True)
    report = count_cost(trace, backward=True)
    # Two products for each of forward, except the gradient of the model's input.
    assert report.backward is not None
    conv1 = next(row for row in report.rows if row.key == "conv1").cost.macs
    assert report.backward.macs == 2 * report.total.macs - conv1
    assert count_cost(trace).backward is None
    with pytest.raises(SavedTraceError, match="contains no backward"):
        count_cost(netinspect.load("lenet"), backward=True)


def test_count_cost_rejects_an_unknown_grouping() -> None:
    with pytest.raises(UsageError, match="cannot group by 'modul'") as caught:
        count_cost(netinspect.load("lenet"), by="modul")
    assert "module" in str(caught.value.hint)


def work(operator: str, kind: str, macs: int | None, flops: int | None, elements: int = 1) -> Work:
    return Work(
        operator=operator,
        kind=kind,  # type: ignore[arg-type]
        calls=1,
        macs=macs,
        flops=flops,
        elements=elements,
        bytes_read=3,
        bytes_written=4,
    )


def test_cost_of_counts_uncounted_calls_apart() -> None:
    works = (
        work("aten.mm", "matrix_product", 5, 10, 7),
        work("aten.relu", "elementwise", 0, 2),
        work("my.own", "unknown", None, None),
        work("aten._upsample_bilinear2d_aa", "interpolation", 0, None),
    )
    assert cost_of(works) == Cost(
        macs=5,
        flops=10,
        other_flops=2,
        activations=7,
        bytes_read=12,
        bytes_written=16,
        uncounted=1,
        uncounted_flops=2,
    )


def test_published_counts_of_a_small_network_by_hand() -> None:
    import torch
    from torch import nn

    model = nn.Sequential(
        nn.Conv2d(3, 8, 3, bias=False),
        nn.BatchNorm2d(8),
        nn.ReLU(),
        nn.GroupNorm(2, 8),
        nn.Upsample(scale_factor=2),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(8, 4),
    )
    trace = netinspect.capture(model, torch.zeros(2, 3, 6, 6))
    convolution, linear, elements = 2 * 8 * 4 * 4 * 27, 2 * 8 * 4, 2 * 8 * 4 * 4
    assert torchvision_macs(trace) == convolution + linear
    normal = 2 * elements + 5 * elements
    assert fvcore_macs(trace) == convolution + linear + normal + 4 * elements + 4 * elements
    assert fvcore_activations(trace) == elements + 2 * 4


def test_fvcore_counts_skip_a_convolution_with_string_padding() -> None:
    import torch
    from torch import nn

    trace = netinspect.capture(nn.Conv2d(3, 8, 3, padding="same"), torch.zeros(1, 3, 6, 6))
    assert (fvcore_macs(trace), fvcore_activations(trace)) == (0, 0)
    assert torchvision_macs(trace) == 8 * 6 * 6 * 27


def test_count_cost_includes_a_global_hook_before_the_model() -> None:
    import torch
    from torch import nn
    from torch.nn.modules.module import register_module_forward_pre_hook

    def hook(module: nn.Module, args: tuple[torch.Tensor, ...]) -> None:
        torch.mm(torch.ones(2, 3), torch.ones(3, 4))

    handle = register_module_forward_pre_hook(hook)
    try:
        trace = netinspect.capture(nn.Sequential(nn.Linear(3, 3)), torch.zeros(1, 3))
    finally:
        handle.remove()
    total = 2 * (2 * 3 * 4) + 3 * 3
    assert count_cost(trace).total.macs == total
    for operations in (False, True):
        report = build_summary(trace, functions=operations)
        assert sum(row.own_cost.macs for row in report.rows) == report.cost.macs == total


def test_cost_marks_incomplete_numbers_as_lower_bounds() -> None:
    import torch
    from torch import nn

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(3, 3)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            out: torch.Tensor = torch.linalg.svdvals(self.layer(x) @ self.layer(x))
            return out.relu()

    trace = netinspect.capture(Net(), torch.ones(3, 3))
    text = netinspect.cost(trace).text(width=160)
    layer, root, total = (
        line for line in text.splitlines() if line.startswith(("Net (itself) ", "layer ", "total "))
    )
    # MACs, FLOPs, other FLOPs, activations and intensity; the bytes are complete.
    assert root.count(">=") == total.count(">=") == 5
    assert ">= 27" in root
    assert ">=" not in layer
    assert "shares are those of what was counted" in text
    assert total.split()[1:3] == [">=", "81"]
    (hidden,) = (
        line
        for line in netinspect.cost(trace, top=0).text(width=160).splitlines()
        if line.startswith("2 modules not shown")
    )
    assert hidden.split()[4:6] == [">=", "81"]
    rows = csv.DictReader(netinspect.summary(trace).text(format="csv").splitlines())
    assert [row["uncounted"] for row in rows] == ["1", "0"]


def test_cost_marks_the_whole_total_of_a_partly_counted_trace() -> None:
    from netinspect.records.base import replace

    trace = replace(netinspect.load("lenet"), counted="partly")
    text = netinspect.cost(trace).text(width=160)
    (total,) = (line for line in text.splitlines() if line.startswith("total "))
    # The bytes too, so that the intensity has no bound.
    assert total.count(">=") == 6
    text = netinspect.summary(trace).text(width=160)
    assert "at least 2,816,400 MACs" in text
    assert ">= 2.816 M" in text.splitlines()[2]


def test_cost_without_macs_shows_no_share() -> None:
    import torch
    from torch import nn

    text = netinspect.cost(netinspect.capture(nn.Sequential(nn.ReLU()), torch.ones(3))).text(width=160)
    (total,) = (line for line in text.splitlines() if line.startswith("total "))
    assert "%" not in total


def test_cost_tree_names_what_it_leaves_out() -> None:
    import torch
    from torch import nn

    layers = nn.Sequential(nn.Sequential(nn.Linear(3, 3), nn.Identity()), nn.Flatten())
    trace = netinspect.capture(layers, torch.ones(2, 3))
    report = count_cost(trace, tree=True)
    assert (report.empty, report.below) == (2, 0)
    assert "2 modules without cost or parameters not shown" in netinspect.cost(trace, tree=True).text()
    short = count_cost(trace, tree=True, depth=1)
    assert (short.empty, short.below) == (1, 2)
    text = netinspect.cost(trace, tree=True, depth=1).text()
    assert "2 modules below these levels (depth=None shows all)" in text
