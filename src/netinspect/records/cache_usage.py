"""Report of the `cache` command."""

from __future__ import annotations

from typing import ClassVar

from netinspect.records.base import record


@record
class Cache:
    """Size and limits of the trace cache."""

    name: ClassVar[str] = "cache"

    folder: str | None
    """The folder of the cache; None without a home folder."""

    entries: int
    """Number of cached traces and memory tracks, also those of earlier versions."""

    bytes: int
    limit: int
    """Maximum size in bytes; beyond it the oldest entries are removed."""

    removed: int | None = None
    """Number of files that this command removed; None if removal was not requested."""
