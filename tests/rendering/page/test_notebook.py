"""Tests of the page in an executed notebook: a frame of its own that works without any request."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.accessibility import axe_violations
from tests.browser import Page
from tests.rendering.test_notebook import execute

pytestmark = pytest.mark.slow

CELLS = (
    "import torch\nfrom torch import nn\nimport netinspect\n"
    "blocks = [nn.Sequential(nn.Linear(4, 4), nn.ReLU()) for _ in range(6)]",
    "netinspect.page(nn.Sequential(*blocks), torch.ones(2, 4))",
)


@pytest.fixture(scope="module")
def notebook(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("notebook")
    (view,) = execute(folder, *CELLS)
    assert set(view["data"]) == {"text/plain", "text/html"}
    return folder


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_notebook_shows_graph_whose_boxes_open(page: Page, notebook: Path, theme: str) -> None:
    page.open(notebook / f"{theme}.html", dark=theme == "dark", width=1200)
    assert page.raw.locator("iframe").get_attribute("sandbox") == "allow-scripts"
    frame = page.raw.frame_locator("iframe")
    blocks = frame.get_by_role("treeitem", name="Sequential, 1 of 6")
    inside = frame.get_by_role("treeitem", name="Linear")
    assert blocks.get_attribute("aria-expanded") == "true"
    assert (blocks.count(), inside.count()) == (1, 1)

    frame.locator("g.box", has_text="1 of 6").locator(".knob").click()
    closed = frame.get_by_role("treeitem", name="0..5, Sequential")
    assert closed.get_attribute("aria-expanded") == "false"
    assert inside.count() == 0
    frame.locator("g.box", has_text="0..5").locator(".knob").click()
    assert blocks.get_attribute("aria-expanded") == "true"
    assert frame.locator("g.box", has_text="Linear").bounding_box() is not None

    assert axe_violations(page, "html", frame=1) == []
    assert (page.errors, page.requests) == ([], [])
