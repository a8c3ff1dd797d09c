"""Tests of properties that hold for every view of every sample."""

from __future__ import annotations

import csv
import io
import json
import re
from functools import cache

import pytest
from rich.cells import cell_len

from netinspect.api import _diff, _views, load
from netinspect.records.report_header import Totals
from netinspect.records.trace import Trace
from netinspect.rendering.document import Document, Table
from netinspect.rendering.formats import COMMON_FORMATS, Format, Style
from netinspect.rendering.layout import fit
from netinspect.rendering.machine import Report
from netinspect.reports.render import lay_out, render
from netinspect.targets.samples import sample_names

SAMPLES = sample_names()
WIDTHS = [20, 33, 47, 60, 80, 100, 133, 200]


@cache
def load_sample(sample: str) -> Trace:
    return load(sample, backward=True, stats=True, values=True, code=True)


@cache
def reports(sample: str) -> dict[str, Report]:
    trace = load_sample(sample)
    return {
        "summary": _views.summary(trace).record,
        "summary in depth 1": _views.summary(trace, depth=1).record,
        "summary with operations": _views.summary(trace, functions=True).record,
        "summary sorted": _views.summary(trace, sort="params", top=3).record,
        "params": _views.params(trace, buffers=True, stats=True).record,
        "trace": _views.trace(trace, backward=True).record,
        "cost": _views.cost(trace, backward=True).record,
        "cost by line": _views.cost(trace, by="line", top=2).record,
        "trace in full": _views.trace(trace, inside_layers=True).record,
        "tree": _views.tree(trace).record,
        "tree in full": _views.tree(trace, fold=False).record,
        "internals": _views.internals(trace).record,
        "models": _views.models().record,
        "diff": _diff.diff(load_sample("lenet"), trace).record,
        "diff in numbers": _diff.diff(trace, load_sample("resnet18"), counts=True).record,
    }


def tables(document: Document) -> list[Table]:
    return [block for block in document.blocks if isinstance(block, Table)]


def records(plain: str) -> str:
    """Return plain text without its comments, as `grep -v '^#'` does."""
    return "".join(line for line in plain.splitlines(keepends=True) if not line.startswith("#"))


def plain_rows(report: Report) -> list[dict[str, str]]:
    """Return the records of the first table, parsed from the plain format."""
    first, *_ = records(render(report, Style(format=Format.PLAIN, columns=("all",)))).split("\n\n")
    header, *lines = (line.split("\t") for line in first.rstrip("\n").split("\n"))
    return [dict(zip(header, line, strict=True)) for line in lines]


@pytest.mark.slow
@pytest.mark.parametrize("sample", SAMPLES)
def test_render_lines_fit_the_width(sample: str) -> None:
    for name, report in reports(sample).items():
        for width in WIDTHS:
            for line in render(report, Style(width=width)).splitlines():
                # A word of a note that is longer than a line is wrapped by the terminal.
                assert cell_len(line) <= width or " " not in line.strip(), (name, width, line)
                assert line == line.rstrip(), (name, width, line)


@pytest.mark.parametrize("sample", SAMPLES)
def test_fit_drops_columns_by_drop_order(sample: str) -> None:
    for name, report in reports(sample).items():
        for table in tables(lay_out(report)):
            for width in range(20, 200, 7):
                fitted = {each.column.key for each in fit(table, width, None)}
                shown = [column for column in table.columns if column.shown]
                lowest_dropped = min(
                    (column.drop for column in shown if column.key not in fitted), default=99
                )
                highest_fitted = max(
                    (column.drop for column in shown if column.key in fitted), default=0
                )
                assert lowest_dropped > 0, (name, width)
                assert highest_fitted <= lowest_dropped, (name, width)


@pytest.mark.parametrize("sample", SAMPLES)
def test_fit_shows_no_fewer_columns_in_more_width(sample: str) -> None:
    for report in reports(sample).values():
        for table in tables(lay_out(report)):
            counts = [len(fit(table, width, None)) for width in range(20, 240, 5)]
            assert counts == sorted(counts)
            assert counts[-1] <= len(fit(table, None, None))


@pytest.mark.parametrize("sample", SAMPLES)
@pytest.mark.parametrize("depth", [1, 2, 3, None])
@pytest.mark.parametrize("operations", [False, True])
def test_summary_rows_add_up_to_totals(sample: str, depth: int | None, operations: bool) -> None:
    report = _views.summary(load_sample(sample), depth=depth, functions=operations).record
    rows = plain_rows(report)
    assert sum(int(row["own_params"]) for row in rows) == report.totals.parameters
    assert int(rows[0]["params"]) == report.totals.parameters
    assert int(rows[0]["bytes"]) == report.totals.bytes
    assert f"{report.totals.parameters:,}" in [
        cell.text for cell in tables(lay_out(report))[0].shown_rows[0].cells
    ]


@pytest.mark.parametrize("sample", SAMPLES)
def test_summary_footer_shows_hidden_parameters(sample: str) -> None:
    report = _views.summary(load_sample(sample), sort="params", top=1).record
    rows = plain_rows(report)
    shown, total = (int(row.cells[4].text.replace(",", "")) for row in tables(lay_out(report))[0].footer)
    assert shown == sum(int(row["params"]) for row in rows)
    assert total == report.totals.parameters


