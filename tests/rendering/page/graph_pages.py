"""Pages for tests in a browser, and the scripts of the page on their own."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import netinspect
from netinspect.rendering.page.page import ASSETS, START
from tests.browser import Page


def open_page(page: Page, folder: Path, model: Any, *args: Any, **options: Any) -> None:
    """Write the page of a model to a folder, and open it at a common size of a window."""
    file = folder / "page.html"
    file.write_text(netinspect.page(model, *args, **options).html, encoding="utf-8")
    page.raw.set_default_timeout(20_000)
    page.open(file, width=1440, height=900)


def evaluate(page: Page, data: Any, expression: str) -> Any:
    """Return the value of an expression on `data`, with the scripts of the page around it."""
    texts = [each.read_text(encoding="utf-8") for each in ASSETS.glob("*.js") if each.name != START]
    script = "\n".join((*texts, f"const data = {json.dumps(data)};", f"return ({expression.strip()});"))
    return page.run(f'(() => {{ "use strict";\n{script} }})()')


def text(page: Page, selector: str) -> str:
    """Return the text in an element."""
    return page.raw.locator(selector).text_content() or ""


def rows(page: Page) -> list[str]:
    """Return the labels of the rows of the outline that are in its window, after it has been drawn."""
    _wait_until_drawn(page)
    # All in one call: rows may be replaced between two calls.
    script = "rows => rows.map(row => row.getAttribute('aria-label') || '')"
    labels: list[str] = page.raw.get_by_role("treeitem").evaluate_all(script)
    return labels


def selected(page: Page) -> str:
    """Return the label of the selected row of the outline, after the page has been drawn."""
    return _attribute_of_selected(page, "aria-label")


def selected_key(page: Page) -> str:
    """Return the key of the selected box."""
    return _attribute_of_selected(page, "data-key")


def _attribute_of_selected(page: Page, name: str) -> str:
    _wait_until_drawn(page)
    return page.raw.locator("[role=treeitem][aria-selected=true]").get_attribute(name) or ""


def _wait_until_drawn(page: Page) -> None:
    page.run("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
