"""The view of `cache`."""

from __future__ import annotations

from netinspect._utils import units
from netinspect.records.cache_usage import Cache
from netinspect.rendering.document import Column, Document, Row, Table, cell, line

_COLUMNS = (
    Column(key="entries", title="entries", align="right"),
    Column(key="bytes", title="size", align="right"),
    Column(key="limit", title="limit", align="right", drop=1),
    Column(key="removed", title="removed", align="right"),
    Column(key="folder", title="folder", least=20, elide="middle"),
)


def lay_out(report: Cache) -> Document:
    """Tell how many looks are kept, and where."""
    row = Row(
        cells=(
            cell(report.entries, units.count(report.entries)),
            cell(report.bytes, units.size(report.bytes)),
            cell(report.limit, units.size(report.limit)),
            cell(report.removed),
            cell(report.folder),
        )
    )
    return Document(
        title=line(("kept looks", "bold"), ("  netinspect cache clear removes them", "dim")),
        blocks=(Table(name="cache", columns=_COLUMNS, rows=(row,)),),
    )
