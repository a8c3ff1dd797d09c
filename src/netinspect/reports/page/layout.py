"""Layout of the `page` report: its HTML, and a short text that lists its parts."""

from __future__ import annotations

from typing import NamedTuple

from netinspect._utils.safe_text import safe
from netinspect.rendering.columns import count_column
from netinspect.rendering.document import Column, Document, line, make_table
from netinspect.rendering.graph.options import GraphStyle
from netinspect.rendering.page.packing import pack
from netinspect.rendering.page.page import format_page
from netinspect.rendering.page.picture_data import picture_data
from netinspect.reports.page.data import page_data, title_of
from netinspect.reports.page.record import Page
from netinspect.reports.page.short_paths import without_home
from netinspect.reports.shared import header as shared_header

_AT_FIRST = GraphStyle()


def format_html(page: Page, style: GraphStyle = _AT_FIRST) -> str:
    """Return the HTML of a page; see `format_page`.

    Args:
        page: The page.
        style: Theme and heat that it has until its reader chooses others.
    """
    picture = None if page.picture is None else picture_data(page.picture)
    data = {**page_data(page), "picture": picture, "heat": style.heat}
    return without_home(format_page(pack(data), title=title_of(page.header), theme=style.theme))


class _Part(NamedTuple):
    name: str
    entries: int
    noun: str


def lay_out(page: Page) -> Document:
    """Lay out the parts of a page, for where no HTML can be shown."""
    columns: tuple[Column[_Part], ...] = (
        Column(key="part", value=lambda part: part.name),
        count_column("entries", lambda part: part.entries, zero="-"),
        Column(key="of", value=lambda part: part.noun),
    )
    parts = [
        _Part("graph", 0 if page.picture is None else len(page.picture.templates), "distinct boxes"),
        _Part("table", _rows(page), "rows"),
        _Part("source", sum(len(each.lines) for each in page.sources), "lines"),
        _Part("parameters", 0 if page.parameters is None else len(page.parameters.rows), "tensors"),
        _Part("memory", 0 if page.memory is None else page.memory.steps, "allocations"),
        _Part("cost", 0 if page.operators is None else len(page.operators.rows), "operators"),
    ]
    notes = [line((f"{note.part}: {safe(note.text)}", "hint")) for note in page.notes]
    return Document(
        title=shared_header.title(page.header),
        blocks=(make_table("parts", columns, parts),),
        notes=(*notes, line(("save('model.html') writes the page", "hint"))),
    )


def _rows(page: Page) -> int:
    if page.contents is not None:
        return len(page.contents.groups)
    return 0 if page.summary is None else len(page.summary.rows)
