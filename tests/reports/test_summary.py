"""Tests of the `summary` report: rows add up to torch's own totals in any view."""

from __future__ import annotations

import pytest
import torch
from torch import nn

import netinspect
from netinspect.analysis.rows import Selection
from netinspect.errors import UsageError
from netinspect.records.work import sum_of
from netinspect.reports.shared.folding import fold_rows
from netinspect.reports.summary.compute import ROW_KEYS, build_summary
from netinspect.reports.summary.record import RowSum
from tests.nets.case import capture_trace
from tests.reports.traces import ODD, SAMPLES, trace_of, unique_parameters


@pytest.mark.parametrize("operations", [False, True], ids=["defined", "executed"])
@pytest.mark.parametrize("depth", [None, 1, 2, 3])
@pytest.mark.parametrize("name", [*SAMPLES, *ODD])
def test_build_summary_rows_add_up_to_the_totals_of_torch(
    name: str, depth: int | None, operations: bool
) -> None:
    report = build_summary(trace_of(name), depth=depth, functions=operations)
    elements, size = unique_parameters(name)
    assert report.totals.parameters == elements
    assert sum(row.own_parameters for row in report.rows) == elements
    assert report.totals.bytes == sum(row.own_bytes for row in report.rows) == size
    assert sum_of(row.own_cost for row in report.rows) == report.rows[0].cost == report.cost
    assert (report.rows[0].parameters, report.rows[0].bytes) == (elements, size)
    assert report.shown == RowSum(parameters=elements, bytes=size, cost=report.cost)
    assert report.hidden == 0


@pytest.mark.parametrize("name", SAMPLES)
def test_build_summary_lists_or_folds_every_module(name: str) -> None:
    trace = trace_of(name)
    for depth in (None, 1, 2):
        report = build_summary(trace, depth=depth)
        assert len(report.rows) + sum(row.folded for row in report.rows) == len(trace.modules)
        assert max(row.depth for row in report.rows) <= (depth or 99)


@pytest.mark.parametrize("sort", ROW_KEYS.names)
def test_build_summary_counts_hidden_rows_of_a_list(sort: str) -> None:
    trace = trace_of("resnet18")
    listed = build_summary(trace, Selection(sort=sort))
    assert listed.hidden == 0
    for top in (0, 3, 100):
        report = build_summary(trace, Selection(sort=sort, top=top))
        assert report.rows == listed.rows[:top]
        assert len(report.rows) + report.hidden == len(listed.rows)


def test_build_summary_counts_filtered_rows() -> None:
    trace = trace_of("resnet18")
    for selection in (Selection(include=["layer1.*"]), Selection(exclude=["*conv*"])):
        report = build_summary(trace, selection)
        assert len(report.rows) + report.hidden == len(trace.modules)
    assert build_summary(trace, Selection(include=["layer1.*"])).shown.parameters == 147_968


def test_build_summary_of_a_sorted_list_adds_up_to_the_total() -> None:
    report = build_summary(trace_of("tiny_gpt"), Selection(sort="macs"))
    assert report.hidden == 0
    assert (report.shown.parameters, report.shown.bytes) == (170_560, report.totals.bytes)
    assert sum(row.parameters for row in report.rows) == report.totals.parameters
    assert sum(row.cost.macs for row in report.rows) == report.cost.macs
    itself = [row.path for row in report.rows if row.itself]
    assert itself == [f"blocks.{number}.attention" for number in range(3)]


def test_build_summary_lists_a_module_whole_if_nothing_below_it_is_listed() -> None:
    (row,) = build_summary(trace_of("resnet18"), Selection(include=["layer4"], top=5)).rows
    assert (row.path, row.parameters, row.itself) == ("layer4", 8_393_728, False)
    rows = build_summary(trace_of("resnet18"), Selection(sort="params"), depth=1).rows
    assert [row.path for row in rows][:2] == ["layer4", "layer3"]
    assert sum(row.parameters for row in rows) == 11_689_512


