"""View: a report that renders itself."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from netinspect._utils.random_state import preserved_random_state
from netinspect.errors import UsageError

if TYPE_CHECKING:
    from typing import Self

    from netinspect.records.report_header import Diagnosis
    from netinspect.rendering.formats import Style
    from netinspect.rendering.machine import Report

R = TypeVar("R", bound="Report", covariant=True)


# With slots, dataclasses raise a TypeError instead of FrozenInstanceError for names that are not fields.
@dataclass(frozen=True)
class View(Generic[R]):
    """A report that can be read by programs, in `record`, and shown to people.

    `str`, and so `print`, f-strings and loggers, gives the same text everywhere: all rows and whole
    names, with the columns that usually fit 80 cells, and only ASCII characters if stdout has no others.
    The prompt of Python shows what fits the terminal, and `text` has more columns.
    """

    record: R
    columns: tuple[str, ...] | None = None
    """Keys of the columns to show in every format but JSON; None for the default ones."""

    exact: bool = False
    """Whether numbers for people are never rounded."""

    width: int | None = None
    """Cells on a line where the view is shown; None for those of the terminal."""

    @property
    def failure(self) -> Diagnosis | None:
        """Explanation of the failure of forward; None if it passed or was not run."""
        found: Diagnosis | None = getattr(getattr(self.record, "header", None), "failure", None)
        return found

    @property
    def failed(self) -> bool:
        """Whether forward failed."""
        return self.failure is not None

    def with_columns(self, columns: str | Sequence[str]) -> Self:
        """Return the view with other columns.

        Args:
            columns: Keys in the order to show them, such as `["path", "params"]`; `all` for every one.

        Raises:
            UsageError: The view has no such column, or no columns.
        """
        from netinspect.api._checks import texts

        keys = columns.split(",") if isinstance(columns, str) else texts("columns", columns)
        if not any(map(str.strip, keys)):
            raise UsageError(
                "expected at least one column in columns",
                hint="write it like columns=['path', 'params']",
            )
        with preserved_random_state():
            from netinspect.reports.render import checked_columns, lay_out

            checked = checked_columns(lay_out(self.record), [each.strip() for each in keys])
        return replace(self, columns=checked)

    def text(self, format: str = "rich", *, width: int | None = None, exact: bool = False) -> str:
        """Render the report, without colour.

        Args:
            format: `rich`, `plain`, `json`, `csv`, `markdown`, `latex`, `html` or `svg`.
            width: Cells on a line, for `rich`, `html` and `svg`; None for no limit, and in
                `html` for the columns that fit 110.
            exact: Numbers for people without rounding: `4,089,184,256` instead of `4.089 G`.
        """
        from netinspect.rendering.formats import Style, format_named

        return self._render(Style(format=format_named(format), width=width, exact=exact or self.exact))

    def save(
        self,
        file: str | os.PathLike[str],
        format: str | None = None,
        *,
        width: int | None = None,
        exact: bool = False,
    ) -> None:
        """Write the report to a file, whole or not at all, as `-o` of the command line does.

        Args:
            file: The file; an existing one is replaced.
            format: As for `text`; None for that of the suffix: `.html`, `.svg`, `.md`, `.csv`, `.tsv`,
                `.json`, `.tex`, or `.txt` for the text of a terminal.
            width: Cells on a line, for `rich`, `html` and `svg`; None for 100.
            exact: Numbers for people without rounding.

        Raises:
            UsageError: The suffix is unknown, or the file cannot be written or is the checkpoint itself.
        """
        from netinspect._utils.atomic_files import refuse_to_replace, write_whole
        from netinspect.rendering.formats import FILE_WIDTH, Format, Style, format_named, format_of

        path = Path(file)
        chosen = format_of(path) if format is None else format_named(format)
        cells = width or self.width or FILE_WIDTH
        style = Style(format=chosen, width=cells, exact=exact or self.exact)
        content = self._image(style) if chosen is Format.PNG else self._render(style)
        header = getattr(self.record, "header", None)
        refuse_to_replace(path, [each.path for each in getattr(header, "files", ())])
        write_whole(path, content)

    def to_dicts(self) -> list[dict[str, str | int | float | bool | None]]:
        """Return the rows of the first table, unfolded, with the columns and values of `csv`.

        Values are exact: counts, bytes, whole names; None where a row has no value.
        """
        with preserved_random_state():
            keys, rows = self._first_table()
            return [dict(zip(keys, row, strict=True)) for row in rows]

    def to_pandas(self) -> Any:
        """Return the rows of `to_dicts` as a `pandas.DataFrame`.

        Raises:
            ImportError: pandas is not installed.
        """
        try:
            pandas = import_module("pandas")
        except ModuleNotFoundError as error:
            if error.name != "pandas":
                raise
            raise ImportError("to_pandas needs pandas: pip install pandas", name="pandas") from None
        keys, rows = self._first_table()
        return pandas.DataFrame(rows, columns=keys)

    def _first_table(self) -> tuple[list[str], list[list[Any]]]:
        from netinspect.rendering.document import Table
        from netinspect.reports.render import lay_out

        tables = [block for block in lay_out(self.record).blocks if isinstance(block, Table)]
        if not tables:
            return [], []
        keys = [column.key for column in tables[0].columns]
        return keys, [[cell.value for cell in row.cells] for row in tables[0].rows]

    def _render(self, style: Style) -> str:
        with preserved_random_state():
            from netinspect.advice import for_python
            from netinspect.records.base import replace as changed
            from netinspect.rendering.formats import Format
            from netinspect.reports.render import render

            columns = None if style.format is Format.JSON else self.columns
            with for_python():
                return render(self.record, changed(self.styled(style), columns=columns))

    def _image(self, style: Style) -> str | bytes:
        with preserved_random_state():
            from netinspect.advice import for_python
            from netinspect.reports.render import render_file

            with for_python():
                return render_file(self.record, self.styled(style))

    def styled(self, style: Style) -> Style:
        """Return a style with the options of this view."""
        return style

    def __str__(self) -> str:
        from netinspect.rendering.formats import TEXT_WIDTH, Style

        width = TEXT_WIDTH if self.width is None else self.width
        return self._printed(Style(width=width, cut=self.width is not None, exact=self.exact))

    def __format__(self, spec: str) -> str:
        """Format what `str` gives, as an f-string or `format` asks for: `f"{view:>80}"`."""
        return format(str(self), spec)

    def __repr__(self) -> str:
        width = _terminal_width() if self.width is None else self.width
        if width is None:
            return str(self)
        from netinspect.rendering.formats import Style

        return self._printed(Style(width=width, exact=self.exact))

    def _printed(self, style: Style) -> str:
        from netinspect._utils.stdout_text import escaped_for_stdout, stdout_is_ascii
        from netinspect.records.base import replace as changed

        if not stdout_is_ascii():
            return self._render(style).rstrip("\n")
        return escaped_for_stdout(self._render(changed(style, ascii_only=True)).rstrip("\n"))

    def _repr_html_(self) -> str:
        with preserved_random_state():
            from netinspect._utils.units import exact_numbers
            from netinspect.advice import for_python
            from netinspect.rendering.html import format_html_fragment
            from netinspect.reports.render import lay_out

            with for_python(), exact_numbers(self.exact):
                return format_html_fragment(lay_out(self.record), self.width, self.columns)

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        return {"text/plain": repr(self), "text/html": self._repr_html_()}


def _terminal_width() -> int | None:
    """Return the width of stdout's terminal in cells; None if it is not a terminal."""
    try:
        shown = sys.stdout.isatty()
    except (AttributeError, ValueError):  # None in a program without streams; closed
        return None
    return max(20, shutil.get_terminal_size().columns) if shown else None
