"""Record of `globals`: what loading the pickles of a file would import and call."""

from __future__ import annotations

from typing import ClassVar
from typing import Literal as OneOf

from netinspect.records.base import record
from netinspect.records.checkpoint_header import CheckpointHeader
from netinspect.records.pickles import ExaminedPart, UnexaminedPart


@record
class GlobalRow:
    """A name that loading would import."""

    name: str
    verdict: OneOf["needed", "other"]
    """`needed` if tensors, or what torch itself saves with them, cannot be loaded without it. `other`
    does not imply that the name is harmful.
    """

    uses: int
    """Number of times that it would be called or instantiated."""

    arguments: str
    """Arguments of the first call, shortened; empty if the verdict is `needed`."""

    file: str
    member: str
    """Archive member of the pickle that imports it; empty outside an archive."""

    offset: int
    """Offset in bytes within that pickle of the first import."""


@record
class Globals:
    """Names that loading the pickles of a file would import and call. Nothing was executed."""

    name: ClassVar[str] = "globals"

    header: CheckpointHeader
    """Its problems are pickles that cannot be read completely."""

    pickles: int
    """Number of pickles that were read."""

    rows: tuple[GlobalRow, ...]
    """Names that tensors do not need come first."""

    others: int
    """Number of names that tensors do not need."""

    complete: bool = True
    """Whether every byte that a loader could read as a pickle or as code was examined."""

    examined: tuple[ExaminedPart, ...] = ()
    """Examined files and archive members, by kind."""

    unexamined: tuple[UnexaminedPart, ...] = ()
    """Files, archive members and byte ranges that were not examined, with reasons."""
