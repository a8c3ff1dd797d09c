"""Tests of the check by axe-core: it finds violations, also in frames and under a strict policy."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.accessibility import axe_violations
from tests.browser import Page

pytestmark = pytest.mark.slow

GOOD = (
    "<!DOCTYPE html><html lang=en><meta charset=utf-8><title>t</title>"
    "<meta http-equiv=Content-Security-Policy content=\"default-src 'none'; style-src 'unsafe-inline'\">"
    "<main><h1>Title</h1><button>Open</button><p>text</main>"
)


def test_axe_accepts_good_page(page: Page, tmp_path: Path) -> None:
    (tmp_path / "page.html").write_text(GOOD, encoding="utf-8")
    page.open(tmp_path / "page.html")
    assert axe_violations(page) == []
    assert (page.errors, page.requests) == ([], [])


@pytest.mark.parametrize(
    ("body", "rule"),
    [
        ("<button></button>", "button-name"),
        ("<p style='color: #aaa'>text", "color-contrast"),
        ("<div role=treeitem>x</div>", "aria-required-parent"),
        (
            "<div role=tree aria-expanded=perhaps><div role=treeitem>x</div></div>",
            "aria-valid-attr-value",
        ),
        (
            "<iframe title=f sandbox=allow-scripts srcdoc='<html lang=en><title>t</title>a<img>'>",
            "image-alt",
        ),
        (
            "<div style='height: 9px; overflow: scroll'><p style='height: 99px'>x</div>",
            "scrollable-region",
        ),
    ],
)
def test_axe_finds_violation(page: Page, tmp_path: Path, body: str, rule: str) -> None:
    (tmp_path / "page.html").write_text(GOOD + body, encoding="utf-8")
    page.open(tmp_path / "page.html")
    (found,) = axe_violations(page)
    assert found.startswith(rule)
