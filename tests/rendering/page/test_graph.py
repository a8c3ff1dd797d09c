"""Tests of the graph of a page as its reader uses it: with pointer and keys, in Chromium."""

from __future__ import annotations

from html import escape
from pathlib import Path

import pytest
import torch

import netinspect
from netinspect._utils import units
from netinspect.analysis.picture.build import picture_of_trace
from netinspect.analysis.picture.places import all_places
from netinspect.reports.cost.compute import count_cost
from tests.browser import Page
from tests.nets import groups, hostile
from tests.rendering.page.graph_pages import open_page, rows, selected, selected_key, text

pytestmark = pytest.mark.slow

BLOCKS = "blocks[0..2], Block, \u00d73"


@pytest.fixture
def gpt(page: Page, tmp_path: Path) -> Page:
    """Return the page of `tiny_gpt` with the focus on the graph."""
    open_page(page, tmp_path, "tiny_gpt")
    page.raw.locator("#graph").focus()
    return page


def choose(page: Page, query: str) -> str:
    """Go to the first box that a query finds, leave the search, and return its label."""
    page.press("/")
    page.raw.keyboard.type(query)
    page.press("Enter")
    page.press("Escape")
    return selected(page)


@pytest.mark.parametrize("target", ["lenet", "resnet18", "unet", "lstm_tagger", "shared_layer"])
def test_page_opens_without_errors_and_requests(page: Page, tmp_path: Path, target: str) -> None:
    open_page(page, tmp_path, target)
    selected(page)
    assert (page.errors, page.requests) == ([], [])
    assert page.raw.locator("#graph .box").count() > 5


def test_keys_follow_the_data_and_open_and_close(gpt: Page) -> None:
    gpt.press("ArrowRight")
    assert selected(gpt).startswith("tokens, input")
    for name in ("token_embedding, Embedding", "add, function", "blocks"):
        gpt.press("ArrowDown")
        assert selected(gpt).startswith(name)
    gpt.press("ArrowUp")
    assert selected(gpt).startswith("add, function")
    gpt.press("ArrowDown")
    gpt.press("c")
    assert "attention_norm, LayerNorm" not in " ".join(rows(gpt))
    gpt.press("ArrowRight")
    assert "attention_norm, LayerNorm" in " ".join(rows(gpt))
    gpt.press("ArrowRight")
    assert selected(gpt).startswith("attention_norm")
    gpt.press("ArrowLeft")
    gpt.press("ArrowLeft")
    assert "attention_norm, LayerNorm" not in " ".join(rows(gpt))
    assert gpt.errors == []


def test_stack_shows_chosen_box_and_all_boxes(gpt: Page) -> None:
    choose(gpt, "blocks")
    gpt.press("c")
    assert selected(gpt).startswith(BLOCKS)
    gpt.press("Enter")
    assert selected(gpt).startswith("blocks.0, Block, 1 of 3")
    gpt.press("]")
    gpt.press("]")
    assert selected(gpt).startswith("blocks.2, Block, 3 of 3")
    assert "blocks.2" in text(gpt, "#graph svg")
    # The names of what is in it follow: the place of a box is kept.
    gpt.press("ArrowRight")
    gpt.press("ArrowLeft")
    gpt.press("u")
    selected(gpt)
    labels = [each for each in rows(gpt) if each.startswith("blocks.")]
    assert [each.partition(",")[0] for each in labels] == ["blocks.0", "blocks.1", "blocks.2"]
    gpt.press("u")
    assert "blocks.2, Block, 3 of 3" in " ".join(rows(gpt))


def test_pointer_selects_opens_and_unrolls(gpt: Page) -> None:
    choose(gpt, "blocks")
    gpt.press("c")
    selected(gpt)
    box = gpt.raw.locator("#graph .box.stack")
    box.locator(".class").first.click()
    assert selected(gpt).startswith(BLOCKS)
    box.locator(".knob").click()
    assert selected(gpt).startswith("blocks.0, Block, 1 of 3")
    gpt.raw.get_by_role("button", name="Next box of the stack").click()
    assert selected(gpt).startswith("blocks.1, Block, 2 of 3")
    gpt.raw.locator("#graph .box.open .name", has_text="blocks.1").click(modifiers=["Shift"])
    assert [each.partition(",")[0] for each in rows(gpt)].count("blocks.1") == 1
    assert selected(gpt).startswith(BLOCKS)


