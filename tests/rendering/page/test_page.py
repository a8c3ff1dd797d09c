"""Tests of the page in a browser: its numbers, its policy, and access by keyboard and screen reader."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from models.lenet import LeNet
from torch import nn

import netinspect
from netinspect._utils import units
from netinspect.rendering.page import page as assembly
from tests.accessibility import axe_violations
from tests.browser import Page
from tests.rendering.page.pages import open_tab, table_rows, write_page
from tests.support import Outcome

EN_DASH = "\N{EN DASH}"
TABS = ("Graph", "Table", "Source", "Parameters", "Memory", "Cost")
WITHIN = {**dict.fromkeys(TABS), "Graph": "#detail"}
"""Selectors of what is checked here; the graph and its outline are checked by their own tests."""


def test_page_is_the_same_for_equal_traces() -> None:
    trace = netinspect.load("lenet", stats=True, code=True)
    assert netinspect.page(trace).html == netinspect.page(trace).html
    assert netinspect.page("lenet").html == netinspect.page(trace).html


def test_policy_allows_only_own_script_and_style() -> None:
    html = netinspect.page("lenet").html
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', html)
    assert policy
    assert policy[1].startswith("default-src 'none'; base-uri 'none'; form-action 'none'; ")
    for element, directive in (("script", "script-src"), ("style", "style-src")):
        text = re.search(rf"<{element}>(.*?)</{element}>", html, re.DOTALL)
        assert text
        digest = base64.b64encode(hashlib.sha256(text[1].encode()).digest()).decode()
        assert f"{directive} 'sha256-{digest}'" in policy[1]
    assert not re.search(r"""(?:src|href)=["'](?!#)""", html)


def test_without_comments_keeps_code() -> None:
    text = "// a\n/** b\n * c */\n  const x = 1; // d\n\n/* e */\n.f { g: h; }\n"
    assert assembly.without_comments(text) == "const x = 1; // d\n.f { g: h; }"


@pytest.mark.parametrize("tab", TABS)
def test_tab_has_no_error_and_no_violation(page: Page, tab: str) -> None:
    page.open(write_page("lenet", memory=True), width=1440, height=900)
    open_tab(page, tab)
    assert page.errors == []
    assert page.requests == []
    assert axe_violations(page, WITHIN[tab]) == []


@pytest.mark.parametrize("tab", TABS)
def test_tab_fits_a_phone_and_dark_theme(page: Page, tab: str) -> None:
    page.open(write_page("lenet", memory=True), width=390, height=844, dark=True)
    open_tab(page, tab)
    assert page.run("document.scrollingElement.scrollWidth") <= 390
    assert axe_violations(page, WITHIN[tab]) == []


def test_table_has_the_numbers_of_summary(page: Page) -> None:
    page.open(write_page("resnet18"))
    open_tab(page, "Table")
    page.raw.get_by_label("fold identical blocks").uncheck()
    summary: Any = netinspect.summary("resnet18", fold=False)
    shown = table_rows(page, "Modules")
    assert len(shown) == len(summary.record.rows)
    for cells, row in zip(shown, summary.record.rows, strict=True):
        assert cells[0].startswith(row.name or "ResNet18")
        assert cells[1] == row.class_name
        assert cells[3] == (units.count(row.parameters) if row.parameters else EN_DASH)
        assert cells[5] == (units.short(row.cost.macs) if row.cost.macs else EN_DASH)


def test_table_is_sorted_and_filtered(page: Page) -> None:
    page.open(write_page("lenet"))
    open_tab(page, "Table")
    page.raw.get_by_role("button", name="MACs", exact=True).click()
    assert [row[0] for row in table_rows(page, "Modules")][:3] == ["LeNet", "conv2", "conv1"]
    heading = page.raw.get_by_role("columnheader", name="MACs", exact=True)
    assert heading.get_attribute("aria-sort") == "descending"
    page.raw.get_by_label("Filter modules").fill("linear")
    assert [row[0] for row in table_rows(page, "Modules")] == ["fc1", "fc2", "fc3"]


def test_cost_has_the_numbers_of_cost(page: Page) -> None:
    page.open(write_page("tiny_gpt"))
    open_tab(page, "Cost")
    record: Any = netinspect.cost("tiny_gpt", by="operator").record
    expected = {
        row.key: [units.count(row.calls), units.short(row.cost.macs) if row.cost.macs else EN_DASH]
        for row in record.rows
    }
    assert {row[0]: row[2:4] for row in table_rows(page, "Operators")} == expected
    assert f"{units.count(record.total.macs)} MACs" in page.run("document.body.innerText")


def test_parameters_have_the_numbers_of_params(page: Page) -> None:
    page.open(write_page("lenet"))
    open_tab(page, "Parameters")
    rows: Any = netinspect.params("lenet", stats=True, buffers=True).record.rows
    shown = table_rows(page, "Parameters and buffers")
    assert [cells[0] for cells in shown] == [row.name for row in rows]
    for cells, row in zip(shown, rows, strict=True):
        assert cells[3] == units.count(row.elements)
        for text, name in zip(cells[5:9], ("mean", "std", "min", "max"), strict=True):
            assert float(text) == pytest.approx(getattr(row.statistics, name), rel=2e-3)


def test_memory_has_the_peak_of_memory(page: Page) -> None:
    page.open(write_page("lenet", memory=True))
    open_tab(page, "Memory")
    record: Any = netinspect.memory(LeNet()).record
    assert page.run("Number(document.getElementById('peak').dataset.bytes)") == record.peak.total
    shown = {row[0]: row[2] for row in table_rows(page, "Modules at the peak")}
    assert shown == {row.path or "LeNet": units.size(row.total) for row in record.modules}


