"""What `source` finds."""

from __future__ import annotations

from typing import ClassVar

from netinspect.records.base import record
from netinspect.records.report_header import ReportHeader


@record
class CodeLine:
    """One line of source, with what passed through it."""

    number: int
    text: str
    note: str
    """The shapes that passed, as `(10, 1, 28, 28) -> (10, 6, 24, 24)`; empty where none did."""

    failed: bool


@record
class Listing:
    """The source of one class; line numbers jump where parts are left out."""

    class_path: str
    file: str
    lines: tuple[CodeLine, ...]
    total_lines: int


@record
class Source:
    """The source of one module's class, annotated; with that of the base whose `forward` it runs."""

    name: ClassVar[str] = "source"

    header: ReportHeader
    path: str
    class_name: str
    calls: int
    listings: tuple[Listing, ...]
