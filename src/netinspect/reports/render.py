"""Rendering of reports: lookup of the layout of a report and the renderer of a format."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, cast

from netinspect._utils.units import exact_numbers
from netinspect.advice import advise, is_for_python
from netinspect.errors import Excerpt, UsageError, suggestion
from netinspect.records.base import replace
from netinspect.records.picture import Picture
from netinspect.rendering.document import Document, Span, Table
from netinspect.rendering.formats import ALL_COLUMNS, COMMON_FORMATS, GRAPH_FORMATS, Format, Style

if TYPE_CHECKING:
    from netinspect.rendering.graph.options import GraphStyle
    from netinspect.rendering.machine import Report

_OF_FORWARD = ("summary", "trace", "cost", "source", "graph")
"""Reports on a run of forward, which explain its failure."""


def lay_out(report: Report, *, failure: bool = True, graph: GraphStyle | None = None) -> Document:
    """Return the document of a report.

    Args:
        report: The report.
        failure: Whether to explain a failed forward.
        graph: Options of a graph; None for the default ones.
    """
    module = importlib.import_module(_layout_module(report))
    if graph is not None and isinstance(report, Picture):
        document = cast("Document", module.lay_out(report, graph))
    else:
        document = cast("Document", module.lay_out(report))
    header = getattr(report, "header", None)
    found = getattr(header, "failure", None)
    if not failure or found is None:
        return _in_words_of_caller(document)
    from netinspect.rendering.failure import build_failure, failure_note

    explanation = build_failure(found) if report.name in _OF_FORWARD else ()
    notes = (*document.notes, failure_note(found))
    return _in_words_of_caller(replace(document, notes=notes, failure=explanation))


def _in_words_of_caller(document: Document) -> Document:
    """Return a document whose advice fits the caller; see `advice.for_python`."""
    if not is_for_python():
        return document
    return replace(
        document,
        title=tuple(_advised(span) if span.style == "hint" else span for span in document.title),
        notes=tuple(tuple(map(_advised, note)) for note in document.notes),
        failure=tuple(
            part if isinstance(part, Excerpt) else tuple(map(_advised, part))
            for part in document.failure
        ),
    )


def _advised(span: Span) -> Span:
    return replace(span, text=advise(span.text))


def _layout_module(report: Report) -> str:
    """Return the layout module of a report: `layout.py` next to `record.py`."""
    module = type(report).__module__
    if module.startswith("netinspect.reports."):
        return f"{module.removesuffix('record')}layout"
    return f"netinspect.reports.{report.name}.layout"


def _own_format(report: Report, format: Format) -> Callable[[Report, GraphStyle], str] | None:
    """Return the function with which the layout of a report writes a format itself, or None."""
    found: Callable[[Report, GraphStyle], str] | None = getattr(
        importlib.import_module(_layout_module(report)), f"format_{format}", None
    )
    return found


def render(report: Report, style: Style | None = None) -> str:
    """Render a report as text.

    Raises:
        UsageError: The report lacks a requested column, or the format has no columns.
    """
    style = style or Style()
    with exact_numbers(style.exact):
        return _render(report, style)


def render_file(report: Report, style: Style) -> str | bytes:
    """Render a report as the content of a file: as `render`, but images too.

    Raises:
        UsageError: As for `render`; or a library for images is not installed.
    """
    if style.format is not Format.PNG:
        return render(report, style)
    from netinspect.rendering.graph.png import format_png

    with exact_numbers(style.exact):
        return format_png(_picture(report, style.format), style.graph)


def _picture(report: Report, format: Format) -> Picture:
    """Return a report that is drawn with boxes and arrows.

    Raises:
        UsageError: It is another report.
    """
    if not isinstance(report, Picture):
        raise UsageError(
            f"{report.name} cannot be written as {format}: only graph draws boxes and arrows",
            hint=f"the formats of {report.name} are: {', '.join(COMMON_FORMATS)}",
        )
    return report


_DRAWN = (Format.SVG, Format.HTML, Format.DOT, Format.MERMAID)
"""Formats of text in which a picture is a drawing, each in a module of its name."""


def _draw(picture: Picture, style: Style) -> str | None:
    """Return a picture as a drawing; None in a format of tables.

    Raises:
        UsageError: Columns were asked for, or an image.
    """
    if style.format is Format.PNG:
        way = "view.save('graph.png')" if is_for_python() else "-o graph.png"
        raise UsageError("png is an image, not a text", hint=f"write it to a file: {way}")
    if style.format is Format.MARKDOWN and style.columns is None:
        from netinspect.rendering.graph.markdown import format_graph_markdown

        document = replace(lay_out(picture, failure=style.failure, graph=style.graph), blocks=())
        return format_graph_markdown(picture, style.graph, document)
    if style.format not in _DRAWN:
        return None
    if style.columns is not None:
        raise UsageError(
            f"--columns does not go with {style.format}, where a graph is a drawing",
            hint="choose columns in rich, plain, csv, markdown or latex",
        )
    module = importlib.import_module(f"netinspect.rendering.graph.{style.format}")
    draw: Callable[[Picture, GraphStyle], str] = getattr(module, f"format_{style.format}")
    return draw(picture, style.graph)


def _render(report: Report, style: Style) -> str:
    if style.format is Format.JSON:
        if style.columns not in (None, (ALL_COLUMNS,)):
            raise UsageError(
                "--columns does not go with json, which always has every field",
                hint="choose columns in csv or plain, or pick the fields with a tool such as jq",
            )
        from netinspect.rendering.machine import dump_json

        return dump_json(report)
    if isinstance(report, Picture) or style.format in GRAPH_FORMATS:
        drawn = _draw(_picture(report, style.format), style)
        if drawn is not None:
            return drawn
    if (own := _own_format(report, style.format)) is not None:
        return own(report, style.graph)
    document = lay_out(report, failure=style.failure, graph=style.graph)
    columns = None if style.columns is None else checked_columns(document, style.columns)
    if style.format is Format.PLAIN:
        from netinspect.rendering.machine import dump_plain

        return dump_plain(document, columns)
    if style.format is Format.CSV:
        from netinspect.rendering.machine import dump_csv

        return dump_csv(document, columns)
    if style.format is Format.MARKDOWN:
        from netinspect.rendering.markdown import format_markdown

        return format_markdown(document, columns)
    if style.format is Format.LATEX:
        from netinspect.rendering.latex import format_latex

        return format_latex(document, columns)
    if style.format is Format.HTML:
        from netinspect.rendering.html import format_html_page

        return format_html_page(document, style.width, columns)
    if style.format is Format.SVG:
        from netinspect.rendering.pictures import format_svg

        return format_svg(document, style.width, columns)
    from netinspect.rendering.terminal import format_terminal

    return format_terminal(
        document,
        width=style.width,
        color=style.color,
        link_host=style.link_host,
        ascii_only=style.ascii_only,
        height=style.height,
        columns=columns,
        cut=style.cut,
    )


def checked_columns(document: Document, columns: Sequence[str]) -> tuple[str, ...]:
    """Return the keys of columns of a document.

    Args:
        document: The document.
        columns: Keys or headings, or `ALL_COLUMNS`.

    Raises:
        UsageError: The document has no such column, or none is named.
    """
    tables = [block for block in document.blocks if isinstance(block, Table)]
    known = list(dict.fromkeys(column.key for table in tables for column in table.columns))
    if not known:
        raise UsageError("there are no columns in this view", hint="leave --columns out")
    listed = f"the columns are: {', '.join(known)}; all shows every one"
    keys = [column.lower().replace(" ", "_") for column in columns]
    for column, key in zip(columns, keys, strict=True):
        if key != ALL_COLUMNS and key not in known:
            raise UsageError(
                f"there is no column {column!r}",
                hint="\n".join(filter(None, (suggestion(key, known), listed))),
            )
    return tuple(dict.fromkeys(keys))
