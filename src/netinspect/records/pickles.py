"""What loading the pickles of a file, or of the files of a folder, would import and call."""

from __future__ import annotations

from netinspect.records.base import record
from netinspect.records.checkpoint import Global, StoredFile


@record
class Pickle:
    """One pickle that was read, and not run."""

    file: int
    """Index of the file that holds it."""

    member: str
    """Entry of an archive; empty where the file is no archive."""

    position: int
    """Byte of that entry, or of the file, at which it begins."""


@record
class PickleScan:
    """All pickles of one target."""

    target: str
    format: str
    files: tuple[StoredFile, ...]
    pickles: tuple[Pickle, ...]
    globals: tuple[Global, ...]
    problems: tuple[str, ...] = ()
    """Where one could not be read to its end; what it names before is listed."""

    warnings: tuple[str, ...] = ()
