"""Pages for tests in a browser, and the scripts of the page on their own."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import netinspect
from netinspect.rendering.page.page import ASSETS, SCRIPTS
from tests.browser import Page

_WITHOUT_PAGE = SCRIPTS[: SCRIPTS.index("camera.js")]
"""The scripts that need no document: state, texts and layout."""


def open_page(page: Page, folder: Path, model: Any, *args: Any, **options: Any) -> None:
    """Write the page of a model to a folder, and open it at a common size of a window."""
    file = folder / "page.html"
    file.write_text(netinspect.page(model, *args, **options).html, encoding="utf-8")
    page.raw.set_default_timeout(20_000)
    page.open(file, width=1440, height=900)


def evaluate(page: Page, data: Any, expression: str) -> Any:
    """Return the value of an expression on `data`, with the scripts of the page around it."""
    texts = [(ASSETS / name).read_text(encoding="utf-8") for name in _WITHOUT_PAGE]
    script = "\n".join((*texts, f"const data = {json.dumps(data)};", f"return ({expression.strip()});"))
    return page.run(f'(() => {{ "use strict";\n{script} }})()')


def rows(page: Page) -> list[str]:
    """Return the labels of the rows of the outline that are in its window."""
    return [each.get_attribute("aria-label") or "" for each in page.raw.get_by_role("treeitem").all()]


def selected(page: Page) -> str:
    """Return the label of the selected row of the outline, after the page has been drawn."""
    page.run("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
    found = page.raw.locator("[role=treeitem][aria-selected=true]")
    return found.get_attribute("aria-label") or ""
