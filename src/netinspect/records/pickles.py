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
    """Entry of an archive; empty where the file is not an archive."""

    position: int
    """Byte of that entry, or of the file, at which it begins."""


@record
class ExaminedPart:
    """A file, or a member of one, that was examined: no loader could take a byte of it for more."""

    file: str
    member: str
    """Entry of an archive; empty for the file itself."""

    kind: str
    """By its content, such as `pickle`, `tensor storages`, `safetensors`, `text` or `PNG image`."""

    count: int = 1
    """How many there are, where members of one kind are counted together."""


@record
class UnexaminedPart:
    """A file, a member of one or a stretch of bytes that was not examined."""

    file: str
    member: str
    """Entry of an archive; empty for the file itself."""

    reason: str


@record
class PickleScan:
    """All pickles of one target, and what else of it was examined, or was not."""

    target: str
    format: str
    files: tuple[StoredFile, ...]
    pickles: tuple[Pickle, ...]
    globals: tuple[Global, ...]
    examined: tuple[ExaminedPart, ...] = ()
    unexamined: tuple[UnexaminedPart, ...] = ()
    problems: tuple[str, ...] = ()
    """Where one could not be read to its end; what it names before is listed."""

    warnings: tuple[str, ...] = ()
