"""Layout of the `cache` report."""

from __future__ import annotations

from netinspect._utils import units
from netinspect.records.cache_usage import Cache
from netinspect.rendering.document import Column, Document, line, make_table

_COLUMNS: tuple[Column[Cache], ...] = (
    Column(
        key="entries",
        value=lambda cache: cache.entries,
        text=lambda cache: units.count(cache.entries),
        align="right",
    ),
    Column(
        key="bytes",
        value=lambda cache: cache.bytes,
        text=lambda cache: units.size(cache.bytes),
        align="right",
    ),
    Column(
        key="limit",
        value=lambda cache: cache.limit,
        text=lambda cache: units.size(cache.limit),
        align="right",
        drop=1,
    ),
    Column(key="removed", value=lambda cache: cache.removed, align="right"),
    Column(key="folder", value=lambda cache: cache.folder, min_width=20, elide="middle"),
)


def lay_out(report: Cache) -> Document:
    """Lay out the size and folder of the trace cache."""
    return Document(
        title=line(("trace cache", "bold"), ("  netinspect cache clear empties it", "dim")),
        blocks=(make_table("cache", _COLUMNS, (report,)),),
    )