@pytest.mark.parametrize("sample", SAMPLES)
def test_params_footer_is_sum_of_rows(sample: str) -> None:
    for buffers in (False, True):
        report = _views.params(load_sample(sample), buffers=buffers).record
        table = tables(lay_out(report))[0]
        size = [column.key for column in table.columns].index("elements")
        counted = sum(row.elements for row in report.rows if row.counted)
        assert table.footer[0].cells[size].text == f"{counted:,}"
        parameters = sum(row.elements for row in report.rows if row.counted and row.kind == "parameter")
        assert isinstance(report.totals, Totals)
        assert parameters == report.totals.parameters


def test_column_headings_are_keys_with_spaces() -> None:
    for name, report in reports("tiny_gpt").items():
        for table in tables(lay_out(report)):
            keys = [column.key for column in table.columns]
            assert len(set(keys)) == len(keys), name
            for column in table.columns:
                assert re.fullmatch("[a-z][a-z0-9]*(_[a-z0-9]+)*", column.key), name
                assert column.heading == column.key.replace("_", " ")


@pytest.mark.parametrize("sample", SAMPLES)
def test_summary_numbers_agree_in_all_formats(sample: str) -> None:
    report = _views.summary(load_sample(sample), fold=False).record
    plain = plain_rows(report)
    commas = list(csv.DictReader(io.StringIO(render(report, Style(format=Format.CSV)))))
    assert commas == plain

    data = json.loads(render(report, Style(format=Format.JSON)))
    assert [str(row["parameters"]) for row in data["rows"]] == [row["params"] for row in plain]
    assert [str(row["bytes"]) for row in data["rows"]] == [row["bytes"] for row in plain]
    assert data["totals"]["parameters"] == report.totals.parameters

    lines = render(report, Style(format=Format.MARKDOWN)).splitlines()
    cells = [re.split(r"(?<!\\) \| ", line.strip("| ")) for line in lines if line.startswith("|")]
    position = cells[0].index("params")
    expected = [row[position] for row in cells[2:]]
    for people, program in zip(expected, plain, strict=True):
        assert people in ("-", "tied") or people == f"{int(program['params']):,}"
        assert people != "-" or program["params"] == "0"
        assert people != "tied" or program["own_params"] == "0"

    terminal = render(report, Style(columns=("params",))).splitlines()[2 : 2 + len(plain)]
    assert [line.strip() for line in terminal] == expected


@pytest.mark.parametrize("sample", SAMPLES)
def test_csv_and_plain_agree_for_all_views(sample: str) -> None:
    for name, report in reports(sample).items():
        documents = render(report, Style(format=Format.CSV)).split("\n\n")
        whole = records(render(report, Style(format=Format.PLAIN, columns=("all",))))
        for text, plain in zip(documents, whole.split("\n\n"), strict=True):
            rows = list(csv.reader(io.StringIO(text)))
            assert rows == [line.split("\t") for line in plain.rstrip("\n").split("\n")], name
            assert all(re.fullmatch("[a-z][a-z0-9_]*", key) for key in rows[0])
        identity = json.loads(render(report, Style(format=Format.JSON)))
        assert identity["schema"] == f"netinspect-{report.name}"
        assert identity["schema_version"] == 3


@pytest.mark.parametrize("sample", SAMPLES)
def test_render_shows_chosen_columns_in_given_order(sample: str) -> None:
    report = _views.summary(load_sample(sample)).record
    plain = render(report, Style(format=Format.PLAIN, columns=("params", "path")))
    assert plain.splitlines()[0] == "params\tpath"
    shown = render(report, Style(columns=("params", "path"))).splitlines()[1]
    assert shown.split() == ["params", "path"]


@pytest.mark.parametrize("sample", SAMPLES)
def test_source_view_never_cuts_code(sample: str) -> None:
    report = _views.source(load_sample(sample)).record
    shown = render(report, Style(width=40))
    without_breaks = "".join(shown.split())
    for listing in report.listings:
        for line in listing.lines:
            assert "".join(line.text.split()) in without_breaks
            assert not line.note or line.note.split(" -> ")[0].split(",")[0] in shown


def test_printed_tensors_follow_their_name() -> None:
    report = _views.params(load_sample("lenet"), values=True, include=["fc?.bias"]).record
    for format in (Format.RICH, Format.PLAIN, Format.MARKDOWN):
        text = render(report, Style(format=format))
        for name in ("fc1.bias", "fc2.bias", "fc3.bias"):
            assert text.count(name) == 1
            assert text.index(name) < text.index("tensor(", text.index(name))
    rows = list(csv.DictReader(io.StringIO(render(report, Style(format=Format.CSV)))))
    assert {row["name"] for row in rows} == {"fc1.bias", "fc2.bias", "fc3.bias"}


def test_render_is_deterministic() -> None:
    for report in reports("tiny_gpt").values():
        for format in COMMON_FORMATS:
            style = Style(format=format, width=100, color=True)
            assert render(report, style) == render(report, style)


@pytest.mark.parametrize("width", [60, 80, None])
def test_ascii_views_are_aligned_as_others(width: int | None) -> None:
    for name, report in reports("tiny_gpt").items():
        plain = render(report, Style(width=width))
        ascii_only = render(report, Style(width=width, ascii_only=True))
        assert ascii_only.isascii(), (name, [each for each in ascii_only if not each.isascii()][:3])
        assert [*map(len, ascii_only.splitlines())] == [*map(cell_len, plain.splitlines())], name


def test_color_changes_no_text() -> None:
    for name, report in reports("tiny_gpt").items():
        for ascii_only in (False, True):
            plain = render(report, Style(width=80, ascii_only=ascii_only))
            color = render(report, Style(width=80, ascii_only=ascii_only, color=True))
            assert "\x1b" not in plain, name
            assert "\x1b[" in color, name
            assert re.sub(r"\x1b\[[0-9;]*m", "", color) == plain, name
