"""Tests of the selection of rows and of names of columns and formats."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import netinspect
from netinspect.analysis.rows import RowKeys, Selection
from netinspect.errors import UsageError
from netinspect.records.base import replace
from netinspect.rendering.document import Table
from netinspect.rendering.formats import Style
from netinspect.reports.cost import compute as cost
from netinspect.reports.cost.compute import count_cost
from netinspect.reports.cost.record import CostReport
from netinspect.reports.params import compute as params
from netinspect.reports.params.compute import list_tensors
from netinspect.reports.render import lay_out, render
from netinspect.reports.summary import compute as summary
from netinspect.reports.summary.compute import build_summary
from tests.reports.traces import trace_of


@pytest.mark.parametrize(
    ("heading", "key"),
    [("Params", "params"), ("Bytes", "bytes"), ("PATH", "path")],
)
def test_sort_accepts_heading(heading: str, key: str) -> None:
    trace = trace_of("lenet")
    assert netinspect.summary(trace, sort=heading).record == netinspect.summary(trace, sort=key).record


@pytest.mark.parametrize(
    ("keys", "report"),
    [
        (summary.ROW_KEYS, build_summary(trace_of("lenet"))),
        (params.ROW_KEYS, list_tensors(trace_of("lenet"))),
        *(
            (replace(cost.ROW_KEYS, path_key=by), count_cost(trace_of("lenet"), by=by))
            for by in cost.GROUPINGS
        ),
    ],
)
def test_sort_keys_are_column_keys(keys: RowKeys[Any], report: Any) -> None:
    table = lay_out(report).blocks[0]
    assert isinstance(table, Table)
    # The sort key `bytes` of cost is the sum of the columns `read` and `written`.
    exceptions = {"bytes"} if isinstance(report, CostReport) else set()
    assert set(keys.names) - exceptions <= {column.key for column in table.columns}


def test_columns_accept_heading() -> None:
    report = netinspect.summary(trace_of("lenet")).record
    by_key = render(report, Style(columns=("path", "own_params", "bytes")))
    assert render(report, Style(columns=("Path", "Own Params", "bytes"))) == by_key
    with pytest.raises(UsageError, match="there is no column 'nothing'"):
        render(report, Style(columns=("nothing",)))


@pytest.mark.parametrize(
    "ask",
    [
        lambda trace: netinspect.summary(trace, top=-1),
        lambda trace: netinspect.summary(trace, depth=-1),
        lambda trace: netinspect.params(trace, top=-2),
        lambda trace: netinspect.tree(trace, depth=-1),
        lambda trace: netinspect.trace(trace, depth=-3),
    ],
)
def test_refuse_negative_limits_of_every_view(ask: Callable[..., Any]) -> None:
    with pytest.raises(UsageError, match=r"is -\d"):
        ask(trace_of("lenet"))


def test_view_text_rejects_an_unknown_format() -> None:
    with pytest.raises(UsageError, match="there is no format 'markdwon'") as caught:
        netinspect.summary(trace_of("lenet")).text("markdwon")
    assert caught.value.hint == "did you mean 'markdown'?"


def test_selection_accepts_a_string_as_one_pattern() -> None:
    trace = trace_of("lenet")
    paths = [row.path for row in netinspect.summary(trace, include="conv*").record.rows]
    assert paths == ["conv1", "conv2"]
    names = [row.name for row in netinspect.params(trace, exclude="fc*").record.rows]
    assert names == ["conv1.weight", "conv1.bias", "conv2.weight", "conv2.bias"]


def test_load_accepts_a_string_as_one_input() -> None:
    inputs = netinspect.load("lenet", inputs="x=3x1x28x28").inputs
    assert [each.spec for each in inputs] == ["x=3x1x28x28"]


def test_selection_keeps_the_order_of_rows_with_equal_keys() -> None:
    keys: RowKeys[tuple[str, int]] = RowKeys(path=lambda row: row[0], numbers={"n": lambda row: row[1]})
    rows = [("b", 1), ("c", 2), ("a", 1)]
    assert Selection(sort="n").apply(rows, keys) == ((("c", 2), ("b", 1), ("a", 1)), ())
    assert Selection(sort="Name", top=1).apply(rows, keys) == ((("a", 1),), (("b", 1), ("c", 2)))
    with pytest.raises(UsageError, match="cannot sort by 'm'") as caught:
        Selection(sort="m").apply(rows, keys)
    assert caught.value.hint == "the keys are: n, name"


def test_selection_without_sort_keeps_the_largest_rows() -> None:
    keys: RowKeys[tuple[str, int]] = RowKeys(
        path=lambda row: row[0], numbers={"n": lambda row: row[1], "negative": lambda row: -row[1]}
    )
    rows = [("a", 1), ("b", 3), ("c", 3), ("d", 2)]
    assert Selection(top=3).apply(rows, keys).shown == (("b", 3), ("c", 3), ("d", 2))
    assert Selection(top=1, sort="negative").apply(rows, keys).shown == (("a", 1),)
    assert Selection(top=9, exclude=["b"]).apply(rows, keys).shown == (("c", 3), ("d", 2), ("a", 1))
    assert Selection().apply(rows, keys).shown == tuple(rows)


def test_selection_puts_severe_rows_first_unless_sorted() -> None:
    keys: RowKeys[tuple[str, int]] = RowKeys(
        path=lambda row: row[0],
        numbers={"n": lambda row: row[1]},
        severity=lambda row: {"d": 2, "a": 1}.get(row[0], 0),
    )
    rows = [("a", 1), ("b", 3), ("c", 3), ("d", 2)]
    assert [name for name, _ in Selection().apply(rows, keys).shown] == ["d", "a", "b", "c"]
    assert [name for name, _ in Selection(top=3).apply(rows, keys).shown] == ["d", "a", "b"]
    assert [name for name, _ in Selection(sort="n", top=2).apply(rows, keys).shown] == ["b", "c"]


@pytest.mark.parametrize("command", ["summary", "params", "cost"])
def test_include_without_match_is_an_error_with_close_names(command: str) -> None:
    trace = trace_of("resnet18")
    with pytest.raises(UsageError, match="no row matches layr4") as caught:
        getattr(netinspect, command)(trace, include=["layr4*"])
    assert "'layer4'" in str(caught.value.hint)
    with pytest.raises(UsageError, match=r"no row matches zzz\*"):
        getattr(netinspect, command)(trace, include=["zzz*"])
