"""What `cache` reports."""

from __future__ import annotations

from typing import ClassVar

from netinspect.records.base import record


@record
class Cache:
    """The traces that are kept on disk."""

    name: ClassVar[str] = "cache"

    folder: str | None
    """Where; None if there can be none."""

    entries: int
    """A trace, or a note which look answers another question too."""

    bytes: int
    limit: int
    """Bytes up to which looks are kept; then the oldest go."""

    removed: int | None = None
    """How many entries were removed just now; None if no one asked for that."""
