"""Layout of the `source` report."""

from __future__ import annotations

import re

from netinspect._utils import units
from netinspect.rendering import format_values
from netinspect.rendering.document import Block, Code, CodeLine, Document, line
from netinspect.rendering.styles import StyleName
from netinspect.reports.source import record
from netinspect.reports.source.record import Listing, Source

_SHAPE = re.compile(r"\([^()]*\)")


def lay_out(report: Source) -> Document:
    """Lay out the annotated source."""
    notes = []
    hidden = sum(listing.total_lines - len(listing.lines) for listing in report.listings)
    if hidden:
        notes.append(line((f"{units.plural(hidden, 'line')} not shown (--whole-class)", "hint")))
    if report.header.ran:
        text = f"called {units.plural(report.calls, 'time')}" if report.calls else "never called"
        if report.calls == 0 or report.calls > 1:
            notes.append(line(text))
    return Document(
        title=format_values.title(report.header, path=report.path),
        blocks=tuple(map(_block, report.listings)),
        notes=(*notes, *format_values.run_notes(report.header)),
    )


def _block(listing: Listing) -> Block:
    return Code(
        name=f"{listing.class_path}  {format_values.short_path(listing.file)}",
        lines=tuple(
            CodeLine(
                number=each.number,
                text=each.text,
                note=each.note,
                failed=each.failed,
                note_style=_style(each),
            )
            for each in listing.lines
        ),
    )


def _style(each: record.CodeLine) -> StyleName:
    """Return the style of a note: dim if every shape in it is the same."""
    if each.failed:
        return "failed"
    keeps_shape = "->" in each.note and len(set(_SHAPE.findall(each.note))) == 1
    return "shape_same" if keeps_shape else "code_note"
