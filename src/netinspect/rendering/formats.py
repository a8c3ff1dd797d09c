"""The names of the formats, and how a report is to be spelled; imported by every command's options."""

from __future__ import annotations

from enum import StrEnum

from netinspect.errors import UsageError, suggestion
from netinspect.records.base import record


class Format(StrEnum):
    """The formats that a report can be spelled in."""

    RICH = "rich"
    PLAIN = "plain"
    JSON = "json"
    CSV = "csv"
    MARKDOWN = "markdown"


def format_named(name: str) -> Format:
    """Return a format by its name.

    Raises:
        UsageError: There is none of that name.
    """
    if name not in tuple(Format):
        raise UsageError(
            f"there is no format {name!r}",
            hint=suggestion(name, Format) or f"the formats are: {', '.join(Format)}",
        )
    return Format(name)


SUFFIXES = {
    ".json": Format.JSON,
    ".csv": Format.CSV,
    ".md": Format.MARKDOWN,
    ".markdown": Format.MARKDOWN,
    ".tsv": Format.PLAIN,
}
"""The format that the name of an output file asks for."""


@record
class Style:
    """How a report is to be spelled."""

    format: Format = Format.RICH
    width: int | None = None
    """Cells on a line, for `rich`; None for no limit."""

    color: bool = False
    ascii_only: bool = False
    columns: tuple[str, ...] | None = None
    """Keys of the columns to show, in this order; None for the default ones."""

    failure: bool = True
    """Whether a forward that failed is explained; not where an error beside it does so."""
