"""What the lists of named tensors share, be they of a model or of a checkpoint."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from netinspect._utils import units
from netinspect.records.tensors import Statistics
from netinspect.rendering.document import Cell, Column, Row, cell

COLUMNS = (
    Column(key="name", least=34, elide="middle"),
    Column(key="shape", least=18),
    Column(key="dtype", drop=6),
    Column(key="size", align="right"),
    Column(key="bytes", align="right", drop=8),
    Column(key="trainable", drop=4),
    Column(key="tied_to", drop=1, least=24, elide="middle"),
)
STATISTICS = (
    Column(key="mean", align="right"),
    Column(key="std", align="right"),
    Column(key="min", align="right", drop=3),
    Column(key="max", align="right", drop=3),
    Column(key="zeros", align="right", drop=5),
    Column(key="nan", title="NaN", align="right", drop=2),
    Column(key="inf", title="Inf", align="right", drop=2),
)


def statistics_cells(found: Statistics | None) -> tuple[Cell, ...]:
    """Format the statistics of one tensor; dashes where there are none."""
    if found is None:
        return tuple(cell(None) for _ in STATISTICS)
    return (
        *(cell(each, units.decimal(each)) for each in (found.mean, found.std, found.min, found.max)),
        *(cell(each, units.count(each)) for each in (found.zeros, found.nan, found.inf)),
    )


def footer(
    sizes: Iterable[tuple[int, int]], columns: Sequence[Column], *, hidden: int
) -> tuple[Row, ...]:
    """Make the row of the sums of what is listed.

    Args:
        sizes: Elements and bytes of each tensor that counts.
        columns: Those of the table.
        hidden: Tensors that are not listed.
    """
    counted = list(sizes)
    texts = {
        "name": "shown" if hidden else "total",
        "size": units.count(sum(elements for elements, _ in counted)),
        "bytes": units.size(sum(size for _, size in counted)),
    }
    return (Row(cells=tuple(cell(None, texts.get(column.key, "")) for column in columns), style="bold"),)
