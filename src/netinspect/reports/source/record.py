"""Record of `source`: annotated source code."""

from __future__ import annotations

from typing import ClassVar

from netinspect.records.base import record
from netinspect.records.report_header import ReportHeader


@record
class CodeLine:
    """A line of source and its annotation."""

    number: int
    text: str
    note: str
    """Shapes as `(10,1,28,28) -> (10,6,24,24)`; empty if none passed."""

    failed: bool


@record
class Listing:
    """The source of one class; line numbers skip the lines that are left out."""

    class_path: str
    file: str
    lines: tuple[CodeLine, ...]
    total_lines: int


@record
class Source:
    """The source of the class of a module, and of the base class that defines its `forward`."""

    name: ClassVar[str] = "source"

    header: ReportHeader
    path: str
    class_name: str
    calls: int
    listings: tuple[Listing, ...]
