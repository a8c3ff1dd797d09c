"""Tests of the way to the boxes that cost most."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import expect

import netinspect
from tests.browser import Page

pytestmark = pytest.mark.slow


def test_largest_goes_to_the_box_that_costs_most(page: Page, tmp_path: Path) -> None:
    file = tmp_path / "page.html"
    file.write_text(netinspect.page("lenet").html, encoding="utf-8")
    page.open(file, width=1440, height=900)
    selected = page.raw.locator("[role=treeitem][aria-selected=true]")
    page.raw.get_by_role("button", name="Go to the largest box").click()
    # 10 images x 16 channels x 8 x 8 values x 6 x 5 x 5 weights of 2,816,400 MACs
    label = str(selected.get_attribute("aria-label"))
    assert label.startswith("conv2, Conv2d")
    assert label.endswith("54.5 % of MACs")
    page.press("m")
    # The outline is drawn with the next frame.
    expect(selected).to_have_attribute("aria-label", re.compile("^conv1, Conv2d"))


def test_largest_opens_the_boxes_around_it(page: Page, tmp_path: Path) -> None:
    file = tmp_path / "page.html"
    file.write_text(netinspect.page("resnet18").html, encoding="utf-8")
    page.open(file, width=1440, height=900)
    page.raw.locator("#graph").focus()
    page.press("c")  # closes everything
    for _ in range(2):  # conv1 at the start, then the first block
        page.press("m")
    path = page.raw.locator("[role=treeitem][aria-expanded=true]").all_inner_texts()
    selected = page.raw.locator("[role=treeitem][aria-selected=true]")
    assert "Conv2d" in str(selected.get_attribute("aria-label"))
    assert any("layer" in each for each in path)
