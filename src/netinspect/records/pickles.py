"""Records of a pickle scan: what loading the pickles of a file or folder would import and call."""

from __future__ import annotations

from netinspect.records.base import record
from netinspect.records.checkpoint import Global, StoredFile


@record
class Pickle:
    """One pickle that was read without running it."""

    file: int
    """Index of the file that holds it."""

    member: str
    """Member of an archive; empty if the file is not an archive."""

    position: int
    """Byte offset of its beginning in that member or file."""


@record
class ExaminedPart:
    """A file, or a member of an archive, that was examined completely."""

    file: str
    member: str
    """Member of an archive; empty for the file itself."""

    kind: str
    """Kind of content, such as `pickle`, `tensor storages`, `safetensors`, `text` or `PNG image`."""

    count: int = 1
    """Number of members, if several of one kind are counted together."""


@record
class UnexaminedPart:
    """A file, a member of an archive or a range of bytes that was not examined."""

    file: str
    member: str
    """Member of an archive; empty for the file itself."""

    reason: str


@record
class PickleScan:
    """All pickles of one target, and its other parts, examined or not."""

    target: str
    format: str
    files: tuple[StoredFile, ...] = ()
    pickles: tuple[Pickle, ...] = ()
    globals: tuple[Global, ...] = ()
    examined: tuple[ExaminedPart, ...] = ()
    unexamined: tuple[UnexaminedPart, ...] = ()
    problems: tuple[str, ...] = ()
    """Pickles that could not be read to their end; the names before that point are listed."""

    warnings: tuple[str, ...] = ()
