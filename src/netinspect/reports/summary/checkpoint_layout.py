"""Layout of the `summary` report of a checkpoint."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from netinspect._utils import units
from netinspect.records.checkpoint import Entry, Graph, GraphTensor, Operator
from netinspect.records.checkpoint_header import DtypeShare, Fact, PackedWeights
from netinspect.rendering import format_values
from netinspect.rendering.columns import count_column, name_column, share_column, size_column
from netinspect.rendering.document import (
    Column,
    Document,
    Legend,
    Line,
    Table,
    line,
    make_table,
)
from netinspect.reports.shared import checkpoint_header
from netinspect.reports.summary.checkpoint_record import CheckpointSummary, FileShare, Group


class _GraphEnd(NamedTuple):
    """One input or output of a graph."""

    kind: str
    tensor: GraphTensor


def _group_columns(report: CheckpointSummary) -> tuple[Column[Group], ...]:
    def repeats(group: Group) -> int:
        return group.repeats if _folds(report) else 1

    return (
        name_column(
            "path",
            lambda group: group.path,
            text=lambda group: _name(group, report),
            tree=True,
            min_width=30,
        ),
        Column(
            key="class",
            value=lambda group: group.class_name,
            drop=5,
            hide_if_all=lambda group: not group.class_name,
        ),
        Column(
            key="tensors",
            value=lambda group: group.tensors,
            text=lambda group: units.times(repeats(group), units.count(group.tensors)),
            align="right",
            drop=2,
        ),
        Column(
            key="elements",
            value=lambda group: group.elements,
            text=lambda group: units.times(repeats(group), units.count(group.elements)),
            align="right",
        ),
        Column(
            key="bytes",
            value=lambda group: group.bytes,
            text=lambda group: units.times(repeats(group), units.size(group.bytes)),
            align="right",
            drop=1,
        ),
        share_column("share", lambda group: group.share, drop=3, repeats=repeats),
        Column(
            key="dtypes",
            value=lambda group: ",".join(group.dtypes),
            text=lambda group: ", ".join(group.dtypes),
            drop=4,
            min_width=12,
        ),
        Column(
            key="repeats",
            value=lambda group: group.repeats,
            align="right",
            shown=False,
        ),
        Column(key="repeat_of", value=lambda group: group.repeat_of, shown=False),
    )


def _bits(share: DtypeShare) -> float | None:
    return share.bytes * 8 / share.elements if share.elements else None


_DTYPES: tuple[Column[DtypeShare], ...] = (
    Column(key="dtype", value=lambda share: share.dtype, style=lambda share: "name"),
    count_column("tensors", lambda share: share.tensors),
    count_column("elements", lambda share: share.elements),
    size_column("bytes", lambda share: share.bytes),
    Column(
        key="bits_per_element",
        value=_bits,
        text=lambda share: units.decimal(_bits(share)),
        align="right",
    ),
)
_FILES: tuple[Column[FileShare], ...] = (
    name_column("file", lambda share: share.file, min_width=24),
    count_column("tensors", lambda share: share.tensors),
    count_column("elements", lambda share: share.elements, drop=1),
    size_column("bytes", lambda share: share.bytes),
    size_column("file_bytes", lambda share: share.file_bytes, drop=2),
)
_METADATA: tuple[Column[Entry], ...] = (
    name_column("name", lambda entry: entry.name, min_width=24),
    Column(key="type", value=lambda entry: entry.type, drop=1),
    Column(key="value", value=lambda entry: entry.text, min_width=30),
)
_GRAPH: tuple[Column[_GraphEnd], ...] = (
    Column(key="kind", value=lambda end: end.kind),
    name_column("name", lambda end: end.tensor.name, min_width=20),
    Column(key="shape", value=lambda end: format_values.shape(end.tensor.shape)),
    Column(key="dtype", value=lambda end: end.tensor.dtype),
)
_OPERATORS: tuple[Column[Operator], ...] = (
    Column(key="operator", value=lambda operator: operator.name, min_width=20),
    count_column("uses", lambda operator: operator.uses),
)
_NAMED = 4
"""Maximum number of groups named in a note."""

_FEW = 16
"""Maximum number of rows of the smaller tables; JSON has all of them."""


def lay_out(report: CheckpointSummary) -> Document:
    """Lay out the summary: the kind of the checkpoint and tables of its contents."""
    groups = make_table(
        "tensors",
        _group_columns(report),
        report.groups,
        level=lambda group: 0 if report.flat else group.level,
        folded=_seen(report) if _folds(report) else None,
    )
    # The totals already report a single dtype.
    dtypes = report.totals.dtypes if len(report.totals.dtypes) > 1 else ()
    tables = [groups, make_table("dtypes", _DTYPES, dtypes), make_table("files", _FILES, report.files)]
    notes = list(_facts(report))
    if report.graph is not None:
        graph_tables, graph_notes = _graph(report.graph)
        tables += graph_tables
        notes += graph_notes
    # Entries of the whole file precede those of its parts.
    entries = sorted(report.metadata, key=lambda entry: entry.name.count("."))
    tables.append(make_table("metadata", _METADATA, entries[:_FEW]))
    if direct := _direct_tensors(report):
        notes.append(line(f"held directly, in no row of their own: {direct}"))
    notes += _left_out("entry of the metadata", report.metadata, "entries of the metadata")
    notes += checkpoint_header.total_notes(report.totals)
    notes += [line(_packed(each)) for each in report.packed]
    if report.hidden:
        notes.append(line(f"{units.plural(report.hidden, 'row')} not shown"))
    return Document(
        title=checkpoint_header.title(report.header),
        blocks=tuple(table for table in tables if table.rows or table is groups),
        legends=(Legend(text="share: of the bytes", about=("share",)),),
        notes=(*notes, *checkpoint_header.remarks(report.header)),
    )


def _graph(graph: Graph) -> tuple[list[Table], list[Line]]:
    """Return tables of the inputs, outputs and operators of a graph, and notes on omitted rows."""
    ends = [_GraphEnd("input", each) for each in graph.inputs]
    ends += [_GraphEnd("output", each) for each in graph.outputs]
    uses = sorted(graph.operators, key=lambda each: (-each.uses, each.name))
    tables = [
        make_table("graph", _GRAPH, ends[:_FEW]),
        make_table("operators", _OPERATORS, uses[:_FEW]),
    ]
    return tables, _left_out("graph input or output", ends) + _left_out("operator", uses)


def _folds(report: CheckpointSummary) -> bool:
    return report.fold and not report.flat


def _seen(report: CheckpointSummary) -> list[Group]:
    """Return the groups that people see."""
    return [each for each in report.groups if each.repeat_of is None or not _folds(report)]


def _name(group: Group, report: CheckpointSummary) -> str:
    name = group.path if report.flat else group.name
    name = units.name(name) if group.level else report.header.target
    return units.run_name(name, group.last_name, group.repeats) if _folds(report) else name


def _direct_tensors(report: CheckpointSummary) -> str:
    """Name the groups with tensors of their own, not in a row below, the largest first."""
    found = [] if report.flat else [each for each in _seen(report) if each.direct_tensors]
    counts = {each.path: each.repeats if _folds(report) else 1 for each in found}
    found.sort(key=lambda each: -each.direct_bytes * counts[each.path])
    texts = [
        units.run_name(each.path or report.header.target, each.last_name, counts[each.path]) + " "
        f"{units.times(counts[each.path], units.plural(each.direct_tensors, 'tensor'))}, "
        f"{units.times(counts[each.path], units.size(each.direct_bytes))}"
        for each in found[:_NAMED]
    ]
    if len(found) > _NAMED:
        texts.append(f"{len(found) - _NAMED:,} more")
    return "; ".join(texts)


def _packed(each: PackedWeights) -> str:
    """Describe weights that are packed into fewer elements, as their names and shapes suggest."""
    return (
        f"packed: about {units.plural(each.weights, 'weight')} of {units.plural(each.bits, 'bit')} in "
        f"{units.plural(each.tensors, 'tensor')}, by their names ({each.method})"
    )


def _facts(report: CheckpointSummary) -> list[Line]:
    notes = [line((report.what, "total"))]
    for certain in (True, False):
        facts = [_fact(fact) for fact in report.facts if fact.certain is certain]
        if facts:
            start = "" if certain else "not certain, by names and shapes: "
            notes.append(line(f"{start}{'; '.join(facts)}"))
    return notes


def _fact(fact: Fact) -> str:
    return f"{fact.label} {fact.text}"


def _left_out(noun: str, items: Sequence[object], plural: str | None = None) -> list[Line]:
    more = len(items) - _FEW
    if more <= 0:
        return []
    text = units.plural(more, f"more {noun}", f"more {plural}" if plural else None)
    return [line((f"{text} (--format json)", "hint"))]