def test_search_counts_and_opens_down_to_what_it_finds(gpt: Page) -> None:
    gpt.press("c")
    gpt.press("/")
    gpt.raw.keyboard.type("projection")
    gpt.raw.locator("#found", has_text="1 found").wait_for()
    gpt.press("Enter")
    assert selected(gpt).startswith("projection, Linear, output 2\u00d732\u00d764")
    assert text(gpt, "#found") == "1 of 1"
    gpt.press("Escape")
    gpt.press("/")
    gpt.raw.keyboard.type("blocks.1.attention.projection")
    gpt.press("Enter")
    assert selected(gpt).startswith("projection, Linear")
    assert any(each.startswith("blocks.1, Block, 2 of 3") for each in rows(gpt))
    gpt.press("Escape")
    assert choose(gpt, "2x32x256").endswith("9.3 % of MACs")


def test_search_goes_on_with_n(gpt: Page) -> None:
    gpt.press("/")
    gpt.raw.keyboard.type("LayerNorm")
    gpt.press("Enter")
    gpt.press("Escape")
    found = [selected(gpt)]
    for _ in range(3):
        gpt.press("n")
        found.append(selected(gpt))
    gpt.press("N")
    assert [each.partition(",")[0] for each in found] == [
        *("attention_norm", "perceptron_norm", "norm", "attention_norm")
    ]
    assert selected(gpt).startswith("norm, ")


def place_of(key: str) -> str:
    """Return the place of a row: an unrolled box has the number of its stack and its own, `5:2`."""
    return "/".join(str(sum(map(int, part.split(":")))) for part in key.split("/")) if key else ""


@pytest.mark.parametrize("target", ["tiny_gpt", "resnet18"])
def test_shares_equal_those_of_cost(page: Page, tmp_path: Path, target: str) -> None:
    trace = netinspect.load(target)
    report = count_cost(trace, by="module", fold=False)
    own = {row.key: row.cost.macs for row in report.rows}
    places = {
        "/".join(map(str, each.numbers)): each
        for each in all_places(picture_of_trace(trace))
        if each.template.kind == "module"
    }
    open_page(page, tmp_path, trace)
    page.press("E")
    selected(page)
    checked = 0
    for row in page.raw.get_by_role("treeitem").all():
        label, key = row.get_attribute("aria-label") or "", row.get_attribute("data-key") or ""
        place = places.get(place_of(key))
        if place and ", \u00d7" not in label:
            inside = (macs for path, macs in own.items() if f"{path}.".startswith(f"{place.path}."))
            macs = sum(inside) if place.path else report.total.macs
            assert ("of MACs" in label) == (macs > 0), label
            assert not macs or f", {units.percent(macs / report.total.macs)} of MACs" in label
            checked += macs > 0
    assert checked > 10


def test_keys_alone_reach_every_box(gpt: Page) -> None:
    places = all_places(picture_of_trace(netinspect.load("tiny_gpt")))
    expected = {"/".join(map(str, each.numbers)) for each in places}
    found: set[str] = set()
    gpt.press("E")
    last = None
    while last != (last := selected_key(gpt)):
        if gpt.raw.locator("[aria-selected=true][aria-expanded=false]").count():
            gpt.press("ArrowRight")
        found.add(place_of(last))
        gpt.press("j")
    assert found == expected
    assert gpt.errors == []


def test_group_shows_the_names_of_the_chosen_one(page: Page, tmp_path: Path) -> None:
    open_page(page, tmp_path, groups.Pairs(), torch.zeros(2, 4))
    page.raw.locator("#graph").focus()
    page.press("c")
    page.press("ArrowRight")
    page.press("ArrowDown")
    assert selected(page).startswith("resnets[0..1], attentions[0..1], Block + Sequential, \u00d72")
    page.press("Enter")
    page.press("]")
    assert selected(page).startswith("resnets.1, attentions.1, Block + Sequential, 2 of 2")
    assert [each.partition(", ")[0] for each in rows(page)][3:5] == ["resnets.1", "attentions.1"]
    page.press("[")
    assert [each.partition(", ")[0] for each in rows(page)][3:5] == ["resnets.0", "attentions.0"]
    choose(page, "attentions.1.0.linear")
    assert "resnets.1" in [each.partition(", ")[0] for each in rows(page)]
    assert "attentions.1.0.linear" in text(page, "#detail")
    assert page.errors == []