def test_rows_and_lines_lead_to_boxes_and_back(page: Page) -> None:
    page.open(write_page("lenet"), width=1440, height=900)
    open_tab(page, "Table")
    page.raw.get_by_role("button", name="conv2").click()
    assert page.raw.get_by_role("tab", name="Graph").get_attribute("aria-selected") == "true"
    detail = page.raw.locator("#detail")
    assert detail.locator("h2").inner_text() == "conv2"
    assert "1,536,000" in detail.inner_text()
    detail.get_by_role("button", name="models/lenet.py:30").click()
    boxes = page.raw.get_by_label("Boxes of the line")
    assert boxes.get_by_role("button").all_inner_texts() == ["conv2", "relu", "max_pool2d"]
    boxes.get_by_role("button", name="max_pool2d").click()
    assert detail.locator("h2").inner_text() == "max_pool2d"
    detail.get_by_role("button", name="relu").click()
    assert detail.locator("h2").inner_text() == "relu"


def test_tabs_are_reached_by_keyboard(page: Page) -> None:
    page.open(write_page("lenet"))
    page.raw.get_by_role("tab", name="Graph").focus()
    for name in (*TABS[1:], "Graph"):
        page.press("ArrowRight")
        selected = page.raw.locator("[role=tab][aria-selected=true]")
        assert selected.inner_text() == name
        assert page.run("document.activeElement.innerText") == name


def test_failure_is_explained(page: Page) -> None:
    page.open(write_page("lenet", inputs="10x1x32x32"), width=1440, height=900)
    text = page.raw.get_by_role("region", name="Failure").inner_text()
    assert "forward failed" in text
    assert "mat1 and mat2 shapes cannot be multiplied" in text
    assert page.errors == []
    assert axe_violations(page, "#failure") == []


@pytest.mark.parametrize("target", ["lstm_tagger", "shared_layer", "two_inputs", "encoder"])
def test_other_samples_have_no_errors(page: Page, target: str) -> None:
    page.open(write_page(target))
    for tab in TABS:
        open_tab(page, tab)
    assert page.errors == []


def test_hostile_names_are_texts(page: Page, tmp_path: Path) -> None:
    model = nn.Sequential()
    model.add_module("</script><img src=x onerror=alert(1)>", nn.Linear(2, 2))
    model.add_module("\u202e\u2028<!--", nn.ReLU())
    file = tmp_path / "page.html"
    netinspect.page(model, torch.zeros(1, 2)).save(file)
    text = file.read_text(encoding="utf-8")
    assert "<img" not in text
    assert "\u202e" not in text
    page.open(file)
    open_tab(page, "Table")
    assert "</script><img src=x onerror=alert(1)>" in table_rows(page, "Modules")[1][0]
    assert page.errors == []


def test_page_does_not_have_the_home_folder(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, cli: Callable[..., Outcome]
) -> None:
    home = tmp_path / "someone"
    (home / "work").mkdir(parents=True)
    lenet = Path(netinspect.__file__).parents[2] / "models" / "lenet.py"
    (home / "work" / "net.py").write_text(lenet.read_text(encoding="utf-8"), encoding="utf-8")
    monkeypatch.setenv("HOME", str(home))
    outcome = cli("page", str(home / "work" / "net.py:LeNet"), "-o", str(tmp_path / "page.html"))
    assert outcome.code == 0, outcome.err
    assert "someone" not in (tmp_path / "page.html").read_text(encoding="utf-8")


def test_page_without_source(page: Page) -> None:
    file = write_page("lenet", source=False)
    assert "F.relu(self.conv1(x))" not in file.read_text(encoding="utf-8")
    page.open(file)
    open_tab(page, "Source")
    assert "left out on request" in page.raw.locator("#panel-source").inner_text()


def test_print_has_the_graph_and_all_tables(page: Page) -> None:
    page.open(write_page("lenet"), width=760, height=1000)
    page.run("dispatchEvent(new Event('beforeprint'))")
    page.raw.emulate_media(media="print")
    figure = page.raw.get_by_role("img", name="Graph of LeNet")
    assert "conv2" in (figure.text_content() or "")
    headings = page.raw.locator(".pane > h2").all_inner_texts()
    assert headings == [*TABS[1:]]
    assert page.run("document.scrollingElement.scrollWidth") <= 760
    assert page.errors == []


def test_notebook_shows_the_page_in_a_frame(page: Page, tmp_path: Path) -> None:
    view = netinspect.page("lenet")
    file = tmp_path / "notebook.html"
    file.write_text(f"<!DOCTYPE html><title>notebook</title>{view._repr_html_()}", encoding="utf-8")
    page.open(file)
    frame = page.raw.frame_locator("iframe")
    frame.get_by_role("tab", name="Table").click()
    assert frame.get_by_role("button", name="conv1").inner_text() == "conv1"
    assert page.errors == []


def test_contrast_of_colours() -> None:
    """Texts have a contrast of at least 4.5 with each ground that they are on, in both themes."""
    style = (assembly.ASSETS / "style.css").read_text(encoding="utf-8")
    colours = {
        name: (light, dark)
        for name, light, dark in re.findall(
            r"--(\w[\w-]*): light-dark\((#[0-9a-f]{6}), (#[0-9a-f]{6})\)", style
        )
    }
    for text in ("ink", "dim", "accent", "bad"):
        for ground in ("ground", "box", "soft", "chosen", "bad-ground"):
            for theme in (0, 1):
                ratio = _contrast(colours[text][theme], colours[ground][theme])
                assert ratio >= 4.5, (text, ground, theme, ratio)


def _contrast(one: str, other: str) -> float:
    def luminance(colour: str) -> float:
        parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
        red, green, blue = (
            part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
        )
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)