def test_build_summary_lists_each_call_with_its_own_cost() -> None:
    class Thrice(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.block = nn.Sequential(nn.Linear(8, 8), nn.ReLU())

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.block(self.block(self.block(x)))

    trace = capture_trace(Thrice(), torch.zeros(2, 8))
    for sort in ("params", "macs"):
        report = build_summary(trace, Selection(include=["block"], sort=sort), order="calls")
        assert sorted((row.parameters, row.cost.macs) for row in report.rows) == [
            (0, 128),
            (0, 128),
            (72, 128),
        ]
        assert (report.shown.parameters, report.shown.cost.macs) == (72, 384)


@pytest.mark.parametrize("order", ["definition", "calls"])
def test_build_summary_marks_the_branch_of_a_failure_through_containers(order: str) -> None:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.stages = nn.ModuleList([nn.ModuleList([nn.Linear(8, 8), nn.Linear(9, 8)])])
            self.head = nn.Linear(8, 2)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            for layer in self.stages.get_submodule("0").children():
                x = layer(x)
            return self.head(x)

    trace = capture_trace(Net(), torch.zeros(2, 8))
    report = build_summary(trace, order=order)
    shown = {row.path: row.failed for row in fold_rows(report.rows)}
    assert shown["stages.0.1"]
    assert {path for path, failed in shown.items() if not failed} == {"stages.0.0", "head"}


def test_build_summary_sums_include_modules_below_an_alias() -> None:
    shared = nn.Sequential(nn.Linear(8, 8), nn.Linear(8, 4))
    net = nn.Sequential(nn.Sequential(shared), nn.Sequential(shared, nn.Linear(4, 8)))
    rows = {row.path: row for row in build_summary(netinspect.capture(net)).rows}
    for path, module in net.named_modules(remove_duplicate=False):
        if path in rows:
            assert rows[path].parameters == sum(each.numel() for each in module.parameters()), path
    assert (rows["1.0"].alias_of, rows["1.0"].parameters) == ("0.0", 108)
    assert sum(row.own_parameters for row in rows.values()) == rows[""].parameters == 148


def test_build_summary_sorts_from_the_largest_and_stably() -> None:
    report = build_summary(trace_of("resnet18"), Selection(sort="params", top=4))
    sizes = [row.parameters for row in report.rows]
    assert sizes == sorted(sizes, reverse=True)
    assert [row.path for row in report.rows][:3] == [
        "layer4.0.conv2",
        "layer4.1.conv1",
        "layer4.1.conv2",
    ]
    with pytest.raises(UsageError, match="cannot sort by 'parms'") as caught:
        build_summary(trace_of("lenet"), Selection(sort="parms"))
    assert caught.value.hint is not None
    assert caught.value.hint.startswith("did you mean 'params'?\n")


def test_summary_params_include_submodules() -> None:
    rows = {row.path: row for row in build_summary(trace_of("tiny_gpt")).rows}
    assert rows[""].parameters == 170_560
    assert rows["blocks"].parameters == 3 * rows["blocks.0"].parameters == 3 * 49_984
    # The head's weight is the embedding's: its subtree includes it, its own row does not.
    head = rows["head"]
    assert (head.parameters, head.own_parameters, head.tied) == (16_384, 0, 16_384)


def test_build_summary_lists_ties() -> None:
    (tie,) = build_summary(trace_of("tiny_gpt")).ties
    assert tie.names == ("token_embedding.weight", "head.weight")
    assert (tie.elements, tie.bytes) == (16_384, 65_536)


def test_never_called_excludes_a_module_whose_weight_is_used() -> None:
    # MultiheadAttention hands the weight of out_proj to a function, and never calls it.
    assert build_summary(trace_of("encoder")).never_called == ()
    calls = {row.path: row.calls for row in build_summary(trace_of("encoder")).rows}
    assert calls["encoder.layers.0.self_attn.out_proj"] == 0


def test_never_called_note_folds_paths_and_names_parameters() -> None:
    model = nn.Sequential(nn.Linear(2, 2))
    for number in range(6):
        model[0].add_module(f"idle{number}", nn.Linear(2, 2))
    model[0].dropout = nn.Dropout()
    view = netinspect.summary(model, torch.zeros(1, 2))
    note = "never called: 0.idle* (6), with 36 parameters"
    assert note in str(view).splitlines()
    assert view.record.never_called[-1] == "0.dropout"
    assert "dropout" not in note
    assert "0.idle5" in view.text("json")


def test_build_summary_functions_are_in_order_of_execution() -> None:
    report = build_summary(trace_of("shared_layer"), functions=True)
    assert [row.name for row in report.rows][:8] == [
        "", "sub", "mul", "unbind", "mixing", "tanh", "mul", "add",
    ]  # fmt: skip
    mixing = [row for row in report.rows if row.path == "mixing" and row.kind == "module"]
    assert [row.calls for row in mixing] == [1, 2, 3, 4]
    assert [row.own_parameters for row in mixing] == [1_056, 0, 0, 0]


def test_build_summary_of_lenet_matches_the_tutorial() -> None:
    report = build_summary(trace_of("lenet"))
    assert [(row.name, row.parameters) for row in report.rows] == [
        ("", 44_426),
        ("conv1", 156),
        ("conv2", 2_416),
        ("fc1", 30_840),
        ("fc2", 10_164),
        ("fc3", 850),
    ]


def test_summary_share_of_tied_head_is_a_dash() -> None:
    view = netinspect.summary(trace_of("tiny_gpt"))
    (head,) = (line for line in view.text(width=100).splitlines() if "─ head " in line)
    assert "tied" in head
    assert "%" not in head
    top = [row for row in view.record.rows if row.depth == 1 and not row.tied]
    assert sum(row.share for row in top) == pytest.approx(1)
