"""Tests of whole pages by axe-core, in each tab: of a model, a failed run and a checkpoint."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

import netinspect
from tests.accessibility import axe_violations
from tests.browser import Page

pytestmark = pytest.mark.slow

PAGES: dict[str, dict[str, Any]] = {
    "tiny_gpt": {"memory": True},
    "lenet": {"inputs": ["10x1x32x32"]},  # fails
    "weights.pt": {},
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pages")
    torch.save({"a.bad": torch.full((3,), torch.nan), "a.good": torch.ones(2)}, folder / "weights.pt")
    for target, options in PAGES.items():
        place = folder / target if target.endswith(".pt") else target
        netinspect.page(place, **options).save(folder / f"{target}.html")
    return folder


@pytest.mark.parametrize("target", PAGES)
@pytest.mark.parametrize(("dark", "width"), [(False, 1440), (True, 1440), (True, 390)])
def test_page_is_accessible_in_each_tab(
    page: Page, folder: Path, target: str, dark: bool, width: int
) -> None:
    page.open(folder / f"{target}.html", dark=dark, width=width, height=900)
    tabs = page.raw.get_by_role("tab")
    for tab in tabs.all():
        tab.click()
        assert axe_violations(page) == [], tab.inner_text()
        assert page.run("document.documentElement.scrollWidth") <= width
    assert tabs.count() >= 2
    assert (page.errors, page.requests) == ([], [])
