"""Pages for tests, written once for each process, and what a browser reads from them."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

from models.lenet import LeNet

import netinspect
from tests.browser import Page

_FOLDER = Path(mkdtemp(prefix="pages-"))


@cache
def write_page(target: str, **options: Any) -> Path:
    """Write the page of a target; each combination of options once."""
    file = _FOLDER / f"{len(list(_FOLDER.iterdir()))}.html"
    # The memory of a live model is tracked in this process, which takes less time.
    model: Any = LeNet() if options.get("memory") else target
    netinspect.page(model, **options).save(file)
    return file


def open_tab(page: Page, name: str) -> None:
    """Show a tab of the page."""
    page.raw.get_by_role("tab", name=name).click()


def table_rows(page: Page, label: str) -> list[list[str]]:
    """Return the cells of the rows of a table."""
    cells = "[...row.cells].map((cell) => cell.innerText.trim())"
    rows_of = """[...document.querySelectorAll(`[aria-label="${label}"] tbody tr`)]"""
    script = f"(label) => {rows_of}.map((row) => {cells})"
    rows: list[list[str]] = page.raw.evaluate(script, label)
    return rows
