"""Columns and totals of tables of named tensors, of a model or of a checkpoint."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Protocol

from netinspect._utils import units
from netinspect.records.tensors import Statistics
from netinspect.rendering import format_values
from netinspect.rendering.document import Column, Row, make_row


class NamedTensor(Protocol):
    """A row with one named tensor."""

    @property
    def name(self) -> str:
        """Dotted name."""

    @property
    def kind(self) -> str:
        """`parameter`, `buffer`, or `tensor` if that is unknown."""

    @property
    def shape(self) -> tuple[int | str, ...]:
        """Sizes."""

    @property
    def dtype(self) -> str:
        """Name of the dtype."""

    @property
    def elements(self) -> int:
        """Number of elements."""

    @property
    def bytes(self) -> int:
        """Bytes of the elements."""

    @property
    def trainable(self) -> bool | None:
        """`requires_grad`; None if unknown."""

    @property
    def tied_to(self) -> tuple[str, ...]:
        """Other names of the same tensor."""

    @property
    def statistics(self) -> Statistics | None:
        """Statistics of the values; None if they were not read."""

    @property
    def not_read(self) -> str:
        """Why the values were not read; empty if they were."""


def style(row: NamedTensor) -> str:
    """Return the style of a row: red if it has NaN or infinity."""
    found = row.statistics
    return "bold red" if found is not None and (found.nan or found.inf) else ""


def _trainable(row: NamedTensor) -> bool | None:
    return None if row.kind == "buffer" else row.trainable


COLUMNS: tuple[Column[NamedTensor], ...] = (
    Column(
        key="name",
        value=lambda row: row.name,
        text=lambda row: units.name(row.name),
        style=lambda row: style(row) or "bold",
        min_width=34,
        elide="middle",
    ),
    Column(key="shape", value=lambda row: format_values.shape(row.shape), min_width=18),
    Column(key="dtype", value=lambda row: row.dtype, drop=6),
    Column(
        key="elements",
        value=lambda row: row.elements,
        text=lambda row: units.count(row.elements),
        align="right",
    ),
    Column(
        key="bytes",
        value=lambda row: row.bytes,
        text=lambda row: units.size(row.bytes),
        align="right",
        drop=8,
    ),
    Column(
        key="trainable",
        value=_trainable,
        text=lambda row: {True: "yes", False: "no", None: "-"}[_trainable(row)],
        drop=4,
    ),
    Column(
        key="tied_to",
        value=lambda row: ",".join(row.tied_to),
        text=lambda row: ", ".join(map(units.name, row.tied_to)) or "-",
        drop=1,
        min_width=24,
        elide="middle",
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


def footer(
    sizes: Iterable[tuple[int, int]], columns: Sequence[Column[Any]], *, hidden: int
) -> tuple[Row, ...]:
    """Return the row of totals of the tensors in a table.

    Args:
        sizes: Elements and bytes of each tensor that counts.
        columns: Columns of the table.
        hidden: Number of tensors that are not in the table.
    """
    counted = list(sizes)
    texts = {
        "name": "shown" if hidden else "total",
        "elements": units.count(sum(elements for elements, _ in counted)),
        "bytes": units.size(sum(size for _, size in counted)),
    }
    return (make_row(columns, texts, "bold"),)
