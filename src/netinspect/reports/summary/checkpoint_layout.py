"""The view of `summary` on a checkpoint."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from netinspect._utils import units
from netinspect.records.checkpoint import Entry, GraphTensor
from netinspect.records.checkpoint_header import DtypeShare, Fact, PackedWeights
from netinspect.rendering import format_values
from netinspect.rendering.document import (
    Cell,
    Column,
    Document,
    Line,
    Row,
    Table,
    branches,
    cell,
    line,
)
from netinspect.reports.shared import checkpoint_header
from netinspect.reports.summary.checkpoint_record import CheckpointSummary, FileShare, Group

T = TypeVar("T")

_GROUPS = (
    Column(key="path", title="name", least=30, elide="middle"),
    Column(key="class", drop=5),
    Column(key="tensors", align="right", drop=2),
    Column(key="elements", align="right"),
    Column(key="bytes", align="right", drop=1),
    Column(key="share", align="right", drop=3),
    Column(key="dtypes", drop=4, least=12),
    Column(key="repeats", align="right", shown=False),
)
_DTYPES = (
    Column(key="dtype"),
    Column(key="tensors", align="right"),
    Column(key="elements", align="right"),
    Column(key="bytes", align="right"),
    Column(key="bits", title="bits an element", align="right"),
)
_FILES = (
    Column(key="file", least=24, elide="middle"),
    Column(key="tensors", align="right"),
    Column(key="elements", align="right", drop=1),
    Column(key="bytes", align="right"),
    Column(key="file_bytes", title="of file", align="right", drop=2),
)
_METADATA = (
    Column(key="name", title="metadata", least=24, elide="middle"),
    Column(key="type", drop=1),
    Column(key="text", title="value", least=30),
)
_GRAPH = (
    Column(key="kind", title="graph"),
    Column(key="name", least=20, elide="middle"),
    Column(key="shape"),
    Column(key="dtype"),
)
_OPERATORS = (
    Column(key="operator", least=20),
    Column(key="uses", align="right"),
)
_NAMED = 4
_FEW = 16
"""Rows of what is only traced in passing; json has all of it."""


def lay_out(report: CheckpointSummary) -> Document:
    """Lay out what a checkpoint is and holds."""
    groups = Table(
        name="tensors",
        columns=_groups(report),
        rows=tuple(Row(cells=_group(group, report)) for group in report.groups),
    )
    # One dtype is reported with the totals.
    dtypes = report.totals.dtypes if len(report.totals.dtypes) > 1 else ()
    tables = [
        groups,
        Table(name="dtypes", columns=_DTYPES, rows=_rows(dtypes, _dtype)),
        Table(name="files", columns=_FILES, rows=_rows(report.files, _file)),
    ]
    notes = list(_facts(report))
    if report.graph is not None:
        sides = (("input", report.graph.inputs), ("output", report.graph.outputs))
        rows = [Row(cells=_graph(kind, each)) for kind, side in sides for each in side]
        tables.append(Table(name="graph", columns=_GRAPH, rows=tuple(rows[:_FEW])))
        uses = sorted(report.graph.operators, key=lambda each: (-each.uses, each.name))
        tables.append(
            Table(
                name="operators",
                columns=_OPERATORS,
                rows=tuple(
                    Row(cells=(cell(each.name), cell(each.uses, units.count(each.uses))))
                    for each in uses[:_FEW]
                ),
            )
        )
        notes += _left_out("graph input or output", rows) + _left_out("operator", uses)
    # Facts on the whole file come before facts on a part.
    entries = sorted(report.metadata, key=lambda entry: entry.name.count("."))
    tables.append(Table(name="metadata", columns=_METADATA, rows=_rows(entries[:_FEW], _entry)))
    if beside := _beside(report):
        notes.append(line(f"held directly, in no row of their own: {beside}"))
    notes += _left_out("entry of the metadata", report.metadata, "entries of the metadata")
    notes += checkpoint_header.total_notes(report.totals, report.ties)
    notes += [line(_packed(each)) for each in report.packed]
    if report.hidden:
        deeper = "" if report.groups else "; rows further down come with --depth 0"
        notes.append(line(f"{units.plural(report.hidden, 'row')} not shown{deeper}"))
    return Document(
        title=checkpoint_header.title(report.header),
        blocks=tuple(table for table in tables if table.rows or table is groups),
        notes=(*notes, *checkpoint_header.remarks(report.header)),
    )


def _groups(report: CheckpointSummary) -> tuple[Column, ...]:
    if any(group.class_name for group in report.groups):
        return _GROUPS
    return tuple(
        Column(key=column.key, title=column.title, shown=False) if column.key == "class" else column
        for column in _GROUPS
    )


def _group(group: Group, report: CheckpointSummary) -> tuple[Cell, ...]:
    name = group.path if report.flat else group.name
    name = units.name(name) if group.last else report.header.target
    return (
        cell(
            group.path,
            checkpoint_header.run_name(name, group.last_name, group.repeats),
            guide="" if report.flat else branches(group.last),
            style="bold",
        ),
        cell(group.class_name),
        cell(group.tensors, checkpoint_header.times(group.repeats, units.count(group.tensors))),
        cell(group.elements, checkpoint_header.times(group.repeats, units.count(group.elements))),
        cell(group.bytes, checkpoint_header.times(group.repeats, units.size(group.bytes))),
        cell(round(group.share, 6), units.percent(group.share)),
        cell(",".join(group.dtypes), ", ".join(group.dtypes)),
        cell(group.repeats),
    )


def _beside(report: CheckpointSummary) -> str:
    """Name those that hold tensors which are in no row below them, the largest first."""
    found = [] if report.flat else [each for each in report.groups if each.beside_tensors]
    found.sort(key=lambda each: -each.beside_bytes * each.repeats)
    told = [
        checkpoint_header.run_name(each.path or report.header.target, each.last_name, each.repeats) + " "
        f"{checkpoint_header.times(each.repeats, units.plural(each.beside_tensors, 'tensor'))}, "
        f"{checkpoint_header.times(each.repeats, units.size(each.beside_bytes))}"
        for each in found[:_NAMED]
    ]
    if len(found) > _NAMED:
        told.append(f"{len(found) - _NAMED:,} more")
    return "; ".join(told)


def _packed(each: PackedWeights) -> str:
    """Describe how many weights are in fewer elements; the names and shapes suggest it."""
    return (
        f"packed: about {units.plural(each.weights, 'weight')} of {units.plural(each.bits, 'bit')} in "
        f"{units.plural(each.tensors, 'tensor')}, by their names ({each.method})"
    )


def _facts(report: CheckpointSummary) -> list[Line]:
    notes = [line((report.what, "bold"))]
    for certain in (True, False):
        said = [_fact(fact) for fact in report.facts if fact.certain is certain]
        if said:
            start = "" if certain else "not certain, by names and shapes: "
            notes.append(line(f"{start}{'; '.join(said)}"))
    return notes


def _fact(fact: Fact) -> str:
    return f"{fact.label} {fact.text}"


def _rows(items: Sequence[T], spelled: Callable[[T], tuple[Cell, ...]]) -> tuple[Row, ...]:
    return tuple(Row(cells=spelled(item)) for item in items)


def _left_out(noun: str, items: Sequence[object], plural: str | None = None) -> list[Line]:
    more = len(items) - _FEW
    if more <= 0:
        return []
    text = units.plural(more, f"more {noun}", f"more {plural}" if plural else None)
    return [line((f"{text} (--format json)", "dim"))]


def _dtype(share: DtypeShare) -> tuple[Cell, ...]:
    bits = share.bytes * 8 / share.elements if share.elements else None
    return (
        cell(share.dtype, style="bold"),
        cell(share.tensors, units.count(share.tensors)),
        cell(share.elements, units.count(share.elements)),
        cell(share.bytes, units.size(share.bytes)),
        cell(bits, units.decimal(bits)),
    )


def _file(share: FileShare) -> tuple[Cell, ...]:
    return (
        cell(share.file, style="bold"),
        cell(share.tensors, units.count(share.tensors)),
        cell(share.elements, units.count(share.elements)),
        cell(share.bytes, units.size(share.bytes)),
        cell(share.file_bytes, units.size(share.file_bytes)),
    )


def _entry(entry: Entry) -> tuple[Cell, ...]:
    return (cell(entry.name, style="bold"), cell(entry.type), cell(entry.text))


def _graph(kind: str, tensor: GraphTensor) -> tuple[Cell, ...]:
    return (
        cell(kind),
        cell(tensor.name, style="bold"),
        cell(format_values.shape(tensor.shape)),
        cell(tensor.dtype),
    )