def test_outline_is_a_tree_with_levels_and_the_selection(gpt: Page) -> None:
    tree = gpt.raw.get_by_role("tree")
    tree.focus()
    gpt.press("Home")
    gpt.press("ArrowDown")
    assert selected(gpt).startswith("tokens, input")
    row = gpt.raw.locator("[role=treeitem][aria-selected=true]")
    names = ("aria-level", "aria-posinset", "aria-setsize", "aria-expanded")
    assert [row.get_attribute(name) for name in names] == ["2", "1", "9", None]
    assert tree.get_attribute("aria-activedescendant") == row.get_attribute("id")
    assert text(gpt, "#live").startswith("tokens, input")


def test_address_keeps_selection_and_open_boxes(gpt: Page) -> None:
    choose(gpt, "blocks")
    gpt.press("u")
    before = (selected(gpt), rows(gpt))
    gpt.run("new Promise((done) => setTimeout(done, 400))")
    gpt.raw.reload()
    assert (selected(gpt), rows(gpt)) == before
    assert gpt.errors == []


@pytest.mark.parametrize(
    "address",
    ["heat=toString", "tab=constructor", "shown=4=0.5&open=4=1.5", "at=9/9&open=9", "%E0%A4%A"],
)
def test_address_of_another_page_is_harmless(page: Page, tmp_path: Path, address: str) -> None:
    open_page(page, tmp_path, "tiny_gpt")
    page.raw.goto("about:blank")
    page.raw.goto(f"{(tmp_path / 'page.html').as_uri()}#{address}")
    selected(page)
    assert page.errors == []
    assert page.raw.locator("#graph .box").count() > 5


def test_page_works_in_a_sandboxed_frame(page: Page, tmp_path: Path) -> None:
    html = netinspect.page("lenet").html
    file = tmp_path / "notebook.html"
    file.write_text(
        '<!DOCTYPE html><iframe sandbox="allow-scripts" width="1200" height="700"'
        f' srcdoc="{escape(html)}"></iframe>',
        encoding="utf-8",
    )
    page.open(file, width=1300, height=800)
    frame = page.raw.frame_locator("iframe")
    frame.locator("#graph").focus()
    page.press("ArrowRight")
    frame.locator("[aria-selected=true]", has_text="x").wait_for()
    page.run("new Promise((done) => setTimeout(done, 400))")
    assert (page.errors, page.requests) == ([], [])


@pytest.mark.parametrize("fails", [False, True])
def test_names_from_a_model_are_only_text(page: Page, tmp_path: Path, fails: bool) -> None:
    open_page(page, tmp_path, hostile.Hostile(fails), torch.ones(2, 4))
    page.raw.locator("#graph").focus()
    page.press("e")
    choose(page, "script")
    assert "<script>alert(1)</script>" in text(page, "#outline")
    assert page.raw.locator("#panels script").count() == 0
    assert (page.errors, page.requests) == ([], [])


def test_failed_call_is_open_and_explained(page: Page, tmp_path: Path) -> None:
    open_page(page, tmp_path, "lenet", torch.ones(2, 1, 32, 32))
    box = page.raw.locator("#graph .box.failed", has=page.raw.locator(".mark"))
    found = box.text_content() or ""
    assert all(each in found for each in ("fc1", "400", "try: "))
    assert page.raw.locator("#graph .box.failed").count() >= 2
    assert page.raw.locator("#graph .box.failed .mark").count() == 1
    assert selected(page).startswith("linear, function")
    assert page.raw.locator("#graph .outline.selected").count() == 1
    assert page.errors == []


def test_elements_are_bounded_with_everything_open(page: Page, tmp_path: Path) -> None:
    stack = torch.nn.Sequential(
        *(torch.nn.Sequential(*(_Residual() for _ in range(30))) for _ in range(30))
    )
    open_page(page, tmp_path, stack, torch.ones(1, 8))
    page.raw.locator("#graph").focus()
    page.press("E")
    assert page.run("document.querySelector('#outline [role=tree]').offsetHeight / 24") > 4_000
    for key in ["-"] * 30:
        page.press(key)
        selected(page)
        assert page.run("document.querySelectorAll('*').length") < 1_500
    assert page.errors == []


class _Residual(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.linear = torch.nn.Linear(8, 8)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        found: torch.Tensor = x + torch.relu(self.linear(x)) * torch.tanh(x)
        return found
