"""Names of the output formats and options of rendering, imported by every command."""

from __future__ import annotations

from enum import StrEnum
from pathlib import PurePath

from netinspect.errors import UsageError, suggestion
from netinspect.records.base import record
from netinspect.rendering.graph.options import GraphStyle


class Format(StrEnum):
    """Output formats of reports."""

    RICH = "rich"
    PLAIN = "plain"
    JSON = "json"
    CSV = "csv"
    MARKDOWN = "markdown"
    LATEX = "latex"
    HTML = "html"
    SVG = "svg"
    DOT = "dot"
    MERMAID = "mermaid"
    PNG = "png"


GRAPH_FORMATS = (Format.DOT, Format.MERMAID, Format.PNG)
"""Formats that only `graph` has."""

COMMON_FORMATS = tuple(each for each in Format if each not in GRAPH_FORMATS)
"""Formats of every report."""


def format_named(name: str) -> Format:
    """Return a format by its name.

    Raises:
        UsageError: There is no such format.
    """
    if name not in tuple(Format):
        raise UsageError(
            f"there is no format {name!r}",
            hint=suggestion(name, Format) or f"the formats are: {', '.join(COMMON_FORMATS)}",
        )
    return Format(name)


SUFFIXES = {
    ".json": Format.JSON,
    ".csv": Format.CSV,
    ".md": Format.MARKDOWN,
    ".markdown": Format.MARKDOWN,
    ".tex": Format.LATEX,
    ".tsv": Format.PLAIN,
    ".html": Format.HTML,
    ".svg": Format.SVG,
}
"""Format of every report by suffix of the output file."""

GRAPH_SUFFIXES = {
    ".dot": Format.DOT,
    ".gv": Format.DOT,
    ".mmd": Format.MERMAID,
    ".mermaid": Format.MERMAID,
    ".png": Format.PNG,
}
"""Further formats of `graph` by suffix of the output file."""

PAGE_FORMATS = (Format.HTML, Format.JSON)
"""Formats of `page`; the suffix of each is its name."""

_TEXT_SUFFIXES = ("", ".txt", ".text", ".log", ".out")


def format_of(file: PurePath, otherwise: Format = Format.RICH) -> Format:
    """Return the format of an output file by its suffix.

    Args:
        file: Name of the file.
        otherwise: Format of a text file, or one without a suffix.

    Raises:
        UsageError: The suffix is of no format.
    """
    suffix = file.suffix.lower()
    known = SUFFIXES | GRAPH_SUFFIXES
    if suffix not in known and suffix not in _TEXT_SUFFIXES:
        raise UsageError(
            f"cannot choose a format for {file}: its suffix is unknown",
            hint=f"choose one with --format, or end the name in {' '.join(SUFFIXES)} or .txt; "
            f"graph writes {' '.join(GRAPH_SUFFIXES)} too",
        )
    return known.get(suffix, otherwise)


def page_format_of(file: PurePath) -> Format:
    """Return the format of a file for a page by its suffix; without one it is HTML.

    Raises:
        UsageError: The suffix is of no format of a page.
    """
    suffix = file.suffix.lower()
    for each in PAGE_FORMATS:
        if suffix in ("", f".{each}"):
            return each
    raise refused_for_page(suffix)


def refused_for_page(name: str) -> UsageError:
    """Return the error for a format or suffix that a page does not have."""
    return UsageError(
        f"page cannot write {name}: it writes html, or json with the data",
        hint="end the name of the file in .html or .json; graph writes a drawing, summary a table",
    )


ALL_COLUMNS = "all"
"""Name that selects every column of a table."""

FILE_WIDTH = 100
"""Cells on a line of text files and pictures."""

PIPE_WIDTH = 80
"""Cells on a line of `rich` in a pipe or a log without COLUMNS."""

TEXT_WIDTH = 80
"""Cells for which the columns of the text of a view in Python are chosen."""

PICTURES = (Format.HTML, Format.SVG, Format.PNG)
"""Formats that are drawn like a terminal's, but belong to no terminal."""


@record
class Style:
    """Options of rendering a report."""

    format: Format = Format.RICH
    width: int | None = None
    """Cells on a line, for `rich`, `html` and `svg`; None for no limit, and in `html` for 110."""

    height: int | None = None
    """Lines of the screen that trees and lists are to fit, for `rich`; None for no limit."""

    color: bool = False
    cut: bool = True
    """Whether texts are cut to fit the width, for `rich`; otherwise lines may be longer."""

    link_host: str | None = None
    """Host of the files that places in source code are links to, for `rich`; None for no links."""

    ascii_only: bool = False
    columns: tuple[str, ...] | None = None
    """Keys of the columns to show, in this order, or `ALL_COLUMNS`; None for the default ones."""

    exact: bool = False
    """Whether numbers for people are exact, such as `4,089,184,256` instead of `4.089 G`."""

    failure: bool = True
    """Whether to explain a failed forward; False if an error message already does."""

    graph: GraphStyle = GraphStyle()
    """Options of a graph, for reports that are one."""
