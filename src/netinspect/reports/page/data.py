"""Data of a page for its scripts: tables as rows of plain values, with exact numbers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from netinspect._utils import units
from netinspect.advice import advise
from netinspect.analysis.allocation_totals import CATEGORIES
from netinspect.records.base import SCHEMA_VERSION
from netinspect.records.checkpoint_header import CheckpointHeader
from netinspect.records.distribution import Statistics
from netinspect.records.named_tensors import NamedTensor
from netinspect.records.report_header import Diagnosis, Operand, ReportHeader
from netinspect.records.work import Cost
from netinspect.rendering import format_values
from netinspect.rendering.amounts import amount
from netinspect.rendering.layer_facts import without_defaults
from netinspect.reports.cost.record import CostReport
from netinspect.reports.memory.record import Amounts, Memory, MemoryPoint
from netinspect.reports.page.record import Page, PageListing
from netinspect.reports.params.record import Parameters
from netinspect.reports.summary.checkpoint_record import CheckpointSummary, Group
from netinspect.reports.summary.record import SummaryRow
from netinspect.version import __version__

_COSTS = ("macs", "flops", "other_flops", "activations", "bytes_read", "bytes_written")


def page_data(page: Page) -> dict[str, Any]:
    """Return the data of a page, without its picture; `None` stands for a part that is missing."""
    header = page.header
    return {
        "version": __version__,
        "schema_version": SCHEMA_VERSION,
        "title": title_of(header),
        "target": header.target,
        "facts": _facts(page),
        "failure": _failure(header),
        "warnings": [*header.warnings],
        "notes": [[note.part, advise(note.text)] for note in page.notes],
        "table": _table(page),
        "source": [*map(_listing, page.sources)],
        "parameters": None if page.parameters is None else _parameters(page.parameters),
        "memory": None if page.memory is None else _memory(page.memory),
        "cost": None if page.operators is None else _cost(page.operators),
    }


def title_of(header: ReportHeader | CheckpointHeader) -> str:
    """Return the title of a page: the class of the model, or the target of a checkpoint."""
    return header.class_name if isinstance(header, ReportHeader) else header.target


def _facts(page: Page) -> list[tuple[str, str]]:
    """Return the facts in the header of the page, as labels and texts."""
    header, summary = page.header, page.summary
    if not isinstance(header, ReportHeader):
        totals = None if page.parameters is None else page.parameters.totals
        tensors = 0 if page.parameters is None else len(page.parameters.rows) + page.parameters.hidden
        facts = [("format", header.format), ("tensors", units.count(tensors))]
        return [*facts, ("bytes", units.size(totals.bytes))] if totals is not None else facts
    facts = []
    if header.ran:
        facts.append(("input", format_values.chosen_inputs(header.inputs)))
        facts.append(("mode", header.mode))
        if header.call != "forward":
            facts.append(("method", f"{header.call}() instead of forward"))
    if summary is not None:
        totals = summary.totals
        facts.append(("parameters", units.short(totals.parameters)))
        facts.append(("size", units.size(totals.bytes)))
        if header.ran and summary.counted != "no":
            partly = summary.counted == "partly"
            # Those of the whole forward are unknown, and shares are of these.
            label = "MACs" if header.failure is None else "MACs until the failure"
            facts.append((label, amount(summary.cost, "macs", header, partly=partly)))
    return facts


def _failure(header: ReportHeader | CheckpointHeader) -> dict[str, Any] | None:
    failure: Diagnosis | None = getattr(header, "failure", None)
    if failure is None:
        return None
    place = failure.place
    return {
        "summary": failure.summary,
        "exception": failure.exception,
        "message": failure.message,
        "explanation": failure.explanation,
        "remedies": [*failure.remedies],
        "path": [*failure.path],
        "operands": [*map(_operand, failure.operands)],
        "made": [*map(_operand, failure.made)],
        "place": None if place is None else [place.file, place.line, place.text],
    }


def _operand(operand: Operand) -> list[Any]:
    return [operand.name, [*operand.spec.shape], operand.spec.dtype, [*operand.wrong]]


def _costs(cost: Cost, header: ReportHeader) -> list[Any]:
    """Return the numbers of `_COSTS`; of a trace with symbols each with its text."""
    return [_cost_number(cost, name, header) for name in _COSTS]


def _cost_number(cost: Cost, name: str, header: ReportHeader) -> Any:
    number: int = getattr(cost, name)
    return number if cost.expressions is None else [number, amount(cost, name, header)]


def _table(page: Page) -> dict[str, Any] | None:
    summary, contents = page.summary, page.contents
    if contents is not None:
        columns = ("path", "name", "class", "depth", "repeats", "last_name", "repeat_of")
        return {
            "columns": [*columns, "tensors", "elements", "bytes", "dtypes"],
            "rows": [row for each in contents.groups for row in _group(each, contents)],
        }
    if summary is None:
        return None
    return {
        "columns": [
            *("path", "name", "class", "depth", "repeats", "last_name", "repeat_of"),
            *("facts", "output", "calls", "params", "bytes", "failed", "alias_of"),
            *("macs", "activations"),
        ],
        "rows": [_row(row, summary.header) for row in summary.rows],
        "total": {
            "params": summary.totals.parameters,
            "bytes": summary.totals.bytes,
            **dict(zip(_COSTS, _costs(summary.cost, summary.header), strict=True)),
        },
        "notes": _spans(format_values.total_notes(summary.totals, summary.ties)),
        "counted": summary.counted,
    }


def _group(group: Group, contents: CheckpointSummary) -> list[list[Any]]:
    """Return the row of a group, and one of the tensors in it that are in none of its groups."""
    place = [group.path, group.name, group.class_name, group.level]
    numbers = [group.tensors, group.elements, group.bytes, ", ".join(group.dtypes)]
    rows = [[*place, group.repeats, group.last_name, group.repeat_of, *numbers]]
    if group.direct_tensors:
        below = f"{group.path}." if group.path else ""
        parts = [
            each
            for each in contents.groups
            if each.level == group.level + 1 and each.path.startswith(below)
        ]
        elements = group.elements - sum(each.elements for each in parts)
        place = [f"{below}(not in a group)", "(not in a group)", "", group.level + 1]
        direct = [group.direct_tensors, elements, group.direct_bytes, ""]
        rows.append([*place, 1, "", group.repeat_of, *direct])
    return rows


def _row(row: SummaryRow, header: ReportHeader) -> list[Any]:
    return [
        *(row.path, row.name, row.class_name, row.depth, row.repeats, row.last_name, row.repeat_of),
        without_defaults(row.class_name, row.extra_repr),
        "" if row.output is None else format_values.in_table(row.output),
        row.calls,
        *(row.parameters, row.bytes, row.failed, row.alias_of),
        *(_cost_number(row.cost, name, header) for name in ("macs", "activations")),
    ]


def _spans(lines: Sequence[Any]) -> list[str]:
    return ["".join(span.text for span in line) for line in lines]


def _listing(listing: PageListing) -> dict[str, Any]:
    return {
        "name": listing.name,
        "file": listing.file,
        "installed": listing.installed,
        "total_lines": listing.total_lines,
        "lines": [
            [line.number, line.text, line.macs, line.shapes]
            if line.macs or line.shapes
            else [line.number, line.text]
            for line in listing.lines
        ],
    }


def _parameters(parameters: Parameters) -> dict[str, Any]:
    return {
        "columns": [
            *("name", "shape", "dtype", "elements", "bytes", "statistics", "histogram"),
            *("is_buffer", "is_frozen", "tied", "note"),
        ],
        "rows": [*map(_tensor, parameters.rows)],
        "hidden": parameters.hidden,
        "with_statistics": parameters.with_statistics,
        "findings": [
            [each.kind, each.tensors, [*each.names], each.detail] for each in parameters.findings
        ],
    }


def _tensor(row: NamedTensor) -> list[Any]:
    found = [
        *(row.name, [*row.shape], row.dtype, row.elements, row.bytes),
        None if row.statistics is None else _statistics(row.statistics),
        _histogram(row),
        int(row.kind == "buffer"),
        int(row.trainable is False),
        [*row.tied_to],
        "all elements are equal" if row.constant else row.not_read,
    ]
    while not found[-1]:  # most tensors have none of the last entries
        found.pop()
    return found


def _statistics(found: Statistics) -> list[Any]:
    numbers = (found.mean, found.std, found.min, found.max)
    return [*map(_number, numbers), found.zeros, found.nan, found.inf]


def _histogram(row: NamedTensor) -> list[Any] | None:
    """Return the ends of the range and the bins in percent of the largest; None if they are unknown."""
    found = row.distribution
    if found is None or not found.bars:
        return None
    most = max(*found.bars, 1)
    return [_number(found.low), _number(found.high), *(-(-100 * bar // most) for bar in found.bars)]


def _number(number: float | None) -> float | str | None:
    """Return a number for JSON: with the digits that the page shows, as text if it is not finite."""
    if number is None or math.isfinite(number):
        return None if number is None else float(f"{number:.4g}")
    return str(number)


def _memory(memory: Memory) -> dict[str, Any]:
    return {
        "categories": [*CATEGORIES],
        "batch": memory.batch,
        "training": memory.training,
        "optimizer": memory.optimizer,
        "allocator": memory.allocator,
        "dtype": memory.dtype,
        "peak": _point(memory.peak),
        "points": [*map(_point, memory.timeline)],
        "modules": [
            [each.path, each.class_name, each.total, _amounts(each.amounts)] for each in memory.modules
        ],
        "hidden_modules": memory.hidden_modules,
        "hidden_bytes": memory.hidden_bytes,
        "warnings": [*memory.header.warnings],
    }


def _point(point: MemoryPoint) -> list[Any]:
    return [
        *(point.index, point.phase, point.iteration, point.module, point.operation, point.total),
        _amounts(point.amounts),
    ]


def _amounts(amounts: Amounts) -> list[int]:
    return [getattr(amounts, category) for category in CATEGORIES]


def _cost(report: CostReport) -> dict[str, Any]:
    return {
        "columns": ["operator", "kind", "calls", *_COSTS],
        "rows": [
            [row.key, row.class_name, row.calls, *_costs(row.cost, report.header)] for row in report.rows
        ],
        "total": _costs(report.total, report.header),
        "partly": report.partly,
        "uncounted": [[each.operator, each.calls, each.macs] for each in report.uncounted],
    }
