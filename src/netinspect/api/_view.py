"""View: a report that renders itself."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any, Generic, TypeVar

if TYPE_CHECKING:
    from netinspect.rendering.machine import Report

R = TypeVar("R", bound="Report", covariant=True)


@dataclass(frozen=True, slots=True)
class View(Generic[R]):
    """A report that can be read by programs, in `record`, and shown to people.

    In a terminal, `print` and the prompt of Python show what fits it; `text()` is always whole.
    """

    record: R

    def text(self, format: str = "rich", *, width: int | None = None, exact: bool = False) -> str:
        """Render the report, without colour.

        Args:
            format: `rich`, `plain`, `json`, `csv`, `markdown`, `latex`, `html` or `svg`.
            width: Cells on a line, for `rich`, `html` and `svg`; None for no limit, and in
                `html` for the columns that fit 110.
            exact: Numbers for people without rounding: `4,089,184,256` instead of `4.089 G`.
        """
        with _preserved_randomness():
            from netinspect.rendering.formats import Style, format_named
            from netinspect.reports.render import render

            return render(self.record, Style(format=format_named(format), width=width, exact=exact))

    def to_dicts(self) -> list[dict[str, str | int | float | bool | None]]:
        """Return the rows of the first table, unfolded, with the columns and values of `csv`.

        Values are exact: counts, bytes, whole names; None where a row has no value.
        """
        with _preserved_randomness():
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

    def __str__(self) -> str:
        return self.text(width=_terminal_width()).rstrip("\n")

    def __format__(self, spec: str) -> str:
        """Format what `str` gives, as an f-string or `format` asks for: `f"{view:>80}"`."""
        return format(str(self), spec)

    def __repr__(self) -> str:
        return str(self)

    def _repr_html_(self) -> str:
        with _preserved_randomness():
            from netinspect.rendering.html import format_html_fragment
            from netinspect.reports.render import lay_out

            return format_html_fragment(lay_out(self.record))

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        return {"text/plain": str(self), "text/html": self._repr_html_()}


@contextmanager
def _preserved_randomness() -> Iterator[None]:
    """Put the random state of Python and NumPy back at the end: Rich draws numbers for its styles.

    It does so when it is imported too. A module that was not imported before has no state of anybody's.
    """
    python, numpy = sys.modules.get("random"), sys.modules.get("numpy.random")
    python_state = None if python is None else python.getstate()
    numpy_state = None if numpy is None else numpy.get_state(legacy=False)
    try:
        yield
    finally:
        if python is not None:
            python.setstate(python_state)
        if numpy is not None:
            numpy.set_state(numpy_state)


def _terminal_width() -> int | None:
    """Return the width of stdout's terminal in cells; None if it is not a terminal."""
    try:
        shown = sys.stdout.isatty()
    except (AttributeError, ValueError):  # None in a program without streams; closed
        return None
    return max(20, shutil.get_terminal_size().columns) if shown else None
