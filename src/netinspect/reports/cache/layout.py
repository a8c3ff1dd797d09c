"""Layout of the `cache` report."""

from __future__ import annotations

from netinspect.records.cache_usage import Cache
from netinspect.rendering.columns import count_column, size_column
from netinspect.rendering.document import Column, Document, line, make_table

_COLUMNS: tuple[Column[Cache], ...] = (
    count_column("entries", lambda cache: cache.entries),
    size_column("bytes", lambda cache: cache.bytes),
    size_column("limit", lambda cache: cache.limit, drop=1),
    Column(key="removed", value=lambda cache: cache.removed, align="right"),
    Column(key="folder", value=lambda cache: cache.folder, min_width=20, elide="middle"),
)


def lay_out(report: Cache) -> Document:
    """Lay out the size and folder of the trace cache."""
    return Document(
        title=line(("trace cache", "title"), ("  netinspect cache clear empties it", "hint")),
        blocks=(make_table("cache", _COLUMNS, (report,)),),
    )
