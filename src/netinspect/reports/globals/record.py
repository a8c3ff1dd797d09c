"""What `globals` finds."""

from __future__ import annotations

from typing import ClassVar
from typing import Literal as OneOf

from netinspect.records.base import record
from netinspect.records.checkpoint import StoredFile
from netinspect.records.pickles import ExaminedPart, UnexaminedPart


@record
class GlobalRow:
    """One name that loading would import."""

    name: str
    verdict: OneOf["needed", "other"]
    """`needed` where tensors, or what torch itself writes around them, cannot be told without it; that
    says nothing about what the rest would do."""

    uses: int
    """How often it would be called, or made an instance of."""

    arguments: str
    """Of its first call, shortened; empty where it is needed."""

    file: str
    member: str
    """Entry of an archive whose pickle names it."""

    position: int
    """Byte of that pickle at which it is named first."""


@record
class GlobalsHeader:
    """The file or folder that the report is about."""

    target: str
    format: str
    files: tuple[StoredFile, ...]
    problems: tuple[str, ...]
    """Pickles that cannot be read to their end; the command ends with exit code 1."""

    warnings: tuple[str, ...]


@record
class Globals:
    """What loading the pickles of a file would import and call; none of it was."""

    name: ClassVar[str] = "globals"

    header: GlobalsHeader
    pickles: int
    """How many pickles were read."""

    rows: tuple[GlobalRow, ...]
    """Those that tensors do not need first."""

    others: int
    """How many of them tensors do not need."""

    complete: bool = True
    """Whether every byte that a loader could take for a pickle, or for code, was examined."""

    examined: tuple[ExaminedPart, ...] = ()
    """Files and members that were examined, by their kinds."""

    unexamined: tuple[UnexaminedPart, ...] = ()
    """Files, members and stretches of bytes that were not, each with the reason."""
