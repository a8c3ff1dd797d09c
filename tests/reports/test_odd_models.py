"""Tests of the reports on every sample and odd model."""

from __future__ import annotations

import pytest

from netinspect.analysis.module_index import Structure
from netinspect.analysis.rows import Selection
from netinspect.records.report_header import Totals
from netinspect.records.saved import dump_trace, parse_trace
from netinspect.reports.internals.compute import build_internals
from netinspect.reports.params.compute import list_tensors
from netinspect.reports.source.compute import annotate_source
from netinspect.reports.summary.compute import ROW_KEYS, build_summary
from netinspect.reports.trace.compute import list_steps
from netinspect.reports.tree.compute import build_tree
from netinspect.tracing.model.members import every_path
from tests.nets.case import Case
from tests.nets.every import CASES
from tests.reports.traces import ODD, SAMPLES, trace_of, unique_parameters

NEVER_CALLED = {
    "uncalled": ("idle", "idle_branch"),
    "directly": ("idle",),
    "chosen": ("named.wide", "numbered.0"),
}
"""Modules without calls, except lists, `out_proj` and modules whose `forward` is called directly."""

every_name = pytest.mark.parametrize("name", [*SAMPLES, *ODD])


@every_name
def test_parse_trace_returns_the_dumped_trace(name: str) -> None:
    trace = trace_of(name)
    assert parse_trace(dump_trace(trace), name=name) == trace


@every_name
def test_never_called_of_odd_models(name: str) -> None:
    expected = NEVER_CALLED.get(name, ())
    assert Structure(trace_of(name)).never_called() == expected
    assert build_summary(trace_of(name)).never_called == expected


@every_name
@pytest.mark.parametrize("operations", [False, True], ids=["defined", "executed"])
def test_build_summary_selection_keeps_the_sum_of_parameters(name: str, operations: bool) -> None:
    trace = trace_of(name)
    elements, _ = unique_parameters(name)
    numbered = any("0" in module.path for module in trace.modules)
    for selection, depth in (
        (Selection(include=["*0*"] if numbered else ["*"]), None),
        (Selection(exclude=["*linear*"]), None),
        (Selection(top=2), 1),
        *((Selection(sort=key, top=3), None) for key in ROW_KEYS.names),
    ):
        report = build_summary(trace, selection, functions=operations, depth=depth)
        assert report.shown.parameters <= elements
        if report.flat and selection.top is not None:
            # The rows of a list do not overlap.
            assert sum(row.parameters for row in report.rows) == report.shown.parameters


@every_name
def test_list_tensors_counted_rows_add_up_to_the_totals(name: str) -> None:
    elements, size = unique_parameters(name)
    report = list_tensors(trace_of(name), buffers=True)
    counted = [row for row in report.rows if row.counted and row.kind == "parameter"]
    assert isinstance(report.totals, Totals)
    assert sum(row.elements for row in counted) == report.totals.parameters == elements
    assert sum(row.bytes for row in counted) == size
    tied = {row.name for row in report.rows if row.tied_to and row.kind == "parameter"}
    in_ties = {path for tie in report.ties for path in tie.names}
    # A module with two paths, possibly the root, is one tie for everything in it.
    for name in tied:
        assert "" in in_ties or any(name == path or name.startswith(f"{path}.") for path in in_ties)


@every_name
def test_tree_and_internals_of_every_module(name: str) -> None:
    trace = trace_of(name)
    for module in trace.modules:
        assert build_internals(trace, path=module.path).path == module.path
        assert build_tree(trace, path=module.path, depth=1).root.path == module.path
    # The code of a class is that of each of its modules.
    for path in {module.class_path: module.path for module in trace.modules}.values():
        assert annotate_source(trace, path=path).listings
        assert annotate_source(trace, path=path, whole_class=True).listings


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_build_internals_dictionaries_have_the_keys_of_the_module(case: Case) -> None:
    name, model = case.name, case.model()
    trace = trace_of(name)
    for path, module, _ in every_path(model):
        keys = {
            dictionary.name: {entry.key for entry in dictionary.entries}
            for dictionary in build_internals(trace, path=path).dictionaries
        }
        for attribute in ("_parameters", "_buffers", "_modules"):
            assert keys[attribute] == {
                key for key, value in vars(module)[attribute].items() if value is not None
            }
        assert keys["_non_persistent_buffers_set"] == module._non_persistent_buffers_set


@every_name
def test_list_steps_lists_or_counts_every_step(name: str) -> None:
    trace = trace_of(name)
    below_root = len(trace.steps) - 1
    for depth in (None, 1, 2):
        report = list_steps(trace, depth=depth)
        assert len(report.rows) + report.hidden == below_root
    assert len(list_steps(trace, inside_layers=True).rows) == below_root
