"""Tests of what a reader sees of the page at first: the stage, its bar, the header, and choices."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import netinspect
from tests.browser import Page
from tests.rendering.page.graph_pages import open_page, text
from tests.rendering.page.pages import open_tab, table_rows, write_page

NARROW: dict[str, Any] = {"width": 390, "height": 844}
WIDE: dict[str, Any] = {"width": 1440, "height": 900}


class Wide(nn.Module):
    """Many branches next to each other, so that the graph is much wider than a phone."""

    def __init__(self) -> None:
        super().__init__()
        self.branches = nn.ModuleList(nn.Linear(4, 4 + at) for at in range(12))

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([each(x) for each in self.branches], dim=1)


class Cache(nn.Module):
    """A model that returns many tensors."""

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        return {f"key_{at}": x + at for at in range(20)}


@pytest.fixture(autouse=True)
def _short_waits(page: Page) -> None:
    page.raw.set_default_timeout(20_000)


def rectangle(page: Page, selector: str) -> dict[str, float]:
    """Return the place of an element in the window."""
    found: Any = page.raw.locator(selector).first.bounding_box()
    assert found, selector
    return found


@pytest.mark.parametrize("size", [NARROW, WIDE], ids=["narrow", "wide"])
def test_legend_and_buttons_cover_nothing(page: Page, size: dict[str, Any]) -> None:
    page.open(write_page("resnet18"), **size)
    graph = rectangle(page, "#graph")
    for selector in ("#legend", ".zoom"):
        assert rectangle(page, selector)["y"] >= graph["y"] + graph["height"] - 0.5
    steps, title, zoom = (
        rectangle(page, each) for each in (".legend-steps", ".legend-title > span", ".zoom")
    )
    for each in (steps, title):
        is_beside = each["x"] + each["width"] <= zoom["x"]
        is_above = each["y"] + each["height"] <= zoom["y"] + 0.5
        is_below = each["y"] >= zoom["y"] + zoom["height"] - 4
        assert is_beside or is_above or is_below
    page.raw.get_by_role("button", name="Fit into the window").click(timeout=5000)


def test_first_view_is_legible_on_a_phone(page: Page, tmp_path: Path) -> None:
    file = tmp_path / "page.html"
    netinspect.page(Wide(), torch.zeros(1, 4)).save(file)
    page.open(file, **NARROW)
    page.raw.locator("#graph .name").first.wait_for()
    assert page.raw.locator("#graph .box.input").count() == 1
    graph, box = rectangle(page, "#graph"), rectangle(page, "#graph .box.input")
    assert graph["x"] <= box["x"]
    assert box["x"] + box["width"] <= graph["x"] + graph["width"]


@pytest.mark.parametrize("asked", ["nonsense", "toString", "macs"])
def test_heat_of_the_address_is_one_that_the_picture_has(page: Page, asked: str) -> None:
    page.open(write_page("lenet"), **WIDE)
    page.run(f"location.hash = 'heat={asked}'")
    page.run("new Promise((done) => setTimeout(done, 100))")
    assert "MACs" in text(page, ".legend-title")
    assert page.raw.locator("#heat").input_value() == "macs"
    assert page.errors == []


def test_choice_of_colour_and_direction(page: Page) -> None:
    page.open(write_page("lenet"), **WIDE)
    page.raw.locator("#heat").select_option("params")
    assert "44.43 k parameters" in text(page, ".legend-title")
    page.raw.locator("#heat").select_option("")
    assert page.raw.locator("#legend").is_hidden()
    before = rectangle(page, "#graph .box.open")
    page.raw.locator("#direction").click()
    page.run("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
    after = rectangle(page, "#graph .box.open")
    assert before["height"] > before["width"]
    assert after["width"] > after["height"]
    assert text(page, "#direction") == "TB"


def test_choices_of_colour_are_what_a_checkpoint_has(page: Page, tmp_path: Path) -> None:
    torch.save(nn.Sequential(nn.Linear(3, 2), nn.Linear(2, 2)).state_dict(), tmp_path / "net.pt")
    file = tmp_path / "page.html"
    netinspect.page(str(tmp_path / "net.pt")).save(file)
    page.open(file, **WIDE)
    assert page.raw.locator("#heat option").all_text_contents() == ["parameters", "none"]
    assert page.raw.locator("#heat").input_value() == "params"


def test_list_of_keys_opens_by_a_button_in_the_middle(page: Page) -> None:
    page.open(write_page("lenet"), **WIDE)
    page.raw.get_by_role("button", name="Keys").click()
    dialog = rectangle(page, "dialog.keys")
    assert abs(dialog["x"] + dialog["width"] / 2 - WIDE["width"] / 2) < 20
    assert abs(dialog["y"] + dialog["height"] / 2 - WIDE["height"] / 2) < 20


def test_facts_of_the_header_are_whole(page: Page) -> None:
    page.open(write_page("two_inputs"), **WIDE)
    facts = "[...document.querySelectorAll('#facts dd')]"
    cut = f"{facts}.filter((each) => each.scrollWidth > each.clientWidth + 1).length"
    page.run("document.querySelector('#facts dd').textContent = 'word '.repeat(60)")
    assert page.run(cut) == 0


def test_detail_folds_long_lists(page: Page, tmp_path: Path) -> None:
    open_page(page, tmp_path, Cache(), torch.zeros(1, 2))
    more = page.raw.locator("#detail details")
    assert more.locator("summary").inner_text() == "16 more"
    assert not more.locator("li").first.is_visible()
    more.locator("summary").click()
    assert more.locator("li").last.inner_text().endswith("key_19")


def test_detail_names_far_readers_by_path(page: Page) -> None:
    page.open(write_page("resnet18"), **WIDE)
    open_tab(page, "Table")
    page.raw.get_by_role("button", name="bn2", exact=True).first.click()
    page.raw.locator("#graph").focus()
    page.press("ArrowDown")
    assert "layer1.1" in page.raw.locator("#detail .chip").all_inner_texts()


def test_wrong_size_is_marked_without_its_sign(page: Page, tmp_path: Path) -> None:
    open_page(page, tmp_path, nn.Sequential(nn.Flatten(), nn.Linear(4, 2)), torch.zeros(3, 5))
    page.raw.locator("#graph .wrong").first.wait_for()
    assert page.raw.locator("#graph .wrong").all_text_contents() == ["[5]", "[4]"]


def test_memory_tab_says_once_why_it_is_empty(page: Page) -> None:
    page.open(write_page("lenet"), **WIDE)
    open_tab(page, "Memory")
    assert page.raw.locator("#panel-memory p").count() == 1
    assert "not tracked" in text(page, "#panel-memory")


def test_folded_rows_have_the_names_of_all_blocks(page: Page) -> None:
    page.open(write_page("resnet18"), **WIDE)
    open_tab(page, "Table")
    names = [each[0] for each in table_rows(page, "Modules")]
    assert "0..1\N{MULTIPLICATION SIGN}2" in {"".join(each.split()) for each in names}


def test_rows_of_the_table_are_low_on_a_phone(page: Page) -> None:
    page.open(write_page("resnet18"), **NARROW)
    open_tab(page, "Table")
    heights: Any = page.run(
        "[...document.querySelectorAll('#panel-table tbody tr')].map((each) => each.offsetHeight)"
    )
    assert max(heights) <= 60


def test_difference_is_explained_and_reached_by_keys(page: Page, tmp_path: Path) -> None:
    one = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU())
    other = nn.Sequential(nn.Conv2d(1, 4, 3, stride=2), nn.ReLU(), nn.Flatten())
    open_page(page, tmp_path, one, torch.zeros(1, 1, 8, 8), against=other)
    assert "only in B" in text(page, "#legend")
    page.raw.locator("#graph").focus()
    seen = []
    for _ in range(3):
        page.press("n")
        seen.append(text(page, "#detail"))
    assert any("differs between A and B" in each for each in seen)
    assert any("only in B" in each for each in seen)
    page.press("p")
    assert text(page, "#detail") == seen[1]
    assert page.errors == []
