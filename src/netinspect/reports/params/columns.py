"""Columns and totals of the `params` table."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from netinspect._utils import units
from netinspect.records.base import replace
from netinspect.records.named_tensors import NamedTensor
from netinspect.rendering import format_values
from netinspect.rendering.bars import bars
from netinspect.rendering.columns import count_column, name_column, size_column
from netinspect.rendering.document import Cell, Column, Row, cell, make_row
from netinspect.rendering.styles import StyleName


def style(row: NamedTensor) -> StyleName:
    """Return the style of a row: red if it has NaN or infinity."""
    found = row.statistics
    return "failed" if found is not None and (found.nan or found.inf) else ""


def _trainable(row: NamedTensor) -> bool | None:
    return None if row.kind == "buffer" else row.trainable


def _name(row: NamedTensor) -> str:
    return units.run_path(units.name(row.name), units.name(row.last_name), row.repeats)


COLUMNS: tuple[Column[NamedTensor], ...] = (
    name_column(
        "name",
        lambda row: row.name,
        text=_name,
        style=lambda row: style(row) or "name",
        min_width=44,
    ),
    Column(key="shape", value=lambda row: format_values.shape(row.shape), min_width=18),
    Column(key="dtype", value=lambda row: row.dtype, drop=6),
    count_column(
        "elements",
        lambda row: row.elements,
        bar=lambda row: row.repeats * row.elements,
        repeats=lambda row: row.repeats,
    ),
    size_column("bytes", lambda row: row.bytes, drop=8, repeats=lambda row: row.repeats),
    Column(
        key="trainable",
        value=_trainable,
        text=lambda row: {True: "yes", False: "no", None: "-"}[_trainable(row)],
        style=lambda row: "frozen" if _trainable(row) is False else "",
        drop=4,
        hide_if_all=lambda row: row.trainable is not False,
    ),
    Column(
        key="tied_to",
        value=lambda row: ",".join(row.tied_to),
        text=lambda row: ", ".join(map(units.name, row.tied_to)) or "-",
        style=lambda row: "tied" if row.tied_to else "",
        drop=1,
        min_width=24,
        elide="middle",
        hide_if_all=lambda row: not row.tied_to,
    ),
)


def _statistic(key: str, format_number: Callable[[Any], str], drop: int = 0) -> Column[NamedTensor]:
    """Return the column of a field of `Statistics`."""

    def value(row: NamedTensor) -> int | float | None:
        found: int | float | None = None if row.statistics is None else getattr(row.statistics, key)
        return found

    def text(row: NamedTensor) -> str:
        return "-" if row.statistics is None else format_number(value(row))

    return Column(key=key, value=value, text=text, align="right", drop=drop)


STATISTICS: tuple[Column[NamedTensor], ...] = (
    _statistic("mean", units.decimal),
    _statistic("std", units.decimal),
    _statistic("min", units.decimal, drop=3),
    _statistic("max", units.decimal, drop=3),
    _statistic("zeros", units.count, drop=5),
    _statistic("nan", units.count, drop=2),
    _statistic("inf", units.count, drop=2),
)
NOT_READ: Column[NamedTensor] = Column(
    key="not_read", value=lambda row: row.not_read or None, shown=False
)


def _quantile(key: str, drop: int) -> Column[NamedTensor]:
    """Return the column of a quantile, a field of `Distribution`."""

    def value(row: NamedTensor) -> float | None:
        found: float | None = None if row.distribution is None else getattr(row.distribution, key)
        return found

    return Column(
        key=key, value=value, text=lambda row: units.decimal(value(row)), align="right", drop=drop
    )


def _bars(row: NamedTensor) -> tuple[int, ...]:
    return row.distribution.bars if row.distribution is not None else ()


DISTRIBUTION: tuple[Column[NamedTensor], ...] = (
    _quantile("q01", drop=12),
    _quantile("q25", drop=13),
    _quantile("median", drop=11),
    _quantile("q75", drop=13),
    _quantile("q99", drop=12),
    Column(
        key="bars",
        value=lambda row: ",".join(map(str, _bars(row))) or None,
        text=lambda row: bars(_bars(row)) or "-",
        drop=4,
    ),
)

MODEL_COLUMNS: tuple[Column[NamedTensor], ...] = (
    Column(key="kind", value=lambda row: row.kind, drop=2),
    Column(
        key="persistent",
        value=lambda row: row.persistent,
        text=lambda row: ("yes" if row.persistent else "no") if row.kind == "buffer" else "-",
        drop=7,
    ),
)
LAYOUT: Column[NamedTensor] = Column(
    key="layout",
    value=lambda row: format_values.layout(row.layout),
    drop=5,
    min_width=24,
    hide_if_all=lambda row: row.layout is None,
)


def _stored(key: str, **settings: Any) -> Column[NamedTensor]:
    """Return the column of a field of `TensorStorage`."""
    return Column(key=key, value=lambda row: getattr(row.stored, key, None), **settings)


CHECKPOINT_COLUMNS: tuple[Column[NamedTensor], ...] = (
    Column(key="kind", value=lambda row: row.kind, drop=2, hide_if_all=lambda row: row.kind == "tensor"),
    _stored(
        "file",
        text=lambda row: "-" if row.repeats > 1 else row.stored.file or "-",
        drop=10,
        min_width=18,
        elide="middle",
    ),
    _stored(
        "offset",
        text=lambda row: (
            "-" if row.stored.offset is None or row.repeats > 1 else units.count(row.stored.offset)
        ),
        align="right",
        drop=9,
        hide_if_all=lambda row: row.stored.offset is None,
    ),
    _stored("storage", align="right", shown=False),
    _stored(
        "sharing",
        align="right",
        drop=3,
        hide_if_all=lambda row: row.stored.sharing == 1 or row.tied_to,
    ),
    _stored(
        "storage_bytes",
        text=lambda row: units.size(row.stored.storage_bytes),
        align="right",
        drop=5,
        hide_if_all=lambda row: row.stored.storage_bytes == row.bytes,
    ),
    Column(
        key="stride",
        value=lambda row: (
            format_values.shape(row.stored.stride)
            if row.stored is not None and row.stored.stride is not None
            else None
        ),
        drop=7,
        hide_if_all=lambda row: row.stored is None or row.stored.stride is None,
    ),
    replace(LAYOUT, drop=7),
    _stored("member", shown=False),
    _stored("section", shown=False),
    Column(
        key="pieces",
        value=lambda row: max(1, len(row.stored.pieces)) if row.stored is not None else None,
        align="right",
        drop=6,
        hide_if_all=lambda row: row.stored is None or len(row.stored.pieces) < 2,
    ),
)


def footer(
    rows: Iterable[NamedTensor],
    columns: Sequence[Column[NamedTensor]],
    *,
    hidden: int,
    hidden_elements: int,
    hidden_bytes: int,
) -> tuple[Row, ...]:
    """Return the row of totals, after one of the tensors in the table if others are not.

    Args:
        rows: The tensors in the table.
        columns: Columns of the table.
        hidden: Number of tensors that are not in the table.
        hidden_elements: Their elements, each tied tensor counted once.
        hidden_bytes: Their bytes.
    """
    tensors = list(rows)
    elements = sum(tensor.counted_elements for tensor in tensors)
    size = sum(tensor.counted_bytes for tensor in tensors)
    total = _total("total", elements + hidden_elements, size + hidden_bytes)
    shown = _total(f"{units.plural(len(tensors), 'row')} shown", elements, size)
    return tuple(make_row(columns, cells, "total") for cells in ([shown] if hidden else []) + [total])


def _total(label: str, elements: int, size: int) -> dict[str, Cell | str]:
    return {
        "name": label,
        "elements": cell(elements, units.count(elements)),
        "bytes": cell(size, units.size(size)),
    }
