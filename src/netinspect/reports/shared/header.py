"""Title and notes of the reports on models and checkpoints."""

from __future__ import annotations

from netinspect.analysis.unregistered import notes_of as notes_of
from netinspect.records.checkpoint_header import CheckpointHeader, StoredTotals
from netinspect.records.report_header import ReportHeader, Tie, Totals
from netinspect.rendering import format_values
from netinspect.rendering.document import Line
from netinspect.reports.shared import checkpoint_header


def name(header: ReportHeader | CheckpointHeader) -> str:
    """Return the name of what a report is about: a class or a file."""
    return header.target if isinstance(header, CheckpointHeader) else header.class_name


def title(header: ReportHeader | CheckpointHeader, *, path: str = "") -> Line:
    """Return the first line of a report.

    Args:
        header: The header of the report.
        path: The part that is shown; empty for all of it.
    """
    if isinstance(header, CheckpointHeader):
        return checkpoint_header.title(header, path=path)
    return format_values.title(header, path=path)


def total_notes(totals: Totals | StoredTotals, ties: tuple[Tie, ...], *, whole: str = "") -> list[Line]:
    """Return the totals in words.

    Args:
        totals: Totals of the whole model or checkpoint.
        ties: Ties of the whole model.
        whole: Name of the whole, if only a part of it is shown.
    """
    if isinstance(totals, StoredTotals):
        return checkpoint_header.total_notes(totals, of=whole)
    return format_values.total_notes(totals, ties, of=whole)


def notes(header: ReportHeader | CheckpointHeader) -> list[Line]:
    """Return the problems and warnings of a report without a run."""
    if isinstance(header, CheckpointHeader):
        return checkpoint_header.remarks(header)
    return format_values.change_notes(header)
